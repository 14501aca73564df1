//! Argo CD and Flux would revert a change of the workload's spec.

use kubemend_api::actions::ActionName;

use super::Case;
use crate::episode::Request;
use crate::facts::GitOps;
use crate::hold::{No, Skip};

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    match case.step.action_name() {
        // These change no field that Git has: a resize touches the pod, never its template.
        ActionName::RestartPod
        | ActionName::ResizeMemory
        | ActionName::DeletePod
        | ActionName::EscalateToNode
        | ActionName::Wait => return Ok(()),
        ActionName::RestartWorkload | ActionName::Scale | ActionName::Rollback => {}
    }
    match case.view.workload.gitops {
        None => Ok(()),
        Some(GitOps::ArgoCd) => Err(Skip::OwnedByArgoCd.into()),
        Some(GitOps::Flux) => Err(Skip::OwnedByFlux.into()),
    }
}
