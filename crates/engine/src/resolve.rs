//! Intents whose end was lost: judged by facts, once they can no longer be executed.

use kubemend_api::Mode;

use crate::chain::Walk;
use crate::claim;
use crate::course;
use crate::decide::Round;
use crate::detect::detector;
use crate::ending;
use crate::episode::{Done, Episode};
use crate::facts::TargetKey;
use crate::gate;
use crate::guard;
use crate::hold::No;
use crate::intent;
use crate::plan::Effect;
use crate::view::View;

/// An intent whose end was lost, judged by facts after it can no longer be executed.
pub(crate) fn lost(round: &mut Round<'_>, key: &TargetKey, episode: &Episode) -> bool {
    let (world, now) = (round.world, round.now);
    let Some(attempt) = episode.last_attempt() else {
        return true;
    };
    let found = intent::look(world, key, attempt);
    let rearm = found.contains(&Done::NotApplied) && attempt.rearmed < intent::REARMED_MAX;
    let refusal = if rearm {
        judge_again(round, key, episode)
    } else {
        Some("NotApplied".into())
    };
    let mut next = episode.clone();
    if rearm && refusal.is_none() {
        settle_found(&mut next, &found);
        if let Some(attempt) = next.state.attempts.last_mut() {
            attempt.rearmed = attempt.rearmed.saturating_add(1);
            attempt.not_after = now.plus(intent::ARMED_FOR);
        }
        return round.effect(Effect::Act(Box::new(next)));
    }
    let results: Vec<_> = found
        .into_iter()
        .map(|done| (done, refusal.clone().filter(|_| done == Done::NotApplied)))
        .collect();
    next.settle(&results, now);
    round.effect(Effect::Write(Box::new(next)))
}

/// Results that the facts tell; what was not applied stays open, to be executed.
fn settle_found(next: &mut Episode, found: &[Done]) {
    let Some(attempt) = next.state.attempts.last_mut() else {
        return;
    };
    let open = attempt
        .requests
        .iter_mut()
        .filter(|one| one.result.is_none());
    for (request, done) in open.zip(found) {
        request.result = Some(*done).filter(|done| *done != Done::NotApplied);
    }
}

/// Whether the same intent would still be made now; its budget and slot are its own already.
fn judge_again(round: &Round<'_>, key: &TargetKey, episode: &Episode) -> Option<String> {
    let (world, now) = (round.world, round.now);
    if let Err(hold) = gate::may_act(world, now) {
        return Some(hold.reason().to_owned());
    }
    if ending::of(world, key, episode, now).is_some() {
        return Some("Changed".to_owned());
    }
    let view = View::of(world, key, now)?;
    let policy = claim::policy(world, key, Mode::Enforce)?;
    let Some((rule, Ok(chain))) = course::chain(&view, policy, episode) else {
        return Some("PolicyGone".to_owned());
    };
    let attempt = episode.last_attempt()?;
    let Some(step) = chain.step(&attempt.step) else {
        return Some("StepGone".to_owned());
    };
    let detector = detector(&rule.trigger);
    let ledger = crate::budget::Ledger::default();
    let walk = Walk {
        view: &view,
        episode,
        policy,
        detector,
        chain,
        ledger: &ledger,
    };
    let mut requests = attempt.requests.clone();
    requests.retain(|one| one.result.is_none());
    match guard::pass(&walk.case(step, &[]), &mut requests) {
        Ok(()) => None,
        Err(No::Hold(hold)) => Some(hold.reason().to_owned()),
        Err(No::Skip(skip)) => Some(skip.reason().to_owned()),
    }
}
