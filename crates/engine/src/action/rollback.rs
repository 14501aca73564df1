//! `rollback`: back to the newest other revision, proven or simply previous.

use kubemend_api::actions::{Rollback, RollbackTo};
use kubemend_api::targets::WorkloadKind;

use crate::episode::{Done, Request, Verb};
use crate::facts::{RevisionFacts, TargetKey};
use crate::guard::Case;
use crate::hold::{No, Skip};
use crate::moment::{Millis, Moment};
use crate::proof;
use crate::world::World;

/// A revision that was rolled back from is bad for so long.
const BAD_FOR: Millis = 24 * 3_600_000;

/// rollback.maxPerDay where it is absent: what a second rollback would follow is no bad release.
const DEFAULT_PER_DAY: u32 = 1;

pub(super) fn resolve(parameters: &Rollback, case: &Case<'_>) -> Result<Vec<Request>, No> {
    let (view, world) = (case.view, case.view.world);
    let workload = view.workload;
    if workload.key.kind != WorkloadKind::Deployment {
        let why = format!(
            "a {} has no revisions that can be put back",
            workload.key.kind
        );
        return Err(Skip::CannotApply { why }.into());
    }
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
