//! A person must approve the attempt first.

use kubemend_api::Duration;

use super::Case;
use crate::approval::{self, Word};
use crate::episode::{Attempt, Awaited, Episode, Outcome, Request};
use crate::hold::{Hold, No, Skip};
use crate::wording;

/// So many characters of what would be done, of who asks and of who denied are told: a message has 512 characters and
/// a skip's 256, with the words around them.
const TOLD_MAX: usize = 200;

/// Nobody approved the step in time, or somebody denied it.
#[allow(clippy::ptr_arg)] // all guards share one signature
pub(super) fn refused(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let (Some(episode), Some((terms, _))) = (acting(case), approval::terms(case)) else {
        return Ok(());
    };
    let name = &case.step.name;
    let Some(skip) = told(episode, name).or_else(|| unanswered(case, episode)) else {
        return Ok(());
    };
    Err(if terms.stops {
        No::Stop(skip)
    } else {
        No::Skip(skip)
    })
}

/// Nobody has answered yet. Asked last: a person is not troubled with what could not be done now anyway, and what was
/// approved is judged by every other guard once more.
#[allow(clippy::ptr_arg)] // all guards share one signature
pub(super) fn asked(case: &Case<'_>, intent: &mut Vec<Request>) -> Result<(), No> {
    let Some(episode) = acting(case).filter(|_| !intent.is_empty()) else {
        return Ok(());
    };
    let Some((terms, who)) = approval::terms(case) else {
        return Ok(());
    };
    let (name, now) = (&case.step.name, case.view.now);
    // An intent whose end was lost goes on with the approval that it was recorded with.
    let open = episode.last_attempt().filter(|one| one.is_open());
    if open.is_some_and(|one| one.approved.is_some())
        || approval::given(episode, name, now).is_some()
    {
        return Ok(());
    }
    // What had no effect is tried again with its approval, but no longer than that approval lasts.
    let refused = |one: &&Attempt| one.step == *name && one.outcome == Some(Outcome::NotApplied);
    let again = episode.last_attempt().filter(refused);
    let since = again
        .and_then(|one| one.approved.as_ref())
        .map_or(now, |one| one.at);
    let asked = approval::waits(episode, name).cloned();
    let asked = asked.unwrap_or_else(|| Awaited {
        step: name.clone(),
        attempt: approval::next_attempt(episode, name),
        since,
        until: since.plus(terms.expires),
    });
    let acts: Vec<_> = intent.iter().map(wording::request).collect();
    let (what, who) = (brief(&acts.join(", ")), brief(&who));
    Err(Hold::AwaitingApproval { asked, who, what }.into())
}

/// An episode that acts; a dry one asks nobody.
fn acting<'e>(case: &'e Case<'_>) -> Option<&'e Episode> {
    case.episode.filter(|one| !one.is_dry())
}

/// What this episode has recorded: a step is asked for once, and then passed over for good.
fn told(episode: &Episode, step: &str) -> Option<Skip> {
    let known = episode.state.skips.iter().find(|one| *one.step == *step)?;
    let why = known.message.clone().unwrap_or_default();
    match &*known.reason {
        "ApprovalExpired" => Some(Skip::ApprovalExpired { why }),
        "ApprovalDenied" => Some(Skip::ApprovalDenied { why }),
        _ => None,
    }
}

fn unanswered(case: &Case<'_>, episode: &Episode) -> Option<Skip> {
    let asked = approval::waits(episode, &case.step.name)?;
    if let Some((Word::Deny, by)) = approval::answered(episode, asked) {
        let why = format!("{} denied attempt {}", brief(&by), asked.attempt);
        return Some(Skip::ApprovalDenied { why });
    }
    let waited = Duration::from_millis(asked.until.since(asked.since));
    (case.view.now >= asked.until).then(|| Skip::ApprovalExpired {
        why: format!(
            "attempt {} was not approved and done within {waited}",
            asked.attempt
        ),
    })
}

fn brief(text: &str) -> String {
    text.chars().take(TOLD_MAX).collect()
}
