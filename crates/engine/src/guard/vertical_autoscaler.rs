//! A VerticalPodAutoscaler sets the resources of the pods: a resize would be overwritten.

use kubemend_api::actions::ActionName;

use super::{Case, refuse};
use crate::episode::Request;
use crate::facts::WorkloadFacts;
use crate::hold::{No, Skip};
use crate::source::Source;
use crate::world::World;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let concerned = case.step.action_name() == ActionName::ResizeMemory;
    refuse(concerned, || owner(case.view.world, case.view.workload))
}

/// The autoscaler that owns the resources; one that only recommends owns nothing.
pub(super) fn owner(world: &World, workload: &WorkloadFacts) -> Option<Skip> {
    let name = world.claim_of(Source::VerticalAutoscalers, &workload.key)?;
    Some(Skip::OwnedByVpa {
        name: name.to_string(),
    })
}
