//! A rollout in progress holds restart and scale; where all failing pods are of the newest
//! revision and a later rollback would answer, they are passed over for it.

use kubemend_api::actions::ActionName;

use super::Case;
use crate::detect::detector;
use crate::episode::Request;
use crate::hold::{Hold, No, Skip};
use crate::policy::DEFAULT_RELAPSE_WINDOW;
use crate::view::PodView;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    match case.step.action_name() {
        // A rollback answers the rollout, and the others do not touch it.
        ActionName::Rollback
        | ActionName::DeletePod
        | ActionName::EscalateToNode
        | ActionName::Wait => return Ok(()),
        ActionName::RestartPod
        | ActionName::RestartWorkload
        | ActionName::Scale
        | ActionName::ResizeMemory
        | ActionName::Job => {}
    }
    // The rollout waits for just these pods.
    let unblocks =
        case.step.action_name() == ActionName::RestartPod && case.view.blocking().next().is_some();
    if unblocks || !case.view.rolling_out() {
        return Ok(());
    }
    if only_new_pods_fail(case) && super::rollback_follows(case) {
        let why = "only pods of the new revision fail, and a later step rolls back";
        return Err(Skip::CannotHelp { why }.into());
    }
    Err(Hold::RolloutInProgress.into())
}

fn only_new_pods_fail(case: &Case<'_>) -> bool {
    let view = case.view;
    let detector = detector(case.trigger);
    let fails = |one: &&PodView<'_>| {
        crate::health::is_failing(one, DEFAULT_RELAPSE_WINDOW, view.now)
            || detector.shows(one, view.now)
    };
    let mut failing = view.pods.iter().filter(fails).peekable();
    let newest =
        |hash: Option<&crate::facts::Text>| hash.is_some_and(|hash| *hash == view.workload.hash);
    failing.peek().is_some() && failing.all(|one| newest(one.hash))
}
