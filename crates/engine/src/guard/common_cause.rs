//! A few targets fail together and share what fails: what acts on each of them alone is the wrong level.

use kubemend_api::actions::ActionName;
use kubemend_api::event::CauseKind;
use kubemend_api::targets::WorkloadKind;

use super::Case;
use crate::cause;
use crate::episode::Request;
use crate::hold::{Hold, No, Skip};
use crate::policy::Step;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let Some(shared) = &case.cause else {
        return Ok(());
    };
    if helps(case, shared.sign.kind) {
        return Ok(());
    }
    let of_a_place = matches!(shared.sign.kind, CauseKind::Node | CauseKind::Zone);
    let of_a_release = !of_a_place && cause::released_lately(case.view);
    let hands_over = |one: &Step| {
        one.action_name() == ActionName::EscalateToNode
            && super::useless(case.trigger.name(), ActionName::EscalateToNode).is_none()
    };
    if shared.sign.kind == CauseKind::Node && case.later.iter().any(hands_over) {
        let why = "what fails lies on a node that others share, and a later step hands it over";
        return Err(Skip::CannotHelp { why }.into());
    }
    if of_a_release && super::rollback_follows(case) {
        let why = "what fails came with a release that others share, and a later step rolls back";
        return Err(Skip::CannotHelp { why }.into());
    }
    Err(Hold::CommonCause {
        cause: shared.clone(),
    }
    .into())
}

/// Whether the action may help against a cause of that kind. A pod that is replaced may come to another node; a release
/// is answered by taking it back; nobody but a person brings an image or an object back. That a
/// ConfigMap was changed is not seen but concluded, and what is concluded is told and withholds no healing.
fn helps(case: &Case<'_>, kind: CauseKind) -> bool {
    let of_a_release = || cause::released_lately(case.view);
    match (case.step.action_name(), kind) {
        (_, CauseKind::Config)
        | (ActionName::Wait | ActionName::DeletePod | ActionName::EscalateToNode, _) => true,
        // A DaemonSet's pod comes back to the same node.
        (ActionName::RestartPod, CauseKind::Node | CauseKind::Zone) => {
            case.view.key.kind != WorkloadKind::DaemonSet
        }
        (ActionName::Rollback, CauseKind::Image | CauseKind::Object) => of_a_release(),
        (ActionName::RestartPod, CauseKind::Image | CauseKind::Object)
        | (ActionName::Rollback, CauseKind::Node | CauseKind::Zone)
        | (
            ActionName::RestartWorkload
            | ActionName::Scale
            | ActionName::ResizeMemory
            | ActionName::Job,
            _,
        ) => false,
    }
}
