//! `rollback`: back to the newest other revision, proven or simply previous.

use kubemend_api::actions::ActionName;
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
    world
        .records_of(key)
        .filter(|one| !one.is_dry())
        .any(|record| {
            record.state.attempts.iter().any(|attempt| {
                attempt.action == ActionName::Rollback
                    && now.since(attempt.intent_at) < BAD_FOR
                    && attempt.requests.iter().any(|request| {
                        request.from.as_deref() == Some(hash)
                            && request.result != Some(Done::NotApplied)
                            && request.result.is_some()
                    })
            })
        })
}
