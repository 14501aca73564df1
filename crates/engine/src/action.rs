//! Actions as intents: which conditional requests a step comes to now, or why it cannot.

mod delete_pod;
mod escalate_to_node;
mod job;
mod resize_memory;
mod restart_pod;
mod restart_workload;
mod rollback;
mod scale;

use kubemend_api::Action;
use kubemend_api::actions::ActionName;

use crate::detect::detector;
use crate::episode::{Attempt, Outcome, Request, Verb};
use crate::facts::PodFacts;
use crate::guard::Case;
use crate::hold::{Hold, No, Skip};

pub use job::hash as job_hash;
pub use rollback::{is_unfinished, left_behind, was_rolled_back_from};

/// One intent names so many pods at most: its record stays small and its requests end in time.
const PODS_MAX: usize = 10;

/// The pods that show the failure now, oldest first; where none does, whether it is worth waiting for one.
fn failing<'a>(case: &Case<'a>) -> Result<Vec<&'a PodFacts>, No> {
    let view = case.view;
    let detector = detector(case.trigger);
    let failing: Vec<_> = detector
        .pods(view)
        .iter()
        .filter(|one| detector.shows(one, view.now))
        .map(|one| &one.pod.facts)
        .collect();
    if failing.is_empty() && !detector.lies_in_pods(view) {
        let why = "no pod shows the failure";
        return Err(Skip::CannotHelp { why }.into());
    }
    if failing.is_empty() {
        return Err(Hold::NothingFailing.into());
    }
    Ok(failing)
}

/// A pod under a PodDisruptionBudget is only ever evicted; one under none is deleted.
fn remove(case: &Case<'_>, pod: &PodFacts) -> Request {
    let covered = !case.view.world.disruption_budgets_of(pod).is_empty();
    Request {
        verb: if covered { Verb::Evict } else { Verb::Delete },
        name: pod.name.name.clone(),
        uid: pod.uid.text(),
        from: None,
        to: None,
        result: None,
        detail: None,
    }
}

/// The requests that the step's action comes to: up to ten pods, or one patch.
pub fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    match &case.step.action {
        Action::RestartPod(_) => restart_pod::resolve(case),
        Action::RestartWorkload(_) => restart_workload::resolve(case),
        Action::Scale(parameters) => scale::resolve(parameters, case),
        Action::Rollback(parameters) => rollback::resolve(parameters, case),
        Action::ResizeMemory(parameters) => resize_memory::resolve(parameters, case),
        Action::DeletePod(_) => delete_pod::resolve(case),
        Action::EscalateToNode(_) => escalate_to_node::resolve(case),
        Action::Job(parameters) => job::resolve(parameters, case),
        // Nothing to do: the attempt is its verification.
        Action::Wait(_) => Ok(Vec::new()),
    }
}

/// Why an attempt had no effect and never will have one; `None` where trying again may help.
pub fn refused_for_good(attempt: &Attempt) -> Option<&'static str> {
    match attempt.action {
        ActionName::ResizeMemory => resize_memory::refused_for_good(attempt),
        ActionName::Job => job::refused_for_good(attempt),
        ActionName::RestartPod
        | ActionName::RestartWorkload
        | ActionName::Scale
        | ActionName::Rollback
        | ActionName::DeletePod
        | ActionName::EscalateToNode
        | ActionName::Wait => None,
    }
}

/// Why every request of an attempt was refused, where each of the answers is one of these.
fn refused_as(attempt: &Attempt, answers: &[(&str, &'static str)]) -> Option<&'static str> {
    if attempt.outcome != Some(Outcome::NotApplied) {
        return None;
    }
    let why = |request: &Request| {
        let detail = request.detail.as_deref()?;
        let known = answers.iter().find(|(word, _)| *word == detail);
        known.map(|(_, why)| *why)
    };
    let whys: Option<Vec<_>> = attempt.requests.iter().map(why).collect();
    whys?.first().copied()
}
