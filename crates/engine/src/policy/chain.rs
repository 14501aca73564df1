//! Chains as decisions use them: steps with every absent field resolved.

use kubemend_api::actions::ActionName;
use kubemend_api::steps::OnExpiry;
use kubemend_api::targets::WorkloadKind;
use kubemend_api::{Action, Duration, steps};

use crate::facts::Text;
use crate::moment::Millis;
use crate::world::Settings;

/// An ordered escalation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// Its links, in order; names are unique.
    pub steps: Vec<Step>,
    /// The only namespaces whose targets it may heal; `None` for all.
    pub namespaces: Option<Vec<Text>>,
}

/// One link, with every absent field resolved.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Step {
    pub name: Text,
    pub action: Action,
    pub attempts: u32,
    pub backoff_initial: Millis,
    pub backoff_factor: u32,
    pub backoff_max: Millis,
    pub timeout: Millis,
    pub stable_for: Millis,
    pub relapse_window: Millis,
    pub released_within: Option<Millis>,
    /// Of which workloads; `None` for all.
    pub kinds: Option<Vec<WorkloadKind>>,
    pub undo_after: Option<Millis>,
    /// A person must approve each attempt.
    pub approval: Option<Approval>,
}

/// How long an attempt waits for a person, and whether the chain ends where nobody approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Approval {
    pub expires: Millis,
    pub stops: bool,
}

impl Default for Approval {
    fn default() -> Self {
        Self {
            expires: DEFAULT_EXPIRES,
            stops: false,
        }
    }
}

const DEFAULT_BACKOFF: Millis = 30_000;
const DEFAULT_BACKOFF_FACTOR: u32 = 2;
const DEFAULT_BACKOFF_MAX: Millis = 300_000;
/// verify.stableFor where it is absent.
pub const DEFAULT_STABLE_FOR: Millis = 60_000;
/// verify.relapseWindow where it is absent.
pub const DEFAULT_RELAPSE_WINDOW: Millis = 600_000;
/// requireApproval.expires where it is absent.
const DEFAULT_EXPIRES: Millis = 3_600_000;

impl Step {
    /// The wait before the next attempt of this step when `failed` of them have not helped.
    pub fn backoff(&self, failed: u32) -> Millis {
        let exponent = failed.saturating_sub(1).min(30);
        let factor = i64::from(self.backoff_factor).saturating_pow(exponent);
        self.backoff_initial
            .saturating_mul(factor)
            .min(self.backoff_max)
    }

    /// The action's name.
    pub fn action_name(&self) -> ActionName {
        self.action.name()
    }
}

impl Chain {
    /// Compiles steps; a step that this version cannot read is a problem and ends the chain there,
    /// because what follows it is its escalation. A Job runs with rights in its namespace, so whoever may write
    /// strategies for a cluster has to name it.
    pub fn compile(
        (steps, namespaces): (&[steps::Step], Option<&[String]>),
        field: &str,
        settings: &Settings,
        problems: &mut Vec<String>,
    ) -> Self {
        let texts = |all: &[String]| all.iter().map(|one| one.as_str().into()).collect();
        let mut chain = Self {
            steps: Vec::new(),
            namespaces: namespaces.map(texts),
        };
        for (index, step) in steps.iter().enumerate() {
            if chain.steps.iter().any(|one| *one.name == step.name) {
                problems.push(format!(
                    "{field}[{index}].name: step {:?} is there twice; rename one",
                    step.name
                ));
                break;
            }
            let Some(action) = step.action.only() else {
                problems.push(format!(
                    "{field}[{index}].action: no single action that this version knows; write one of {}",
                    ActionName::list()
                ));
                break;
            };
            if matches!(action, Action::Job(_)) && namespaces.is_none() {
                problems.push(format!(
                    "{field}[{index}].action.job: works only in a ClusterRecoveryStrategy whose spec.namespaces names those that may use it"
                ));
                break;
            }
            chain.steps.push(compile_step(step, action, settings));
        }
        chain
    }

    /// Whether it may heal targets of that namespace.
    pub fn serves(&self, namespace: &str) -> bool {
        let named = self.namespaces.as_ref();
        named.is_none_or(|named| named.iter().any(|one| **one == *namespace))
    }

    /// The step of that name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| *step.name == *name)
    }
}

fn compile_step(step: &steps::Step, action: Action, settings: &Settings) -> Step {
    let attempts = step.attempts.as_ref();
    let backoff = attempts.and_then(|one| one.backoff.as_ref());
    let verify = step.verify.as_ref();
    let millis = |value: Option<&Duration>, absent| value.map_or(absent, Duration::as_millis);
    let initial = millis(
        backoff.and_then(|one| one.initial.as_ref()),
        DEFAULT_BACKOFF,
    );
    Step {
        name: step.name.as_str().into(),
        action,
        attempts: attempts.and_then(|one| one.max).unwrap_or(1),
        backoff_initial: initial,
        backoff_factor: backoff
            .and_then(|one| one.factor)
            .unwrap_or(DEFAULT_BACKOFF_FACTOR),
        backoff_max: millis(
            backoff.and_then(|one| one.max.as_ref()),
            DEFAULT_BACKOFF_MAX,
        )
        .max(initial),
        timeout: millis(
            verify.and_then(|one| one.timeout.as_ref()),
            settings.verify_timeout,
        ),
        stable_for: millis(
            verify.and_then(|one| one.stable_for.as_ref()),
            DEFAULT_STABLE_FOR,
        ),
        relapse_window: millis(
            verify.and_then(|one| one.relapse_window.as_ref()),
            DEFAULT_RELAPSE_WINDOW,
        ),
        released_within: step
            .only_if
            .as_ref()
            .and_then(|one| one.released_within.as_ref())
            .map(Duration::as_millis),
        kinds: step.only_if.as_ref().and_then(|one| one.kinds.clone()),
        undo_after: step.undo.as_ref().map(|undo| undo.after.as_millis()),
        approval: step.require_approval.as_ref().map(|one| Approval {
            expires: millis(one.expires.as_ref(), DEFAULT_EXPIRES),
            stops: one.on_expiry == OnExpiry::Stop,
        }),
    }
}
