//! Guards: each answers one question about a resolved intent. The first "no" wins and says why; a
//! guard may also narrow the intent to what it allows.

mod forbidden;
mod pods_only;
mod useless;
mod only_if;
mod gitops;
mod flagger;
mod rollouts;
mod controller;
mod autoscaler;
mod vertical_autoscaler;
mod approval;
mod storm;
mod common_cause;
mod rollout;
mod disruption_budget;
mod unavailable;
mod budget;

use kubemend_api::Trigger;
use kubemend_api::actions::ActionName;

use crate::budget::Ledger;
use crate::cause::Cause;
use crate::episode::{Episode, Request};
use crate::facts::WorkloadFacts;
use crate::hold::{No, Skip};
use crate::policy::{Policy, Step};
use crate::storm::Storm;
use crate::view::View;
use crate::world::World;

pub use useless::why as useless;

/// What a guard may look at.
pub struct Case<'a> {
    /// The target.
    pub view: &'a View<'a>,
    /// Its episode, once there is one.
    pub episode: Option<&'a Episode>,
    /// The claiming policy.
    pub policy: &'a Policy,
    /// What is answered.
    pub trigger: &'a Trigger,
    /// The step in question.
    pub step: &'a Step,
    /// The steps after it.
    pub later: &'a [Step],
    /// What budgets count.
    pub ledger: &'a Ledger,
    /// The storm that is on, if one is.
    pub storm: Option<Storm>,
    /// What the target shares with others that fail.
    pub cause: Option<Cause>,
}

/// A guard; see the module.
pub type Guard = fn(&Case<'_>, &mut Vec<Request>) -> Result<(), No>;

/// Lasting reasons first: a step that is to be skipped must not wait for a passing one.
const GUARDS: [Guard; 18] = [
    forbidden::check,
    pods_only::check,
    useless::check,
    only_if::check,
    gitops::check,
    flagger::check,
    rollouts::check,
    controller::check,
    autoscaler::check,
    vertical_autoscaler::check,
    approval::refused,
    storm::check,
    common_cause::check,
    rollout::check,
    disruption_budget::check,
    unavailable::check,
    budget::check,
    approval::asked,
];

/// Lets the intent through, narrowed to what every guard allows, or says why not.
pub fn pass(case: &Case<'_>, intent: &mut Vec<Request>) -> Result<(), No> {
    GUARDS.iter().try_for_each(|guard| guard(case, intent))
}

/// Reasons that need no resolved intent, asked before one is resolved: a forbidden rollback is
/// skipped as forbidden even where no revision could be found.
pub fn admit(case: &Case<'_>) -> Result<(), No> {
    let mut none = Vec::new();
    GUARDS[..11]
        .iter()
        .try_for_each(|guard| guard(case, &mut none))
}

/// A later rollback that is admitted: its onlyIf holds, and nothing lasting forbids it.
fn rollback_follows(case: &Case<'_>) -> bool {
    case.later.iter().enumerate().any(|(index, step)| {
        step.action_name() == ActionName::Rollback && {
            let later = Case {
                step,
                later: &case.later[index + 1..],
                cause: case.cause.clone(),
                ..*case
            };
            admit(&later).is_ok() && crate::action::resolve(&later).is_ok()
        }
    })
}

/// Who else owns the workload's template and replicas: the first one who would take a change back, or take it
/// for one of their own.
pub fn owner(world: &World, workload: &WorkloadFacts) -> Option<Skip> {
    gitops::owner(world, workload)
        .or_else(|| flagger::owner(world, workload))
        .or_else(|| rollouts::owner(world, workload))
        .or_else(|| controller::owner(world, workload))
}

/// Who owns the replicas alone.
pub fn autoscaler(world: &World, workload: &WorkloadFacts) -> Option<Skip> {
    autoscaler::owner(world, workload)
}

/// Who owns the resources of the pods alone.
pub fn vertical_autoscaler(world: &World, workload: &WorkloadFacts) -> Option<Skip> {
    vertical_autoscaler::owner(world, workload)
}

/// Whether an action changes the workload's own fields; what changes only pods is nobody else's.
const fn writes_workload(action: ActionName) -> bool {
    match action {
        ActionName::RestartPod
        | ActionName::ResizeMemory
        | ActionName::DeletePod
        | ActionName::EscalateToNode
        | ActionName::Job
        | ActionName::Wait => false,
        ActionName::RestartWorkload | ActionName::Scale | ActionName::Rollback => true,
    }
}

/// No, where the action concerns what somebody else owns.
fn refuse(concerned: bool, owner: impl FnOnce() -> Option<Skip>) -> Result<(), No> {
    match concerned.then(owner).flatten() {
        Some(skip) => Err(skip.into()),
        None => Ok(()),
    }
}
