//! `restartWorkload`: a rolling restart, as `kubectl rollout restart` makes it.
//!
//! A restart is a revision of its own, and only so many are kept: repeated restarts push the last good
//! one out of the history, after which nothing is left to roll back to.

use kubemend_api::targets::WorkloadKind;

use crate::episode::{Done, Request, Verb};
use crate::facts::Updates;
use crate::guard::Case;
use crate::hold::{No, Skip};

pub(super) fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    let workload = case.view.workload;
    let cannot = |why: &str| Skip::CannotApply {
        why: why.to_owned(),
    };
    if workload.paused {
        return Err(cannot("the Deployment is paused").into());
    }
    if workload.updates == Updates::ByHand {
        return Err(cannot("its updates reach the pods by hand only").into());
    }
    if taken_back(case) {
        return Err(Skip::RevertedByOwner {
            what: "the restart",
        }
        .into());
    }
    if drops_the_last_good(case) {
        return Err(
            cannot("one more restart would drop the last revision that has proven itself").into(),
        );
    }
    Ok(vec![Request {
        verb: Verb::Restart,
        name: workload.key.name.clone(),
        uid: workload.uid.clone(),
        from: workload.restarted_at.clone(),
        to: Some(case.view.now.to_string().as_str().into()),
        result: None,
        detail: None,
    }])
}

/// Somebody else put the restart mark of this episode back to what it was before.
fn taken_back(case: &Case<'_>) -> bool {
    let attempts = case.episode.into_iter().flat_map(|one| &one.state.attempts);
    let mut restarts = attempts
        .flat_map(|one| &one.requests)
        .filter(|one| one.verb == Verb::Restart && one.result == Some(Done::Applied));
    restarts.any(|one| case.view.workload.restarted_at == one.from)
}

/// The controller would have to delete its oldest revision, and that one is the newest of another template
/// that has proven itself.
fn drops_the_last_good(case: &Case<'_>) -> bool {
    let (world, workload) = (case.view.world, case.view.workload);
    if workload.key.kind != WorkloadKind::Deployment {
        return false;
    }
    let mut revisions: Vec<_> = world.revisions_of(&case.view.key).collect();
    revisions.sort_unstable_by_key(|one| one.revision);
    // The present one becomes an old one.
    if revisions.len() <= workload.history as usize {
        return false;
    }
    let good = revisions
        .iter()
        .rfind(|one| one.hash != workload.hash && world.proof_of(one).is_some());
    let oldest = revisions.first();
    good.zip(oldest)
        .is_some_and(|(good, oldest)| good.uid == oldest.uid)
}
