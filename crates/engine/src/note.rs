//! What is noted in an episode's record beside its course: who answers, what an attempt came to, what is asked, passed over and proposed.

use crate::episode::{Episode, Outcome, Phase, Skipped};
use crate::facts::Text;
use crate::hold::Hold;
use crate::moment::Moment;
use crate::proposal::Proposal;

/// The record asks for what waits; what was asked stays so while its step is the one that is held, whatever holds it.
pub(crate) fn ask(next: &mut Episode, step: &Text, no: &Hold) {
    let known = next.state.approval.take();
    next.state.approval = match no {
        Hold::AwaitingApproval { asked, .. } => Some(asked.clone()),
        _ => known.filter(|one| one.step == *step),
    };
}

/// The episode follows the first rule whose trigger holds now.
pub(crate) fn answer_with(next: &mut Episode, rule: &Text, symptom: &str) {
    if next.rule() != &**rule {
        next.state.rule = Some(rule.clone());
    }
    if next.symptom() != symptom {
        next.state.symptom = Some(symptom.into());
    }
}

/// Lists each passed-over step once. A message that merely counts on is no news.
pub(crate) fn note_skips(next: &mut Episode, skips: Vec<Skipped>) {
    for skip in skips {
        match next
            .state
            .skips
            .iter_mut()
            .find(|one| one.step == skip.step)
        {
            Some(known) if known.reason == skip.reason => {}
            Some(known) => *known = skip,
            None => next.state.skips.push(skip),
        }
    }
}

/// Notes what is for somebody else to do; what was read of the same two templates stays.
pub(crate) fn propose(next: &mut Episode, proposal: Option<Proposal>) {
    let known = next.state.proposal.as_ref();
    if let Some(proposal) = proposal
        && known.is_none_or(|known| !known.is_like(&proposal))
    {
        next.state.proposal = Some(proposal);
    }
}

/// The episode after an attempt that did not end it.
pub(crate) fn judged(
    episode: &Episode,
    outcome: Outcome,
    message: Option<String>,
    now: Moment,
) -> Episode {
    let mut next = episode.clone();
    if let Some(attempt) = next.state.attempts.last_mut() {
        attempt.outcome = Some(outcome);
        attempt.message.clone_from(&message);
        attempt.judged_at = Some(now);
    }
    if outcome == Outcome::Partial {
        let step = episode.last_attempt().map(|one| &one.step);
        let spent = &mut next.state.spent;
        if let Some(spent) = spent.iter_mut().find(|one| Some(&one.step) == step) {
            spent.attempts = spent.attempts.saturating_sub(1);
        }
    }
    next.state.phase = Phase::Pending;
    next.state.reason = Some(
        if outcome == Outcome::Partial {
            "Partial"
        } else {
            "Backoff"
        }
        .into(),
    );
    next.state.message = message;
    next
}
