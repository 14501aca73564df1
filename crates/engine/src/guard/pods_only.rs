//! Pods without a workload: what acts on a workload has nothing to act on, and a bare pod that is deleted is lost.

use kubemend_api::actions::ActionName;
use kubemend_api::targets::WorkloadKind;

use super::Case;
use crate::episode::Request;
use crate::hold::{No, Skip};

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let key = &case.view.key;
    if key.kind != WorkloadKind::Pod {
        return Ok(());
    }
    let why = match case.step.action_name() {
        ActionName::RestartPod if key.is_bare() => "nobody would make a bare pod anew",
        // deletePod removes only what has ended.
        ActionName::RestartPod
        | ActionName::DeletePod
        | ActionName::EscalateToNode
        | ActionName::Job
        | ActionName::Wait => return Ok(()),
        ActionName::ResizeMemory => {
            "its bounds come from a workload's template, and these are pods without one"
        }
        ActionName::RestartWorkload | ActionName::Scale | ActionName::Rollback => {
            "it acts on a workload, and these are pods without one"
        }
    };
    let why = why.to_owned();
    Err(Skip::CannotApply { why }.into())
}
