//! `kubemend check --timeline`: the worst case of every rule, from detection to the end of its chain.
//!
//! The worst case is that no attempt helps, each is judged as late as its verification allows, and every
//! wait is as long as it may be. Guards may hold for longer; nothing is ever quicker than this but a cure.

use std::collections::BTreeMap;

use kubemend_api::Action;
use kubemend_api::actions::ActionName;
use kubemend_api::policy::StrategyKind;
use kubemend_api::{ClusterRecoveryStrategy, Duration, Mode, RecoveryStrategy};
use kubemend_engine::Settings;
use kubemend_engine::facts::Name;
use kubemend_engine::policy::{Approval, Chain, ChainRef, Policy, Rule, Step};

/// The strategies that come with Kubemend: a policy may name them without bringing them along.
const BUILT_IN: &str = include_str!("../../../../manifests/strategies.yaml");

/// What stands in for an absent budget.actsPerHour.
const ACTS_PER_HOUR: u32 = 10;

/// Chains by kind and name.
#[derive(Default)]
pub(super) struct Strategies(BTreeMap<(StrategyKind, Name), Chain>);

impl Strategies {
    /// Those that come with Kubemend.
    pub(super) fn built_in() -> anyhow::Result<Self> {
        let mut all = Self::default();
        for strategy in serde_saphyr::from_multiple::<ClusterRecoveryStrategy>(BUILT_IN)? {
            all.add_cluster(&strategy);
        }
        Ok(all)
    }

    pub(super) fn add_cluster(&mut self, strategy: &ClusterRecoveryStrategy) {
        let name = strategy.metadata.name.as_deref().unwrap_or_default();
        let kind = StrategyKind::ClusterRecoveryStrategy;
        let spec = &strategy.spec;
        let namespaces = spec.namespaces.as_deref();
        self.add(kind, Name::new("", name), (&spec.steps, namespaces));
    }

    pub(super) fn add_namespaced(&mut self, strategy: &RecoveryStrategy) {
        let meta = &strategy.metadata;
        let name = meta.name.as_deref().unwrap_or_default();
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let kind = StrategyKind::RecoveryStrategy;
        let steps = &strategy.spec.steps;
        self.add(kind, Name::new(namespace, name), (steps, None));
    }

    fn add(
        &mut self,
        kind: StrategyKind,
        name: Name,
        chain: (&[kubemend_api::steps::Step], Option<&[String]>),
    ) {
        let mut ignored = Vec::new();
        let chain = Chain::compile(chain, "spec.steps", &Settings::default(), &mut ignored);
        self.0.insert((kind, name), chain);
    }

    fn of<'a>(&'a self, rule: &'a Rule) -> Option<&'a Chain> {
        match &rule.chain {
            ChainRef::Inline(chain) => Some(chain),
            ChainRef::Named(kind, name) => self.0.get(&(*kind, name.clone())),
        }
    }
}

/// The worst case of each rule, line by line, and what is wrong with it.
pub(super) fn of(policy: &Policy, strategies: &Strategies) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for rule in &policy.rules {
        let title = format!("{} rule {}", policy.reference(), rule.name);
        let symptom = rule.trigger.name().title();
        match rule.mode {
            Some(Mode::Suspended) => {
                lines.push(format!("{title} is Suspended: nothing answers {symptom}"));
                continue;
            }
            Some(Mode::DryRun) => {
                lines.push(format!("{title} in DryRun, from detection of {symptom}:"));
            }
            Some(Mode::Enforce) | None => {
                lines.push(format!("{title}, from detection of {symptom}:"));
            }
        }
        match strategies.of(rule) {
            Some(chain) => {
                let first = walk(chain, policy, &mut lines);
                wrong.extend(too_late(&title, rule, first));
                let namespace = &policy.id.namespace;
                if !policy.is_cluster() && !chain.serves(namespace) {
                    wrong.push(format!(
                        "{title}: spec.namespaces of its strategy does not name {namespace}"
                    ));
                }
            }
            None => lines.push("  its strategy is in none of these files".to_owned()),
        }
    }
    (lines, wrong)
}

/// Adds a line per attempt; when the first act that may heal begins.
fn walk(chain: &Chain, policy: &Policy, lines: &mut Vec<String>) -> Option<i64> {
    let (mut at, mut first, mut touched) = (0i64, None, 0u32);
    let hourly = policy.budget.acts_per_hour.unwrap_or(ACTS_PER_HOUR);
    for step in &chain.steps {
        let action = step.action_name();
        for attempt in 1..=step.attempts {
            if let Some(expires) = asks(step, policy) {
                lines.push(format!(
                    "  T+{} {} waits for an approval, given at the last moment",
                    clock(at),
                    step.name
                ));
                at = at.saturating_add(expires);
            }
            lines.push(format!(
                "  T+{} {} ({}), attempt {attempt} of {}",
                clock(at),
                step.name,
                action.as_str(),
                step.attempts
            ));
            if !matches!(action, ActionName::Wait | ActionName::EscalateToNode) {
                first = first.or(Some(at));
            }
            touched = touched.saturating_add(units(action));
            if let Action::Job(job) = &step.action {
                at = at.saturating_add(job.timeout.as_millis());
            }
            at = at.saturating_add(step.timeout);
            if attempt < step.attempts {
                at = at.saturating_add(step.backoff(attempt));
            }
        }
    }
    lines.push(format!(
        "  T+{} exhausted, and latched until the symptom is gone",
        clock(at)
    ));
    let most = touched.min(hourly);
    lines.push(format!(
        "  at most {most} acts in an hour, of {hourly} that its budget allows"
    ));
    first
}

/// How long an attempt of this step waits for a person, where the step or its own policy asks for one; another policy
/// may ask too, and is in none of these files.
fn asks(step: &Step, policy: &Policy) -> Option<i64> {
    let restricted = policy.require_approval.contains(&step.action_name());
    let terms = step.approval.or(restricted.then(Approval::default))?;
    Some(terms.expires)
}

/// Pods that one attempt may take away, or one patch.
fn units(action: ActionName) -> u32 {
    match action {
        ActionName::RestartPod | ActionName::ResizeMemory | ActionName::DeletePod => 10,
        ActionName::RestartWorkload
        | ActionName::Scale
        | ActionName::Rollback
        | ActionName::Job => 1,
        ActionName::EscalateToNode | ActionName::Wait => 0,
    }
}

/// An objective that no act can meet: the first one begins after it.
fn too_late(title: &str, rule: &Rule, first: Option<i64>) -> Option<String> {
    let within = rule.recover_within.as_ref()?;
    let first = first.filter(|first| *first > within.as_millis())?;
    let first = Duration::from_millis(first);
    Some(format!(
        "{title}: recoverWithin is {within}, and the first act that may heal begins {first} after detection"
    ))
}

/// `5:30`, or `1:02:03` from an hour on.
fn clock(millis: i64) -> String {
    let seconds = millis.div_euclid(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}
