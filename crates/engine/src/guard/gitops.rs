//! Argo CD and Flux would revert a change of the workload's spec.

use super::{Case, refuse, writes_workload};
use crate::episode::Request;
use crate::facts::{GitOps, WorkloadFacts};
use crate::hold::{No, Skip};
use crate::world::World;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let concerned = writes_workload(case.step.action_name());
    refuse(concerned, || owner(case.view.world, case.view.workload))
}

/// Who owns the workload's spec, if it is kept in Git.
pub(super) fn owner(_: &World, workload: &WorkloadFacts) -> Option<Skip> {
    workload.gitops.map(|owner| match owner {
        GitOps::ArgoCd => Skip::OwnedByArgoCd,
        GitOps::Flux => Skip::OwnedByFlux,
    })
}
