//! Policies and strategies as decisions use them: parsed once, with every doubt ended here.

mod chain;

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::ObjectMeta;
use kubemend_api::actions::ActionName;
use kubemend_api::calendar;
use kubemend_api::limits::{History, PolicyBudget, Restrict};
use kubemend_api::policy::{PolicyRule, PolicyStatus, StrategyKind};
use kubemend_api::strategy::StrategyStatus;
use kubemend_api::targets::{Namespaces, Targets, WorkloadKind, WorkloadName};
use kubemend_api::triggers::TriggerName;
use kubemend_api::{ClusterHealingPolicy, Duration, HealingPolicy, Mode, Trigger};

use crate::calendar::Window;
use crate::facts::{Name, NamespaceFacts, Text, WorkloadFacts};
use crate::select;
use crate::world::Settings;

pub use chain::{Approval, Chain, DEFAULT_RELAPSE_WINDOW, DEFAULT_STABLE_FOR, Step};

/// A policy by namespace and name; the namespace is empty for the cluster kind.
pub type PolicyId = Name;

/// A policy, compiled.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Policy {
    pub id: PolicyId,
    pub uid: Text,
    pub version: Text,
    pub generation: i64,
    pub mode: Mode,
    pub priority: i32,
    /// `None` for a namespaced policy: its own namespace.
    pub namespaces: Option<Namespaces>,
    pub targets: Targets,
    pub rules: Vec<Rule>,
    /// It answers failures; one without rules only restricts and limits what others do.
    pub answers: bool,
    /// What the policy writes explicitly.
    pub budget: PolicyBudget,
    pub forbid: Vec<ActionName>,
    pub require_approval: Vec<ActionName>,
    pub windows: Vec<Window>,
    pub keep_recovered: usize,
    pub keep_failed: usize,
    pub ttl: Duration,
    /// What is wrong with it, naming the field and the fix.
    pub problems: Vec<String>,
    /// The status as stored.
    pub stored: PolicyStatus,
}

/// One entry of a policy.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Rule {
    pub name: Text,
    pub trigger: Trigger,
    /// Of which workloads; `None` for all that the policy selects.
    pub kinds: Option<Vec<WorkloadKind>>,
    /// `None` where the policy's own counts.
    pub mode: Option<Mode>,
    pub chain: ChainRef,
    pub recover_within: Option<Duration>,
}

impl Rule {
    /// The mode of this rule where its policy's is that: the lower of the two.
    pub fn mode(&self, policy: Mode) -> Mode {
        self.mode.map_or(policy, |own| own.min(policy))
    }
}

/// Where a rule's chain comes from.
#[derive(Clone, Debug)]
pub enum ChainRef {
    /// Inline steps.
    Inline(Chain),
    /// A named strategy, read live.
    Named(StrategyKind, Name),
}

/// A named strategy.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Strategy {
    pub uid: Text,
    pub generation: i64,
    pub chain: Chain,
    pub problems: Vec<String>,
    /// The status as stored.
    pub stored: StrategyStatus,
}

const DEFAULT_KEEP: u32 = 10;
const DEFAULT_TTL_HOURS: i64 = 168;

impl Policy {
    /// Compiles a namespaced policy.
    pub fn namespaced(policy: &HealingPolicy, settings: &Settings) -> Self {
        let spec = &policy.spec;
        let mut compiled = Self::from_meta(&policy.metadata, spec.mode, &spec.targets);
        compiled.budget = spec.budget.clone().unwrap_or_default();
        compiled.restrict(spec.restrict.as_ref());
        compiled.open_windows(&spec.windows);
        compiled.keep(spec.history.as_ref());
        compiled.stored = policy.status.clone().unwrap_or_default();
        compiled.add_rules(&spec.rules, settings);
        compiled
    }

    /// Compiles a cluster policy.
    pub fn cluster(policy: &ClusterHealingPolicy, settings: &Settings) -> Self {
        let spec = &policy.spec;
        let mut compiled = Self::from_meta(&policy.metadata, spec.mode, &spec.targets);
        compiled.priority = spec.priority;
        compiled.namespaces = Some(spec.namespaces.clone());
        compiled.budget = spec.budget.clone().unwrap_or_default();
        compiled.restrict(spec.restrict.as_ref());
        compiled.open_windows(&spec.windows);
        compiled.keep(spec.history.as_ref());
        compiled.stored = policy.status.clone().unwrap_or_default();
        compiled.add_rules(&spec.rules, settings);
        if let Some(selector) = &spec.namespaces.selector
            && select::is_empty(selector)
        {
            compiled
                .problems
                .push("spec.namespaces.selector is empty; write all: true".to_owned());
        }
        compiled
    }

    fn from_meta(meta: &ObjectMeta, mode: Mode, targets: &Targets) -> Self {
        let text = |value: Option<&str>| Text::from(value.unwrap_or_default());
        let mut problems = Vec::new();
        if let Some(selector) = &targets.selector
            && select::is_empty(selector)
        {
            problems.push("spec.targets.selector is empty; write all: true".to_owned());
        }
        Self {
            id: Name {
                namespace: text(meta.namespace.as_deref()),
                name: text(meta.name.as_deref()),
            },
            uid: text(meta.uid.as_deref()),
            version: text(meta.resource_version.as_deref()),
            generation: meta.generation.unwrap_or_default(),
            mode,
            priority: 0,
            namespaces: None,
            targets: targets.clone(),
            rules: Vec::new(),
            answers: false,
            budget: PolicyBudget::default(),
            forbid: Vec::new(),
            require_approval: Vec::new(),
            windows: Vec::new(),
            keep_recovered: DEFAULT_KEEP as usize,
            keep_failed: DEFAULT_KEEP as usize,
            ttl: Duration::from_millis(DEFAULT_TTL_HOURS * 3_600_000),
            problems,
            stored: PolicyStatus::default(),
        }
    }

    fn restrict(&mut self, restrict: Option<&Restrict>) {
        let Some(restrict) = restrict else { return };
        self.forbid.clone_from(&restrict.forbid);
        self.require_approval.clone_from(&restrict.require_approval);
    }

    fn open_windows(&mut self, windows: &[calendar::Window]) {
        for (index, window) in windows.iter().enumerate() {
            let field = format!("spec.windows[{index}]");
            let compiled = Window::compile(window, &field, &mut self.problems);
            self.windows.push(compiled);
        }
    }

    fn keep(&mut self, history: Option<&History>) {
        let Some(history) = history else { return };
        self.keep_recovered = history.recovered.unwrap_or(DEFAULT_KEEP) as usize;
        self.keep_failed = history.failed.unwrap_or(DEFAULT_KEEP) as usize;
        if let Some(ttl) = &history.ttl {
            self.ttl = ttl.clone();
        }
    }

    fn add_rules(&mut self, rules: &[PolicyRule], settings: &Settings) {
        self.answers = !rules.is_empty();
        let mut seen = BTreeSet::new();
        for (index, rule) in rules.iter().enumerate() {
            let field = format!("spec.rules[{index}]");
            if !seen.insert(rule.name.as_str()) {
                self.problems.push(format!(
                    "{field}.name: rule {:?} is there twice; rename one",
                    rule.name
                ));
                continue;
            }
            let Some(trigger) = rule.when.only() else {
                self.problems.push(format!(
                    "{field}.when: no single trigger that this version knows; write one of {}",
                    TriggerName::list()
                ));
                continue;
            };
            let chain = match (&rule.steps, &rule.strategy_ref) {
                (Some(steps), None) => ChainRef::Inline(Chain::compile(
                    (steps, None),
                    &format!("{field}.steps"),
                    settings,
                    &mut self.problems,
                )),
                (None, Some(named)) => {
                    let namespace = match named.kind {
                        StrategyKind::RecoveryStrategy => &*self.id.namespace,
                        StrategyKind::ClusterRecoveryStrategy => "",
                    };
                    ChainRef::Named(named.kind, Name::new(namespace, &named.name))
                }
                _ => {
                    self.problems.push(format!(
                        "{field}: write exactly one of strategyRef and steps"
                    ));
                    continue;
                }
            };
            self.note_useless(&field, rule, &trigger);
            self.rules.push(Rule {
                name: rule.name.as_str().into(),
                trigger,
                kinds: rule.kinds.clone(),
                mode: rule.mode,
                chain,
                recover_within: rule.recover_within.clone(),
            });
        }
    }

    /// A rule for pods alone whose trigger only workloads show would never answer.
    fn note_useless(&mut self, field: &str, rule: &PolicyRule, trigger: &Trigger) {
        let name = trigger.name();
        let of_workloads = matches!(name, TriggerName::RolloutStalled | TriggerName::Unavailable);
        let kinds = rule.kinds.as_ref().or(self.targets.kinds.as_ref());
        let pods_alone =
            kinds.is_some_and(|kinds| kinds.iter().all(|one| *one == WorkloadKind::Pod));
        if of_workloads && pods_alone {
            self.problems.push(format!(
                "{field}.when: only workloads show {}, and this rule is for kind Pod; remove it or add other kinds",
                name.as_str()
            ));
        }
    }

    /// It is the cluster kind.
    pub fn is_cluster(&self) -> bool {
        self.namespaces.is_some()
    }

    /// `HealingPolicy/checkout`
    pub fn reference(&self) -> String {
        let kind = if self.is_cluster() {
            "ClusterHealingPolicy"
        } else {
            "HealingPolicy"
        };
        format!("{kind}/{}", self.id.name)
    }

    /// It asks for pods without a workload.
    pub fn heals_pods(&self) -> bool {
        let targets = &self.targets;
        let kinds = targets.kinds.iter().flatten();
        let named = targets.names.iter().flatten().map(|one| &one.kind);
        kinds.chain(named).any(|one| *one == WorkloadKind::Pod)
    }

    /// The rule of that name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| *rule.name == *name)
    }

    /// Whether it explicitly selects this workload, whatever its mode.
    pub fn selects(&self, workload: &WorkloadFacts, namespace: Option<&NamespaceFacts>) -> bool {
        self.covers_namespace(&workload.key.namespace, namespace)
            && self.covers_kind(workload.key.kind)
            && self.names_or_labels(workload)
            && !self
                .targets
                .exclude
                .as_ref()
                .is_some_and(|exclude| select::matches(exclude, &workload.labels))
    }

    /// Pods are healed by choice only: one that names no kinds means workloads.
    fn covers_kind(&self, kind: WorkloadKind) -> bool {
        // Who only restricts means everything that others may select.
        let unsaid = kind != WorkloadKind::Pod || self.targets.names.is_some() || !self.answers;
        let kinds = self.targets.kinds.as_ref();
        kinds.map_or(unsaid, |kinds| kinds.contains(&kind))
    }

    /// Whether it heals in this namespace.
    pub fn covers_namespace(&self, name: &str, facts: Option<&NamespaceFacts>) -> bool {
        let Some(namespaces) = &self.namespaces else {
            return *self.id.namespace == *name;
        };
        let excluded = namespaces.exclude.iter().flatten().any(|one| one == name);
        let by_label = |selector: &LabelSelector| {
            facts.is_some_and(|facts| select::selects(selector, &facts.labels))
        };
        !excluded
            && (namespaces.all == Some(true)
                || namespaces.names.iter().flatten().any(|one| one == name)
                || namespaces.selector.as_ref().is_some_and(by_label))
    }

    fn names_or_labels(&self, workload: &WorkloadFacts) -> bool {
        let key = &workload.key;
        let named = |one: &WorkloadName| one.kind == key.kind && *one.name == *key.name;
        self.targets.all == Some(true)
            || self.targets.names.iter().flatten().any(named)
            || self
                .targets
                .selector
                .as_ref()
                .is_some_and(|selector| select::selects(selector, &workload.labels))
    }

    /// The order between policies: the lowest answers. Higher priority, then namespaced before
    /// cluster, then names before selector before all, then name; never creation time.
    pub fn rank(&self) -> (i32, bool, u8, Text, Text) {
        let how = if self.targets.names.is_some() {
            0
        } else if self.targets.selector.is_some() {
            1
        } else {
            2
        };
        let priority = self.priority.saturating_neg();
        (
            priority,
            self.is_cluster(),
            how,
            self.id.name.clone(),
            self.id.namespace.clone(),
        )
    }
}
