//! The course of an acting episode: from its intent to its end, one write at a time.

use kubemend_api::Mode;
use kubemend_api::actions::ActionName;

use crate::cause;
use crate::chain::{Next, Walk};
use crate::claim::{self, Answer};
use crate::decide::Round;
use crate::detect::detector;
use crate::ending;
use crate::episode::{Episode, Outcome, Phase};
use crate::facts::{TargetKey, Text};
use crate::gate;
use crate::hold::Hold;
use crate::intent;
use crate::note::{answer_with, ask, judged, note_skips, propose};
use crate::open;
use crate::overtaken;
use crate::plan::{Aside, Effect};
use crate::policy::{Chain, DEFAULT_RELAPSE_WINDOW, Policy, Rule, Step};
use crate::resolve;
use crate::undo;
use crate::verify::{self, Verdict};
use crate::view::View;

/// Moves an open acting episode on; true, as an open episode always answers for its target.
pub(crate) fn follow(round: &mut Round<'_>, key: &TargetKey, episode: &Episode) -> bool {
    let (world, now) = (round.world, round.now);
    if let Err(hold) = gate::can_see(world, now) {
        hold_unless_latched(round, episode, &hold);
        return true;
    }
    if let Some(attempt) = episode.last_attempt().filter(|one| one.is_open()) {
        let until = attempt.not_after.plus(intent::GRACE);
        if now <= until {
            round.held(
                key,
                Some(episode.spec.policy_ref.clone()),
                Hold::IntentOpen { until },
            );
            return true;
        }
        return resolve::lost(round, key, episode);
    }
    if let Some(ended) = ending::of(world, key, episode, now) {
        return round.effect(Effect::Write(Box::new(ended)));
    }
    if world.config.is_none() {
        hold_unless_latched(round, episode, &Hold::NoConfig);
        return true;
    }
    let (Some(view), Some(policy)) = (
        View::of(world, key, now),
        claim::policy(world, key, Mode::Enforce, now),
    ) else {
        // Its pods are gone, and their owner has its time to make them anew.
        round.wake(ending::returns_until(key, episode).filter(|at| *at > now));
        let policy = Some(episode.spec.policy_ref.clone());
        round.held(key, policy, Hold::NothingFailing);
        return true;
    };
    let noted = cause::note(&round.causes, episode);
    let waits = matches!(
        episode.state.phase,
        Phase::Pending | Phase::Held | Phase::AwaitingApproval
    );
    if let Some(noted) = noted {
        // What is written about one that waits tells it along.
        return if waits {
            waiting(round, &view, policy, &noted)
        } else {
            round.effect(Effect::Write(Box::new(noted)))
        };
    }
    match episode.state.phase {
        Phase::Verifying | Phase::Acting => verifying(round, &view, policy, episode),
        Phase::Recovered => recovered(round, &view, policy, episode),
        Phase::Exhausted => exhausted(round, &view, policy, episode),
        Phase::Pending
        | Phase::Held
        | Phase::AwaitingApproval
        | Phase::SelfRecovered
        | Phase::Superseded
        | Phase::Aborted => waiting(round, &view, policy, episode),
    }
}

/// The rule that answers now, and its chain; the hold where the strategy is missing. What was done is judged by it even where
/// it no longer names the namespace.
pub(crate) fn chain<'a>(
    view: &View<'a>,
    policy: &'a Policy,
    episode: &Episode,
) -> Option<(&'a Rule, Result<&'a Chain, Hold>)> {
    let rule = policy.rule(episode.rule())?;
    let chain = view.world.chain_of(rule);
    Some((rule, chain.map_err(|name| Hold::StrategyMissing { name })))
}

/// The step of the newest attempt, read live; a step that is gone from the chain is judged by
/// the chain's first, so that an edit never leaves an act without verdict.
fn step_of<'a>(chain: &'a Chain, episode: &Episode) -> Option<&'a Step> {
    let named = episode
        .last_attempt()
        .and_then(|attempt| chain.step(&attempt.step));
    named.or_else(|| chain.steps.first())
}

fn verifying(round: &mut Round<'_>, view: &View<'_>, policy: &Policy, episode: &Episode) -> bool {
    let (rule, chain) = match chain(view, policy, episode) {
        Some((rule, Ok(chain))) => (rule, chain),
        Some((_, Err(hold))) => return unjudged(round, episode, &hold),
        None => return missing(round, episode),
    };
    let (Some(attempt), Some(step)) = (episode.last_attempt(), step_of(chain, episode)) else {
        return missing(round, episode);
    };
    let now = round.now;
    if undo::look(round, &view.key, episode) {
        return true;
    }
    if attempt.action == ActionName::Wait
        && let Some((rule, symptom)) = overtaken::by(view, policy, episode)
    {
        return overtaken::give_way(round, episode, &rule.name, symptom.name);
    }
    let verdict = verify::judge(view, episode, attempt, step, detector(&rule.trigger));
    let (outcome, message) = match verdict {
        Verdict::Wait(at) => {
            round.wake(Some(at));
            return true;
        }
        // What was only waited for got well by itself: no step gets the credit. It ends when nothing would open it
        // again, which the other steps have a say in.
        Verdict::Recovered(_) if attempt.action == ActionName::Wait => {
            return match ending::well(view, episode, detector(&rule.trigger), Some(chain)) {
                Ok(healthy_at) => {
                    let next = ending::self_recovered(episode, healthy_at, now);
                    round.effect(Effect::Write(Box::new(next)))
                }
                Err(at) => {
                    round.wake(at);
                    true
                }
            };
        }
        Verdict::Recovered(healthy_at) => {
            let next = ending::recovered(view, episode, healthy_at, step);
            return round.effect(Effect::Write(Box::new(next)));
        }
        Verdict::Partial => (Outcome::Partial, None),
        Verdict::NotRecovered(message) => (Outcome::NotRecovered, Some(message)),
        Verdict::Inconclusive(message) => (Outcome::Inconclusive, Some(message)),
    };
    let mut next = judged(episode, outcome, message, now);
    next.state.longest_run = view.longest_run(episode);
    round.effect(Effect::Write(Box::new(next)))
}

/// What it came to is not told by anybody while its strategy is gone; that must not keep its slot for ever.
fn unjudged(round: &mut Round<'_>, episode: &Episode, gone: &Hold) -> bool {
    let acted = episode
        .last_attempt()
        .map(|one| one.acted_at.unwrap_or(one.intent_at));
    let until = acted.map(|at| at.plus(DEFAULT_RELAPSE_WINDOW));
    if until.is_none_or(|until| round.now < until) {
        round.wake(until);
        hold_unless_latched(round, episode, gone);
        return true;
    }
    let next = judged(
        episode,
        Outcome::Inconclusive,
        Some(gone.to_string()),
        round.now,
    );
    round.effect(Effect::Write(Box::new(next)))
}

/// Waits out the relapse window; a new crossing of the threshold inside it continues the chain.
fn recovered(round: &mut Round<'_>, view: &View<'_>, policy: &Policy, episode: &Episode) -> bool {
    if undo::look(round, &view.key, episode) {
        return true;
    }
    let (rule, symptom) = match claim::rule(policy, view, Mode::Enforce, Some(episode)) {
        Answer::Rule(rule, symptom) => (rule, symptom),
        Answer::None { again, .. } => {
            round.wake(episode.state.relapse_until);
            round.wake(again);
            return true;
        }
    };
    let mut next = episode.clone();
    let state = &mut next.state;
    state.phase = Phase::Pending;
    state.reason = Some("Relapsed".into());
    state.message = None;
    state.relapses = state.relapses.saturating_add(1);
    state.relapsed_at = Some(round.now);
    state.healthy_at = None;
    state.relapse_until = None;
    answer_with(&mut next, &rule.name, symptom.name);
    round.effect(Effect::Write(Box::new(next)))
}

/// Latched: nothing acts until the symptom is gone; that is judged like any recovery.
fn exhausted(round: &mut Round<'_>, view: &View<'_>, policy: &Policy, episode: &Episode) -> bool {
    if undo::look(round, &view.key, episode) {
        return true;
    }
    let idle = episode
        .state
        .attempts
        .iter()
        .all(|one| one.requests.is_empty());
    if idle && overtaken::by(view, policy, episode).is_some() {
        let next = ending::overtaken(episode, round.now);
        return round.effect(Effect::Write(Box::new(next)));
    }
    let Some((rule, chain)) = chain(view, policy, episode) else {
        return missing(round, episode);
    };
    match ending::well(view, episode, detector(&rule.trigger), chain.ok()) {
        Ok(healthy_at) => {
            let next = ending::symptom_gone(episode, healthy_at, round.now);
            round.effect(Effect::Write(Box::new(next)))
        }
        Err(at) => {
            round.wake(at);
            true
        }
    }
}

/// Between attempts: undo first, then look whether the target got well alone, then the chain.
fn waiting(round: &mut Round<'_>, view: &View<'_>, policy: &Policy, episode: &Episode) -> bool {
    let now = round.now;
    if undo::look(round, &view.key, episode) {
        return true;
    }
    if undo::is_pending(episode) {
        let no = gate::may_act(round.world, now)
            .err()
            .unwrap_or(Hold::Undoing);
        hold(round, episode, &no);
        return true;
    }
    let mut next = episode.clone();
    remember(round, view, policy, &mut next);
    if let Answer::Rule(rule, symptom) = claim::rule(policy, view, Mode::Enforce, None) {
        answer_with(&mut next, &rule.name, symptom.name);
    }
    let Some((rule, _)) = chain(view, policy, &next) else {
        return missing(round, episode);
    };
    let chain = view.world.chain_for(rule, &view.key);
    let detector = detector(&rule.trigger);
    match ending::well(view, &next, detector, chain.as_ref().ok().copied()) {
        Ok(healthy_at) => {
            let next = ending::self_recovered(&next, healthy_at, now);
            return round.effect(Effect::Write(Box::new(next)));
        }
        Err(at) => round.wake(at),
    }
    let chain = match chain {
        Ok(chain) => chain,
        Err(refused) => {
            hold(round, &next, &refused);
            return true;
        }
    };
    if let Err(no) = gate::may_act(round.world, now) {
        hold(round, &next, &no);
        return true;
    }
    let walk = Walk {
        view,
        episode: &next,
        policy,
        trigger: &rule.trigger,
        chain,
        ledger: &round.ledger,
        storm: round.storm,
        cause: round.causes.behind(&next),
    };
    let (skips, found) = walk.next();
    let proposal = walk.proposal(&skips);
    propose(&mut next, proposal);
    match found {
        Next::Act(step, requests) => {
            note_skips(&mut next, skips);
            let units = u32::try_from(requests.len()).unwrap_or(u32::MAX);
            let mut intent = intent::record(&next, step, requests, now);
            intent.state.longest_run = view.longest_run(&next);
            if units > 0 {
                round.ledger.take(&view.key, &policy.id, units, now);
            }
            let failing = open::failing(view, detector);
            round.effect(Effect::Act(Box::new(intent), Aside::of(step, failing)))
        }
        Next::Hold(step, no) => {
            note_skips(&mut next, skips);
            next.state.step = Some(step.name.clone());
            ask(&mut next, &step.name, &no);
            hold(round, &next, &no);
            true
        }
        Next::End => {
            let reason = skips
                .last()
                .map_or_else(|| Text::from("ChainEnded"), |one| one.reason.clone());
            let message = skips.last().and_then(|one| one.message.clone());
            note_skips(&mut next, skips);
            next.state.approval = None;
            next.state.phase = Phase::Exhausted;
            next.state.reason = Some(reason);
            next.state.message = message;
            round.effect(Effect::Write(Box::new(next)))
        }
    }
}

/// The first judgement of an episode takes over the chain's memory.
fn remember(round: &Round<'_>, view: &View<'_>, policy: &Policy, next: &mut Episode) {
    if next.state.attempts.is_empty() && next.state.spent.is_empty() {
        let chain = chain(view, policy, next).and_then(|(_, chain)| chain.ok());
        next.state.spent = open::memory(round.world, next, chain, round.now);
    }
}

/// Rule or chain are gone for now: the end of the episode is judged elsewhere.
fn missing(round: &mut Round<'_>, episode: &Episode) -> bool {
    let name = format!("{} rule {}", episode.spec.policy_ref, episode.rule());
    hold_unless_latched(round, episode, &Hold::StrategyMissing { name });
    true
}

fn hold_unless_latched(round: &mut Round<'_>, episode: &Episode, no: &Hold) {
    match episode.state.phase {
        Phase::Pending | Phase::Held | Phase::AwaitingApproval => hold(round, episode, no),
        Phase::Acting
        | Phase::Verifying
        | Phase::Recovered
        | Phase::SelfRecovered
        | Phase::Exhausted
        | Phase::Superseded
        | Phase::Aborted => {
            round.held(
                &episode.target(),
                Some(episode.spec.policy_ref.clone()),
                no.clone(),
            );
        }
    }
}

/// Holds an episode; it is written when phase, reason or step change, never for a new number in
/// the message.
pub(crate) fn hold(round: &mut Round<'_>, episode: &Episode, no: &Hold) {
    let key = episode.target();
    round.held(&key, Some(episode.spec.policy_ref.clone()), no.clone());
    let phase = match no {
        Hold::Backoff { .. } => Phase::Pending,
        Hold::AwaitingApproval { .. } => Phase::AwaitingApproval,
        Hold::InFlight | Hold::IntentOpen { .. } | Hold::Undoing => return,
        _ => Phase::Held,
    };
    let latched = !matches!(
        episode.state.phase,
        Phase::Pending | Phase::Held | Phase::AwaitingApproval
    );
    let stored = round.world.records.get(&episode.id);
    let reason = Text::from(no.reason());
    let same = stored.is_some_and(|stored| {
        stored.state.phase == phase
            && stored.state.reason.as_ref() == Some(&reason)
            && stored.state.step == episode.state.step
            && stored.rule() == episode.rule()
            && stored.symptom() == episode.symptom()
            && stored.state.cause == episode.state.cause
            && stored.state.approval == episode.state.approval
            && stored.state.skips == episode.state.skips
            && stored.state.proposal == episode.state.proposal
    });
    if latched || same {
        return;
    }
    let mut next = episode.clone();
    next.state.phase = phase;
    next.state.reason = Some(reason);
    next.state.message = Some(no.to_string());
    round.effect(Effect::Write(Box::new(next)));
}
