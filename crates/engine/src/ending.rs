//! How episodes end, and what each end leaves.

use kubemend_api::Mode;

use crate::claim;
use crate::detect::Detect;
use crate::episode::{Baseline, Episode, Outcome, Phase};
use crate::facts::{TargetKey, Text};
use crate::health;
use crate::mode;
use crate::moment::Moment;
use crate::policy::{Chain, Step};
use crate::view::View;
use crate::world::{World, policy_id};

/// So many restart counts are kept at a recovery; a target with more crashed containers than this
/// counts the rest from zero, which only makes a relapse visible sooner.
const BASELINE_MAX: usize = 50;

/// The episode as it ends now for a reason outside its chain, if it does: retry, target gone,
/// policy gone or shadowed, mode lowered, a new revision, or a relapse window that has passed.
pub fn of(world: &World, key: &TargetKey, episode: &Episode, now: Moment) -> Option<Episode> {
    if episode.retry.is_some() && episode.retry != episode.state.retried {
        let mut next = end(episode, Phase::Aborted, "Retried", now);
        next.state.retried.clone_from(&episode.retry);
        return Some(next);
    }
    let workload = world.workload(key).map(|one| &one.facts);
    let Some(workload) =
        workload.filter(|one| *one.uid == *episode.spec.target.uid && !one.deleting)
    else {
        return Some(end(episode, Phase::Aborted, "TargetGone", now));
    };
    if let Some(reason) = authority_gone(world, key, episode, now) {
        return Some(end(episode, Phase::Aborted, reason, now));
    }
    if *workload.hash != *episode.hash() {
        return Some(end(episode, Phase::Superseded, "RevisionChanged", now));
    }
    if workload.desired == 0 {
        return Some(end(episode, Phase::Superseded, "ScaledToZero", now));
    }
    let passed = episode.state.relapse_until.is_some_and(|until| now > until);
    (episode.state.phase == Phase::Recovered && passed)
        .then(|| end(episode, Phase::Recovered, "WindowPassed", now))
}

/// Authority comes from the live policy, never from the record.
fn authority_gone(
    world: &World,
    key: &TargetKey,
    episode: &Episode,
    now: Moment,
) -> Option<&'static str> {
    // Without configuration the mode is not known: that holds, and ends nothing.
    world.config.as_ref()?;
    let id = policy_id(episode);
    let Some(policy) = world
        .policies
        .get(&id)
        .filter(|_| world.is_member(&id, key))
    else {
        return Some("PolicyGone");
    };
    let Some(rule) = policy.rule(episode.rule()) else {
        return Some("PolicyGone");
    };
    let wanted = if episode.is_dry() {
        Mode::DryRun
    } else {
        Mode::Enforce
    };
    if rule.mode(mode::effective(world, policy, key, now).mode) != wanted {
        return Some("ModeChanged");
    }
    let claims = claim::policy(world, key, wanted, now).is_some_and(|one| one.id == id);
    (!claims).then_some("ShadowedBy")
}

/// Ends an episode. A final phase stays what it is: what follows sets only the end and its reason.
fn end(episode: &Episode, phase: Phase, reason: &str, now: Moment) -> Episode {
    let mut next = episode.clone();
    if !matches!(episode.state.phase, Phase::Recovered | Phase::Exhausted) {
        next.state.phase = phase;
    }
    next.state.reason = Some(Text::from(reason));
    next.state.message = None;
    next.state.approval = None;
    next.state.ended_at = Some(now);
    if let Some(attempt) = next
        .state
        .attempts
        .last_mut()
        .filter(|one| one.judged_at.is_none())
    {
        attempt.outcome = Some(attempt.outcome.unwrap_or(Outcome::Superseded));
        attempt.judged_at = Some(now);
    }
    next
}

/// An attempt has cured: since then, for the whole stable stretch.
pub fn recovered(view: &View<'_>, episode: &Episode, healthy_at: Moment, step: &Step) -> Episode {
    let mut next = episode.clone();
    let state = &mut next.state;
    if let Some(attempt) = state.attempts.last_mut() {
        attempt.outcome = Some(Outcome::Recovered);
        attempt.judged_at = Some(view.now);
    }
    state.phase = Phase::Recovered;
    state.reason = None;
    state.message = None;
    state.healthy_at = Some(healthy_at.max(episode.detected_at()));
    state.relapse_until = Some(view.now.plus(step.relapse_window));
    state.baseline = baseline(view);
    next
}

/// Restart counts now, from which a relapse is counted.
fn baseline(view: &View<'_>) -> Vec<Baseline> {
    let counts = view.pods.iter().flat_map(|one| {
        let pod = one.facts();
        pod.containers
            .iter()
            .filter(|one| one.restarts > 0)
            .map(|one| Baseline {
                pod: pod.uid.text(),
                container: one.name.clone(),
                restarts: one.restarts,
            })
    });
    counts.take(BASELINE_MAX).collect()
}

/// Since when the target has been well and without the failure for the whole stable stretch; else when it may be.
pub fn well(
    view: &View<'_>,
    episode: &Episode,
    detector: &dyn Detect,
    chain: Option<&Chain>,
) -> Result<Moment, Option<Moment>> {
    let since = health::since_without(view, detector).ok_or(None)?;
    let stable = since.plus(health::calm(view, Some(episode), chain));
    if view.now >= stable {
        Ok(since)
    } else {
        Err(Some(stable))
    }
}

/// The target got well while no attempt was being verified: no step gets the credit.
pub fn self_recovered(episode: &Episode, healthy_at: Moment, now: Moment) -> Episode {
    let mut next = end(episode, Phase::SelfRecovered, "SymptomGone", now);
    next.state.healthy_at = Some(healthy_at.max(episode.detected_at()));
    next
}

/// The latch of an exhausted episode opens for another failure: nothing was done about its own, so there is
/// nothing that must not be repeated.
pub fn overtaken(episode: &Episode, now: Moment) -> Episode {
    end(episode, Phase::Exhausted, "SymptomChanged", now)
}

/// The latch of an exhausted episode opens.
pub fn symptom_gone(episode: &Episode, healthy_at: Moment, now: Moment) -> Episode {
    let mut next = end(episode, Phase::Exhausted, "SymptomGone", now);
    next.state.healthy_at = Some(healthy_at.max(episode.detected_at()));
    next
}
