//! Approvals: which attempts wait for a person, and what that person answered.
//!
//! An attempt that needs one is asked for in the record, by step and number, once nothing else holds it. The answer
//! is an annotation of the record that names the same attempt; the API server lets nobody write it who may not
//! approve, nor in another's name. So an answer to one attempt is none to the next.

use kubemend_api::Mode;
use kubemend_api::actions::ActionName;

use crate::action;
use crate::episode::{Approved, Awaited, Episode, Outcome};
use crate::facts::Text;
use crate::guard::Case;
use crate::mode;
use crate::moment::Moment;
use crate::policy::{Approval, Step};

/// A record keeps so many characters of a user's name; who has a longer one cannot answer.
pub const USER_MAX: usize = 256;
/// An answer is no longer than this: `approve `, a step's name of at most 40, a slash, a number of at most 3 digits, a
/// space and the user's name. A longer annotation is no answer.
pub const ANSWER_MAX: usize = USER_MAX + 64;

/// What a person may say about the attempt that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Word {
    Approve,
    Deny,
}

impl Word {
    /// As it stands in the annotation, and as the command is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// The annotation by which this user answers: `approve rollback/3 jane`.
pub fn answer(word: Word, asked: &Awaited, user: &str) -> String {
    format!("{} {}/{} {user}", word.as_str(), asked.step, asked.attempt)
}

/// What was answered about this attempt and by whom, if anything was.
pub fn answered(episode: &Episode, asked: &Awaited) -> Option<(Word, Text)> {
    let answer = episode.approval.as_deref()?;
    let mut parts = answer.splitn(3, ' ');
    let word = parts.next()?;
    let word = [Word::Approve, Word::Deny]
        .into_iter()
        .find(|one| one.as_str() == word)?;
    let (step, attempt) = parts.next()?.split_once('/')?;
    let meant = *step == *asked.step && attempt == asked.attempt.to_string();
    let user = parts.next().filter(|_| meant)?;
    (user.chars().count() <= USER_MAX).then(|| (word, Text::from(user)))
}

/// Who approved the attempt of this step that waits.
pub fn given(episode: &Episode, step: &str, now: Moment) -> Option<Approved> {
    let asked = waits(episode, step)?;
    match answered(episode, asked)? {
        (Word::Approve, by) => Some(Approved { by, at: now }),
        (Word::Deny, _) => None,
    }
}

/// The question about the next attempt of this step, if it was asked.
pub fn waits<'e>(episode: &'e Episode, step: &str) -> Option<&'e Awaited> {
    let asked = episode.state.approval.as_ref();
    asked.filter(|one| *one.step == *step && one.attempt == next_attempt(episode, step))
}

/// The number of this step's next attempt in the episode, from 1. One that had no effect is tried again under its
/// own number.
pub fn next_attempt(episode: &Episode, step: &str) -> u32 {
    let last = episode.last_attempt();
    let again =
        last.is_some_and(|one| *one.step == *step && one.outcome == Some(Outcome::NotApplied));
    let next = episode.state.attempts.len() + usize::from(!again);
    u32::try_from(next).unwrap_or(u32::MAX)
}

/// Whether a person must approve this step, under which terms, and who says so: the step itself, or a policy that
/// matches and is not suspended.
pub fn terms(case: &Case<'_>) -> Option<(Approval, String)> {
    let step: &Step = case.step;
    // What a rollback left behind goes with the approval that let it begin.
    if step.action_name() == ActionName::Rollback && action::is_unfinished(case) {
        return None;
    }
    if let Some(own) = step.approval {
        return Some((own, format!("step {} requires it", step.name)));
    }
    let (world, key, now) = (case.view.world, &case.view.key, case.view.now);
    let action = step.action_name();
    let requires = world.policies_of(key).find(|policy| {
        policy.require_approval.contains(&action)
            && mode::effective(world, policy, key, now).mode != Mode::Suspended
    })?;
    let who = format!(
        "{} requires it for {}",
        requires.reference(),
        action.as_str()
    );
    Some((Approval::default(), who))
}
