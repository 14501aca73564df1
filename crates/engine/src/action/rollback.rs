//! `rollback`: back to the newest other revision, proven or simply previous.
//!
//! Where the workload's controller does not replace a broken pod by itself, the template alone mends nothing: the step
//! goes on with the pods that the revision left behind.

use kubemend_api::actions::{Rollback, RollbackTo};

use super::{PODS_MAX, remove};
use crate::episode::{Attempt, Done, Episode, Outcome, Request, Verb};
use crate::facts::{RevisionFacts, TargetKey, Updates};
use crate::guard::Case;
use crate::health;
use crate::hold::{No, Skip};
use crate::moment::{Millis, Moment};
use crate::proof;
use crate::view::{PodView, View};
use crate::world::World;

/// A revision that was rolled back from is bad for so long.
const BAD_FOR: Millis = 24 * 3_600_000;

/// rollback.maxPerDay where it is absent: what a second rollback would follow is no bad release.
const DEFAULT_PER_DAY: u32 = 1;

pub(super) fn resolve(parameters: &Rollback, case: &Case<'_>) -> Result<Vec<Request>, No> {
    if let Some(episode) = unfinished(case) {
        let recent = health::stretch(case.view, Some(episode), Some(case.step));
        let left = left_behind(case.view, episode, recent).into_iter();
        // With nothing left by now, the attempt is its verification.
        let left = left.take(PODS_MAX);
        return Ok(left.map(|one| remove(case, one.facts())).collect());
    }
    let (view, world) = (case.view, case.view.world);
    let workload = view.workload;
    if workload.paused {
        let why = "the Deployment is paused".to_owned();
        return Err(Skip::CannotApply { why }.into());
    }
    if was_rolled_back_from(world, &view.key, &workload.hash, view.now) {
        return Err(Skip::RolledBackBefore.into());
    }
    let done = rollbacks(world, &view.key, view.now).count();
    let done = u32::try_from(done).unwrap_or(u32::MAX);
    if done >= parameters.max_per_day.unwrap_or(DEFAULT_PER_DAY) {
        return Err(Skip::RollbackLimit { done }.into());
    }
    let asked = proof::asked(case.step).unwrap_or(0);
    let trusted = |revision: &&RevisionFacts| match parameters.to {
        RollbackTo::Previous => true,
        RollbackTo::LastHealthy => world
            .proof_of(revision)
            .is_some_and(|proof| proof.seconds.saturating_mul(1000) >= asked),
    };
    let target = world
        .revisions_of(&view.key)
        .filter(|one| one.hash != workload.hash)
        .filter(|one| !was_rolled_back_from(world, &view.key, &one.hash, view.now))
        .filter(trusted)
        .max_by_key(|one| one.revision)
        .ok_or(Skip::NoProvenRevision)?;
    if workload.updates == Updates::ByHand && runs_a_third(view, target) {
        let why = "its updates reach the pods by hand only, and some pods run a third revision";
        let why = why.to_owned();
        return Err(Skip::CannotApply { why }.into());
    }
    Ok(vec![Request {
        verb: Verb::Rollback,
        name: target.name.name.clone(),
        uid: target.uid.clone(),
        from: Some(workload.hash.clone()),
        to: Some(target.hash.clone()),
        result: None,
        detail: None,
    }])
}

/// Some pods are neither of the present template nor of that revision. Where nobody brings a template to the pods
/// that stay, they would go on as they are, and the workload would be of two revisions.
fn runs_a_third(view: &View<'_>, target: &RevisionFacts) -> bool {
    let mut known = view.pods.iter().filter_map(|one| one.hash);
    known.any(|hash| *hash != view.workload.hash && *hash != target.hash)
}

/// The episode, where this step put the present template back and has not come to its end with that: what the revision left
/// behind was not removed yet, or could not be.
fn unfinished<'a>(case: &Case<'a>) -> Option<&'a Episode> {
    let episode = case.episode?;
    let last = episode.last_attempt()?;
    let goes_on = last.step == case.step.name
        && matches!(last.outcome, Some(Outcome::Partial | Outcome::NotApplied));
    (goes_on && since_rollback(case.view, episode).is_some()).then_some(episode)
}

/// This step is in the middle of a rollback: whatever admitted it has been judged.
pub fn is_unfinished(case: &Case<'_>) -> bool {
    unfinished(case).is_some()
}

/// The attempts after the one that put the present template back.
fn since_rollback<'a>(view: &View<'_>, episode: &'a Episode) -> Option<&'a [Attempt]> {
    let brought = |one: &Request| {
        one.verb == Verb::Rollback
            && one.result == Some(Done::Applied)
            && one.to.as_ref() == Some(&view.workload.hash)
    };
    let attempts = &episode.state.attempts;
    let rollback = |one: &Attempt| one.requests.iter().any(brought);
    let at = attempts.iter().rposition(rollback)?;
    Some(&attempts[at + 1..])
}

/// The pods that a rollback of this episode left behind and that it has to remove itself. Each name goes once: a pod
/// that comes back as it was would do so again.
pub fn left_behind<'v, 'a>(
    view: &'v View<'a>,
    episode: &Episode,
    recent: Millis,
) -> Vec<&'v PodView<'a>> {
    let Some(since) = since_rollback(view, episode) else {
        return Vec::new();
    };
    let removed = |one: &PodView<'_>| {
        let mut gone = since.iter().flat_map(|one| &one.requests);
        gone.any(|request| {
            request.name == one.facts().name.name
                && request.result.is_some_and(|done| done != Done::NotApplied)
        })
    };
    view.outdated(recent).filter(|one| !removed(one)).collect()
}

/// Whether this target was rolled back from that template within 24 h.
pub fn was_rolled_back_from(world: &World, key: &TargetKey, hash: &str, now: Moment) -> bool {
    rollbacks(world, key, now).any(|request| request.from.as_deref() == Some(hash))
}

/// Rollbacks of this target within 24 h that may have had an effect.
fn rollbacks<'a>(
    world: &'a World,
    key: &TargetKey,
    now: Moment,
) -> impl Iterator<Item = &'a Request> {
    let records = world.records_of(key).filter(|one| !one.is_dry());
    let lately = records
        .flat_map(|record| &record.state.attempts)
        .filter(move |one| now.since(one.intent_at) < BAD_FOR);
    lately.flat_map(|one| &one.requests).filter(|one| {
        one.verb == Verb::Rollback && one.result.is_some_and(|done| done != Done::NotApplied)
    })
}
