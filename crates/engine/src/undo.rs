//! Taking a scale back: the one act that lowers replicas. It has its own recorded intent and needs
//! no policy and no budget, but obeys ceiling and pause.

use kubemend_api::Mode;

use crate::decide::Round;
use crate::episode::{Episode, Phase, UndoState};
use crate::facts::{TargetKey, Text};
use crate::gate;
use crate::guard;
use crate::hold::Hold;
use crate::intent;
use crate::mode;
use crate::moment::Moment;
use crate::plan::Effect;
use crate::world::World;

/// An undo is neither done nor void yet.
pub(crate) fn is_pending(episode: &Episode) -> bool {
    episode
        .state
        .undo
        .as_ref()
        .is_some_and(UndoState::is_due_sometime)
}

/// Takes back what an ended episode left, if it is due; true where that was answered.
pub(crate) fn due(round: &mut Round<'_>, key: &TargetKey) -> bool {
    let world = round.world;
    let mut ended = world
        .records_of(key)
        .filter(|one| is_pending(one) && !one.is_open());
    ended.any(|episode| look(round, key, episode))
}

/// Moves one undo on; true where it needs an effect or its intent may still be under way.
pub(crate) fn look(round: &mut Round<'_>, key: &TargetKey, episode: &Episode) -> bool {
    let (world, now) = (round.world, round.now);
    let Some(undo) = episode
        .state
        .undo
        .as_ref()
        .filter(|undo| undo.is_due_sometime())
    else {
        return false;
    };
    if let Err(hold) = gate::can_see(world, now) {
        round.held(key, None, hold);
        return false;
    }
    if let Some(done) = void(world, key, undo, episode) {
        return finish(round, episode, done);
    }
    if undo.is_open() {
        let until = undo.not_after.unwrap_or(now).plus(intent::GRACE);
        if now <= until {
            round.held(key, None, Hold::IntentOpen { until });
            return true;
        }
    }
    let at = due_at(undo, episode, now);
    if now < at {
        round.wake(Some(at));
        return false;
    }
    let ceiling = mode::ceiling(world, now);
    if let Err(hold) = gate::may_act(world, now) {
        round.held(key, None, hold);
        return false;
    }
    if ceiling.mode != Mode::Enforce {
        let why = ceiling.why.unwrap_or_default();
        round.held(key, None, Hold::Suspended { why });
        return false;
    }
    let mut next = episode.clone();
    if let Some(undo) = next.state.undo.as_mut() {
        undo.rearmed = undo.rearmed.saturating_add(u32::from(undo.is_open()));
        undo.intent_at = Some(now);
        undo.not_after = Some(now.plus(intent::ARMED_FOR));
    }
    round.effect(Effect::Undo(Box::new(next)))
}

/// Due at its time; at once when the attempt did not help or the episode ended without recovery.
fn due_at(undo: &UndoState, episode: &Episode, now: Moment) -> Moment {
    let helped = match episode.state.phase {
        Phase::Acting | Phase::Verifying | Phase::Recovered => true,
        Phase::Pending
        | Phase::Held
        | Phase::AwaitingApproval
        | Phase::SelfRecovered
        | Phase::Exhausted
        | Phase::Superseded
        | Phase::Aborted => false,
    };
    if helped || undo.rearmed > 0 {
        undo.due_at
    } else {
        undo.due_at.min(now)
    }
}

/// Why there is nothing to take back any more. An open undo that reached its end is done.
fn void(
    world: &World,
    key: &TargetKey,
    undo: &UndoState,
    episode: &Episode,
) -> Option<&'static str> {
    let Some(workload) = world.workload(key) else {
        return Some("TargetGone");
    };
    if *workload.facts.uid != *episode.spec.target.uid {
        return Some("TargetGone");
    }
    // The scale itself may still be under way.
    if matches!(episode.state.phase, Phase::Acting) {
        return None;
    }
    if undo.is_open() && workload.facts.desired == undo.from {
        return Some("Undone");
    }
    if workload.facts.desired != undo.to {
        // A later scale of ours is taken back first; a view from before the act tells nothing.
        let nested = |one: &Episode| {
            let later = one.state.undo.as_ref().filter(|_| one.id != episode.id);
            later.is_some_and(|later| later.is_due_sometime() && later.from == undo.to)
        };
        let acted = episode.last_attempt().and_then(|one| one.acted_at);
        let seen = acted.is_none_or(|at| world.is_seen_since(key.kind, at));
        let changed = seen && !world.records_of(key).any(nested);
        return changed.then_some("ReplicasChanged");
    }
    let owner = guard::autoscaler(world, &workload.facts);
    let owner = owner.or_else(|| guard::owner(world, &workload.facts));
    owner.map(|owner| owner.reason())
}

fn finish(round: &mut Round<'_>, episode: &Episode, result: &str) -> bool {
    let mut next = episode.clone();
    if let Some(undo) = next.state.undo.as_mut() {
        undo.done_at = Some(round.now);
        undo.result = Some(Text::from(result));
    }
    round.effect(Effect::Write(Box::new(next)))
}
