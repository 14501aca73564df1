//! Another operator made the workload, and brings it back to what its own resource says.

use super::{Case, refuse, writes_workload};
use crate::episode::Request;
use crate::facts::WorkloadFacts;
use crate::hold::{No, Skip};
use crate::world::World;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let concerned = writes_workload(case.step.action_name());
    refuse(concerned, || owner(case.view.world, case.view.workload))
}

/// The resource that the workload was made from. No controller of Kubernetes itself makes Deployments,
/// StatefulSets or DaemonSets, so it is somebody's operator.
pub(super) fn owner(_: &World, workload: &WorkloadFacts) -> Option<Skip> {
    let controller = workload.controller.as_deref()?;
    Some(Skip::OwnedByController {
        name: format!("{}/{}", controller.kind, controller.name),
    })
}
