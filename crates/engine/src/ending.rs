//! How episodes end, and what each end leaves.

use kubemend_api::Mode;
use kubemend_api::actions::ActionName;
use kubemend_api::targets::WorkloadKind;

use crate::claim;
use crate::detect::Detect;
use crate::episode::{Attempt, Baseline, Episode, Outcome, Phase};
use crate::facts::{TargetKey, Text};
use crate::health;
use crate::mode;
use crate::moment::{Millis, Moment};
use crate::policy::{Chain, Policy, Step};
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
        return gone(world, key, episode, now);
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

/// An owner of pods is seen by its pods only: where an act took the last of them away, it has its time to make
/// them anew.
const ABSENT_FOR: Millis = 300_000;

/// Until when an owner whose pods are all gone may make them anew.
pub fn returns_until(key: &TargetKey, episode: &Episode) -> Option<Moment> {
    let acted = episode.last_attempt().and_then(|one| one.acted_at);
    let owner = key.kind == WorkloadKind::Pod && !key.is_bare();
    acted.filter(|_| owner).map(|at| at.plus(ABSENT_FOR))
}

/// The target is not there, or another one has its name.
fn gone(world: &World, key: &TargetKey, episode: &Episode, now: Moment) -> Option<Episode> {
    let removed = |one: &&Attempt| one.action == ActionName::DeletePod && one.is_verifying();
    if let Some(attempt) = episode.last_attempt().filter(removed)
        && key.is_bare()
    {
        return Some(cleared(episode, attempt.acted_at.unwrap_or(now), now));
    }
    if key.kind == WorkloadKind::Pod
        && !world
            .policies
            .get(&policy_id(episode))
            .is_some_and(Policy::heals_pods)
    {
        return Some(end(episode, Phase::Aborted, "PolicyGone", now));
    }
    let absent = world.workload(key).is_none();
    let waits = absent && returns_until(key, episode).is_some_and(|until| now < until);
    (!waits).then(|| end(episode, Phase::Aborted, "TargetGone", now))
}

/// What was left of a bare pod is removed, and that was all there was to do.
fn cleared(episode: &Episode, at: Moment, now: Moment) -> Episode {
    let mut next = end(episode, Phase::Recovered, "TargetGone", now);
    if let Some(attempt) = next.state.attempts.last_mut() {
        attempt.outcome = Some(Outcome::Recovered);
    }
    next.state.healthy_at = Some(at.max(episode.detected_at()));
    next
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
