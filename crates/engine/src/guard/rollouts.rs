//! A Rollout of Argo Rollouts takes its pods from the workload: it releases every change of it, and scales it.

use super::{Case, refuse, writes_workload};
use crate::episode::Request;
use crate::facts::WorkloadFacts;
use crate::hold::{No, Skip};
use crate::source::Source;
use crate::world::World;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let concerned = writes_workload(case.step.action_name());
    refuse(concerned, || owner(case.view.world, case.view.workload))
}

/// The Rollout whose `workloadRef` names the workload.
pub(super) fn owner(world: &World, workload: &WorkloadFacts) -> Option<Skip> {
    let name = world.claim_of(Source::Rollouts, &workload.key)?;
    Some(Skip::OwnedByRollout {
        name: name.to_string(),
    })
}
