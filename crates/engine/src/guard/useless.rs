//! The table of what cannot help: per failure, the actions that would repeat it or do nothing for it.
//!
//! `docs/failures.md` shows the same table to people; a test compares the two.

use kubemend_api::actions::ActionName;
use kubemend_api::triggers::TriggerName;

use super::Case;
use crate::episode::Request;
use crate::hold::{No, Skip};

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let action = case.step.action_name();
    // A pod of another template comes back from the present one, which its controller could not bring to it.
    if action == ActionName::RestartPod && case.view.blocking().next().is_some() {
        return Ok(());
    }
    let why = why(case.trigger.name(), action);
    why.map_or(Ok(()), |why| Err(Skip::CannotHelp { why }.into()))
}

/// Why the action cannot help against the failure; `None` where it may.
pub fn why(trigger: TriggerName, action: ActionName) -> Option<&'static str> {
    use ActionName as Do;
    use TriggerName as When;
    let same_image = "a new pod would wait for the same image";
    let same_config = "a new pod would wait for the same configuration";
    let same_place = "a new pod would wait as this one does";
    let leaving = "a pod that is being deleted cannot be deleted again";
    let no_memory = "no container was killed for want of memory";
    let garbage = "its owner has replaced the pod already; deletePod removes what is left";
    match (trigger, action) {
        (When::ImagePull, Do::RestartPod | Do::RestartWorkload | Do::Scale) => Some(same_image),
        (When::ContainerConfig, Do::RestartPod | Do::RestartWorkload | Do::Scale) => {
            Some(same_config)
        }
        (When::Pending, Do::RestartPod | Do::RestartWorkload | Do::Scale) => Some(same_place),
        (When::StuckTerminating, Do::RestartPod | Do::RestartWorkload) => Some(leaving),
        (When::StuckTerminating, Do::Scale | Do::Rollback) => {
            Some("it does not end what keeps the pod")
        }
        (When::Evicted, Do::RestartPod | Do::RestartWorkload | Do::Scale | Do::Rollback) => {
            Some(garbage)
        }
        (When::RolloutStalled, Do::RestartPod | Do::RestartWorkload | Do::Scale) => {
            Some("other pods of the same template would stall as these do")
        }
        (When::ContainerConfig, Do::EscalateToNode) => {
            Some("what is missing is missing on every node")
        }
        (When::Unavailable | When::RolloutStalled, Do::EscalateToNode) => {
            Some("it is a failure of the workload as a whole, and of no node")
        }
        (
            When::CrashLoop
            | When::OomKilled
            | When::ProbeFailing
            | When::NetworkIssue
            | When::Event
            | When::Unavailable
            | When::Condition
            | When::ImagePull
            | When::ContainerConfig
            | When::Pending
            | When::StuckTerminating
            | When::RolloutStalled,
            Do::DeletePod,
        ) => Some("deletePod removes pods that have ended, and these have not"),
        (
            When::CrashLoop
            | When::PodFailed
            | When::ProbeFailing
            | When::NetworkIssue
            | When::Event
            | When::Unavailable
            | When::Condition
            | When::ImagePull
            | When::ContainerConfig
            | When::Pending
            | When::StuckTerminating
            | When::RolloutStalled
            | When::Evicted,
            Do::ResizeMemory,
        ) => Some(no_memory),
        // What a Job does is known to its author alone.
        (_, Do::Wait | Do::Job)
        | (When::OomKilled, Do::ResizeMemory)
        | (When::Evicted, Do::DeletePod)
        | (
            When::PodFailed,
            Do::DeletePod
            | Do::RestartPod
            | Do::RestartWorkload
            | Do::Scale
            | Do::Rollback
            | Do::EscalateToNode,
        )
        | (
            When::CrashLoop
            | When::OomKilled
            | When::ProbeFailing
            | When::NetworkIssue
            | When::Event
            | When::Unavailable
            | When::Condition,
            Do::RestartPod | Do::RestartWorkload | Do::Scale | Do::Rollback,
        )
        | (
            When::CrashLoop
            | When::OomKilled
            | When::ProbeFailing
            | When::NetworkIssue
            | When::Event
            | When::Condition
            | When::ImagePull
            | When::Pending
            | When::StuckTerminating
            | When::Evicted,
            Do::EscalateToNode,
        )
        | (
            When::ImagePull | When::ContainerConfig | When::Pending | When::RolloutStalled,
            Do::Rollback,
        ) => None,
    }
}
