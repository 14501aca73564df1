//! A Job has to end before what it did for the target can be judged.

use kubemend_api::Action;

use super::Verdict;
use crate::episode::{Attempt, Verb};
use crate::facts::Name;
use crate::facts::job::LATE;
use crate::moment::Moment;
use crate::policy::Step;
use crate::source::Source;
use crate::view::View;

/// When the attempt had its effect: when its Job was complete, and of every other action when it acted. The verdict
/// where the Job still runs, failed or is gone.
pub(super) fn ended(view: &View<'_>, attempt: &Attempt, step: &Step) -> Result<Moment, Verdict> {
    let acted_at = attempt.acted_at.unwrap_or(attempt.intent_at);
    let Some(request) = attempt.requests.iter().find(|one| one.verb == Verb::Run) else {
        return Ok(acted_at);
    };
    let name = &request.name;
    // An edited step may run no Job any more; then its verification is as long as ever.
    let timeout = match &step.action {
        Action::Job(job) => job.timeout.as_millis(),
        _ => step.timeout,
    };
    let deadline = acted_at.plus(timeout.saturating_add(LATE));
    let key = (
        Source::Jobs,
        Name {
            namespace: view.key.namespace.clone(),
            name: name.clone(),
        },
    );
    if view.world.unreadable.contains_key(&key) {
        return Err(if view.now > deadline {
            Verdict::Inconclusive(format!("Job/{name} cannot be read"))
        } else {
            Verdict::Wait(deadline.plus(1))
        });
    }
    let Some(job) = view.world.job_of(&view.key, request) else {
        return Err(Verdict::Inconclusive(format!(
            "job {name} is gone, and with it what it came to"
        )));
    };
    match &job.end {
        Some(end) => match &end.failure {
            Some(why) => Err(Verdict::NotRecovered(format!("job {name} failed: {why}"))),
            // Object times have whole seconds: it cannot have ended before it began.
            None => Ok(end.at.max(acted_at)),
        },
        None if view.now > deadline => {
            let seconds = timeout / 1000;
            Err(Verdict::NotRecovered(format!(
                "job {name} has not ended, although it had {seconds}s"
            )))
        }
        None => Err(Verdict::Wait(deadline.plus(1))),
    }
}
