//! Intents whose end was lost: judged by facts, once they can no longer be executed.

use kubemend_api::actions::ActionName;
use kubemend_api::{Action, Mode};

use crate::action;
use crate::budget::Ledger;
use crate::chain::Walk;
use crate::claim;
use crate::course;
use crate::decide::Round;
use crate::detect::detector;
use crate::ending;
use crate::episode::{Attempt, Done, Episode, Request, Verb};
use crate::facts::{TargetKey, Text};
use crate::gate;
use crate::guard::{self, Case};
use crate::health;
use crate::hold::No;
use crate::intent;
use crate::moment::Millis;
use crate::open;
use crate::plan::{Aside, Effect};
use crate::view::View;

/// Settles an open intent, request by request. What was certainly not applied is armed again, if
/// the same would be decided now; the rest of the attempt is what the facts tell.
pub(crate) fn lost(round: &mut Round<'_>, key: &TargetKey, episode: &Episode) -> bool {
    let (world, now) = (round.world, round.now);
    let Some(attempt) = episode.last_attempt() else {
        return true;
    };
    let found: Vec<Done> = attempt
        .requests
        .iter()
        .map(|one| match intent::became(world, key, one) {
            Done::NotApplied
                if one.verb == Verb::Run && now.since(attempt.intent_at) > JOB_REMEMBERED =>
            {
                Done::Unknown
            }
            done => done,
        })
        .collect();
    let (wanted, aside) = match judge_again(round, key, episode, &found) {
        Ok(wanted) => wanted,
        Err(why) => return settle(round, episode, &found, &why),
    };
    if wanted.is_empty() {
        return settle(round, episode, &found, "NotApplied");
    }
    let mut next = episode.clone();
    if let Some(attempt) = next.state.attempts.last_mut() {
        arm(attempt, &found, &wanted);
        attempt.not_after = now.plus(intent::ARMED_FOR);
    }
    round.effect(Effect::Act(Box::new(next), aside))
}

/// Results that the facts tell stay; of the others only those that are still wanted stay open.
fn arm(attempt: &mut Attempt, found: &[Done], wanted: &[Request]) {
    for (request, done) in attempt.requests.iter_mut().zip(found) {
        if request.result.is_some() {
            continue;
        }
        let armed = wanted.iter().any(|one| one.uid == request.uid);
        request.result = Some(*done).filter(|done| *done != Done::NotApplied || !armed);
        if request.result == Some(Done::NotApplied) {
            request.detail = Some(Text::from("NoLongerWanted"));
        }
    }
    attempt.rearmed = attempt.rearmed.saturating_add(1);
}

fn settle(round: &mut Round<'_>, episode: &Episode, found: &[Done], why: &str) -> bool {
    let refused = |done: Done| (done == Done::NotApplied).then(|| why.to_owned());
    let results: Vec<_> = found.iter().map(|done| (*done, refused(*done))).collect();
    let mut next = episode.clone();
    next.settle(&results, round.now);
    round.effect(Effect::Write(Box::new(next)))
}

/// The requests that were not applied and would still be made now; their budget and slot are
/// theirs already.
fn judge_again(
    round: &Round<'_>,
    key: &TargetKey,
    episode: &Episode,
    found: &[Done],
) -> Result<(Vec<Request>, Aside), String> {
    let (world, now) = (round.world, round.now);
    let gone = |what: &str| what.to_owned();
    let attempt = episode.last_attempt().ok_or_else(|| gone("NotApplied"))?;
    if attempt.rearmed >= intent::REARMED_MAX {
        return Err(gone("NotApplied"));
    }
    gate::may_act(world, now).map_err(|hold| hold.reason().to_owned())?;
    if ending::of(world, key, episode, now).is_some() {
        return Err(gone("Changed"));
    }
    let view = View::of(world, key, now).ok_or_else(|| gone("TargetGone"))?;
    let policy = claim::policy(world, key, Mode::Enforce, now).ok_or_else(|| gone("PolicyGone"))?;
    let chain = course::chain(&view, policy, episode);
    let (rule, _) = chain.ok_or_else(|| gone("PolicyGone"))?;
    let chain = world.chain_for(rule, key);
    let chain = chain.map_err(|hold| hold.reason().to_owned())?;
    let step = chain.step(&attempt.step).ok_or_else(|| gone("StepGone"))?;
    let ledger = Ledger::default();
    let walk = Walk {
        view: &view,
        episode,
        policy,
        trigger: &rule.trigger,
        chain,
        ledger: &ledger,
        storm: round.storm,
        cause: round.causes.behind(episode),
    };
    let case = walk.case(step, &[]);
    let open = attempt.requests.iter().zip(found);
    let mut wanted: Vec<Request> = open
        .filter(|(request, done)| request.result.is_none() && **done == Done::NotApplied)
        .filter(|(request, _)| still_shows(&case, attempt, request))
        .map(|(request, _)| request.clone())
        .collect();
    if wanted.is_empty() {
        return Ok((wanted, Aside::default()));
    }
    match guard::pass(&case, &mut wanted) {
        Ok(()) => {
            let failing = open::failing(&view, detector(&rule.trigger));
            Ok((wanted, Aside::of(step, failing)))
        }
        Err(No::Hold(hold)) => Err(hold.reason().to_owned()),
        Err(No::Skip(skip) | No::Stop(skip)) => Err(skip.reason().to_owned()),
    }
}

/// A Job that is not there this long after its intent may have been there and gone: its controller removes what has
/// ended after a day, and people or other controllers sooner.
const JOB_REMEMBERED: Millis = 600_000;

/// A pod that got well meanwhile is left alone.
fn still_shows(case: &Case<'_>, attempt: &Attempt, request: &Request) -> bool {
    let view = case.view;
    match (request.verb, attempt.action, case.episode) {
        (Verb::Evict | Verb::Delete, ActionName::Rollback, Some(episode)) => {
            let recent = health::stretch(view, Some(episode), Some(case.step));
            let left = action::left_behind(view, episode, recent);
            left.iter().any(|one| one.facts().uid == request.uid)
        }
        (Verb::Evict | Verb::Delete | Verb::Resize, ..) => view
            .pod(&request.uid)
            .is_some_and(|one| detector(case.trigger).shows(one, view.now)),
        // The step may have another template meanwhile, and the target may be well.
        (Verb::Run, ..) => match &case.step.action {
            Action::Job(job) => {
                let fails = health::since_without(view, detector(case.trigger)).is_none();
                fails && request.to == Some(action::job_hash(job))
            }
            _ => false,
        },
        (Verb::Restart | Verb::Scale | Verb::Rollback, ..) => true,
    }
}
