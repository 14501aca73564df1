//! Argo CD and Flux would revert a change of the workload's spec.

use kubemend_api::limits::ActionName;

use super::Case;
use crate::episode::Request;
use crate::facts::GitOps;
use crate::hold::{No, Skip};

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    if case.step.action_name() == ActionName::RestartPod {
        return Ok(());
    }
    match case.view.workload.gitops {
        None => Ok(()),
        Some(GitOps::ArgoCd) => Err(Skip::OwnedByArgoCd.into()),
        Some(GitOps::Flux) => Err(Skip::OwnedByFlux.into()),
    }
}
