//! The course of a dry episode: the first act that Enforce would have made, then only waiting.

use kubemend_api::Mode;

use crate::approval;
use crate::cause;
use crate::chain::{Next, Walk};
use crate::claim::{self, Answer};
use crate::course::hold;
use crate::decide::Round;
use crate::detect::detector;
use crate::ending;
use crate::episode::{Episode, Outcome, Phase};
use crate::facts::{TargetKey, Text};
use crate::gate;
use crate::intent;
use crate::note::{note_skips, propose};
use crate::open;
use crate::plan::{Aside, Effect};
use crate::view::View;

/// Moves an open dry episode on.
pub(crate) fn follow(round: &mut Round<'_>, key: &TargetKey, episode: &Episode) {
    let (world, now) = (round.world, round.now);
    if gate::can_see(world, now).is_err() || world.config.is_none() {
        return;
    }
    if let Some(ended) = ending::of(world, key, episode, now) {
        round.effect(Effect::Write(Box::new(ended)));
        return;
    }
    let (Some(view), Some(policy)) = (
        View::of(world, key, now),
        claim::policy(world, key, Mode::DryRun, now),
    ) else {
        return;
    };
    let rule = match claim::rule(policy, &view, Mode::DryRun, None) {
        Answer::Rule(rule, _) => Some(rule),
        Answer::None { .. } => policy.rule(episode.rule()),
    };
    let Some(rule) = rule else { return };
    let chain = world.chain_for(rule, key);
    let known = chain.as_ref().ok().copied();
    match ending::well(&view, episode, detector(&rule.trigger), known) {
        Ok(healthy_at) => {
            let next = ending::self_recovered(episode, healthy_at, now);
            round.effect(Effect::Write(Box::new(next)));
            return;
        }
        Err(at) => round.wake(at),
    }
    if !episode.state.attempts.is_empty() {
        return;
    }
    let chain = match chain {
        Ok(chain) => chain,
        Err(no) => return hold(round, episode, &no),
    };
    let noted = cause::note(&round.causes, episode);
    let episode = noted.as_ref().unwrap_or(episode);
    if let Err(no) = gate::may_act(world, now) {
        return hold(round, episode, &no);
    }
    let walk = Walk {
        view: &view,
        episode,
        policy,
        trigger: &rule.trigger,
        chain,
        ledger: &round.ledger,
        storm: round.storm,
        cause: round.causes.behind(episode),
    };
    let (skips, found) = walk.next();
    let mut next = episode.clone();
    propose(&mut next, walk.proposal(&skips));
    note_skips(&mut next, skips.clone());
    match found {
        Next::Act(step, requests) => {
            let mut next = intent::record(&next, step, requests, now);
            if let Some(attempt) = next.state.attempts.last_mut() {
                attempt.outcome = Some(Outcome::WouldAct);
                attempt.message = approval::terms(&walk.case(step, &[]))
                    .map(|(_, who)| format!("a person would have to approve it first: {who}"));
                attempt.judged_at = Some(now);
            }
            let later = chain
                .steps
                .iter()
                .skip_while(|one| one.name != step.name)
                .skip(1);
            next.state.later_steps = later.map(|one| one.name.clone()).collect();
            next.state.phase = Phase::Pending;
            next.state.reason = Some(Text::from("WouldAct"));
            next.state.undo = None;
            next.state.spent = Vec::new();
            let failing = open::failing(&view, detector(&rule.trigger));
            let aside = Aside::of(step, failing);
            round.effect(Effect::Rehearse(Box::new(next), aside));
        }
        Next::Hold(step, no) => {
            next.state.step = Some(step.name.clone());
            hold(round, &next, &no);
        }
        Next::End => {
            let last = skips.last();
            let reason = last.map_or_else(|| Text::from("ChainEnded"), |one| one.reason.clone());
            let told = noted.is_none() && next.state.reason.as_ref() == Some(&reason);
            if next.state.phase == Phase::Held && told {
                return;
            }
            next.state.message = last.and_then(|one| one.message.clone());
            next.state.phase = Phase::Held;
            next.state.reason = Some(reason);
            round.effect(Effect::Write(Box::new(next)));
        }
    }
}
