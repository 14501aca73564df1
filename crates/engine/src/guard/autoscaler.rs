//! A HorizontalPodAutoscaler, KEDA's too, owns the replicas: a scale would be overwritten.

use kubemend_api::actions::ActionName;

use super::{Case, refuse};
use crate::episode::Request;
use crate::facts::WorkloadFacts;
use crate::hold::{No, Skip};
use crate::source::Source;
use crate::world::World;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let concerned = case.step.action_name() == ActionName::Scale;
    refuse(concerned, || owner(case.view.world, case.view.workload))
}

/// The autoscaler that owns the workload's replicas.
pub(super) fn owner(world: &World, workload: &WorkloadFacts) -> Option<Skip> {
    let name = world.claim_of(Source::Autoscalers, &workload.key)?;
    Some(Skip::OwnedByHpa {
        name: name.to_string(),
    })
}
