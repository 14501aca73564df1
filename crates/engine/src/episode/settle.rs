//! Recording what became of an act: pure, and the same for whoever executed or settled it.

use kubemend_api::actions::ActionName;

use super::{Attempt, Done, Episode, Outcome, Phase, Request, Verb};
use crate::facts::Text;
use crate::intent::GRACE;
use crate::moment::{Millis, Moment};

/// An undo that had no effect is tried again after so long, then after twice as long, and so on.
const UNDO_RETRY: Millis = 30_000;
const UNDO_RETRY_MAX: Millis = 300_000;

impl Episode {
    /// Records the results of the newest attempt's requests, one for each in their order; those
    /// that have one already keep it. The act is done, or it certainly had no effect. What cannot be
    /// told stays open until its intent has expired: then the facts tell more than an answer that
    /// was lost.
    pub fn settle(&mut self, results: &[(Done, Option<String>)], now: Moment) {
        let Some(attempt) = self.state.attempts.last_mut() else {
            return;
        };
        let expired = now > attempt.not_after.plus(GRACE);
        for (request, (done, detail)) in attempt.requests.iter_mut().zip(results) {
            if request.result.is_none() {
                request.result = Some(*done).filter(|done| expired || *done != Done::Unknown);
                request.detail = detail.as_deref().map(Text::from);
            }
        }
        if attempt.requests.iter().any(|one| one.result.is_none()) {
            return;
        }
        conclude(attempt, now);
        let refused = attempt.outcome == Some(Outcome::NotApplied);
        let rolled_back = attempt
            .requests
            .iter()
            .find(|one| one.verb == Verb::Rollback && one.result == Some(Done::Applied))
            .and_then(|one| one.to.clone());
        let (step, detail) = (
            attempt.step.clone(),
            attempt.requests.iter().find_map(|one| one.detail.clone()),
        );
        if refused {
            self.state.phase = Phase::Pending;
            self.state.reason = detail.or_else(|| Some("NotApplied".into()));
            self.refund(&step);
            if attempt_is_scale(self.state.attempts.last()) {
                self.state.undo = None;
            }
        } else {
            self.state.phase = Phase::Verifying;
            self.state.reason = None;
        }
        if rolled_back.is_some() {
            self.state.template_hash = rolled_back;
        }
        self.state.message = None;
    }

    /// Records the result of an undo.
    pub fn settle_undo(&mut self, done: Done, detail: Option<&str>, now: Moment) {
        let Some(undo) = self.state.undo.as_mut() else {
            return;
        };
        match done {
            Done::Applied => {
                undo.done_at = Some(now);
                undo.result = Some("Undone".into());
            }
            // The replicas are no longer ours to put back, or it cannot be told: look again.
            Done::NotApplied | Done::Unknown => {
                undo.intent_at = None;
                undo.not_after = None;
                let doublings = undo.rearmed.min(10);
                let wait = UNDO_RETRY
                    .saturating_mul(1 << doublings)
                    .min(UNDO_RETRY_MAX);
                undo.due_at = now.plus(wait);
                undo.rearmed = undo.rearmed.saturating_add(1);
                undo.result = detail.map(Text::from);
            }
        }
    }

    /// One attempt of that step had no effect after all.
    fn refund(&mut self, step: &str) {
        if let Some(spent) = self.state.spent.iter_mut().find(|one| &*one.step == step) {
            spent.attempts = spent.attempts.saturating_sub(1);
        }
    }
}

/// An attempt whose requests are all answered has acted, or has certainly had no effect.
fn conclude(attempt: &mut Attempt, now: Moment) {
    attempt.acted_at = Some(now);
    let refused = |one: &Request| one.result == Some(Done::NotApplied);
    // A wait asks for nothing, so nothing was refused.
    if !attempt.requests.is_empty() && attempt.requests.iter().all(refused) {
        attempt.outcome = Some(Outcome::NotApplied);
        attempt.judged_at = Some(now);
    }
}

fn attempt_is_scale(attempt: Option<&Attempt>) -> bool {
    attempt.is_some_and(|one| one.action == ActionName::Scale)
}
