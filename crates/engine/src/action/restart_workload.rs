//! `restartWorkload`: a rolling restart, as `kubectl rollout restart` makes it.
//!
//! A restart is a revision of its own, and only so many are kept: repeated restarts push the last good
//! one out of the history, after which nothing is left to roll back to.

use crate::detect::detector;
use crate::episode::{Attempt, Done, Request, Verb};
use crate::facts::Updates;
use crate::guard::Case;
use crate::health;
use crate::hold::{No, Skip};
use crate::view::PodView;

/// The record's schema holds a mark of so many characters; a time has less than half.
const MARK_MAX: usize = 64;

pub(super) fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    let workload = case.view.workload;
    let cannot = |why: &str| Skip::CannotApply {
        why: why.to_owned(),
    };
    if workload.paused {
        return Err(cannot("the Deployment is paused").into());
    }
    let view = case.view;
    let ready = |one: &&PodView<'_>| one.facts().ready;
    match workload.updates {
        Updates::ByHand => return Err(cannot("its updates reach the pods by hand only").into()),
        Updates::Ordered if view.current().any(|one| !one.facts().ready) => {
            let why = "its controller waits for the pod that is not ready before it goes on";
            return Err(Skip::CannotHelp { why }.into());
        }
        Updates::AtOnce if view.current().filter(ready).any(|one| is_spared(one, case)) => {
            let why = "its strategy Recreate would take away the pods that are well too";
            return Err(cannot(why).into());
        }
        Updates::Rolling | Updates::Ordered | Updates::AtOnce => {}
    }
    // A record holds no longer mark, and half a mark could not be compared.
    let longest = workload
        .restarted_at
        .as_ref()
        .map_or(0, |one| one.chars().count());
    if longest > MARK_MAX {
        return Err(cannot("its restartedAt annotation is no time").into());
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
    // A rollback of ours takes the mark along with the template.
    let rolled = |one: &Attempt| one.requests.iter().any(|one| one.verb == Verb::Rollback);
    let all = case.episode.map_or(&[][..], |one| &one.state.attempts);
    let from = all.iter().rposition(rolled).map_or(0, |at| at + 1);
    let attempts = all[from..].iter();
    let mut restarts = attempts
        .flat_map(|one| &one.requests)
        .filter(|one| one.verb == Verb::Restart && one.result == Some(Done::Applied));
    restarts.any(|one| case.view.workload.restarted_at == one.from)
}

/// It is well, and would be taken away.
fn is_spared(one: &PodView<'_>, case: &Case<'_>) -> bool {
    let stretch = health::stretch(case.view, case.episode, Some(case.step));
    !health::is_failing(one, stretch, case.view.now)
        && !detector(case.trigger).shows(one, case.view.now)
}

/// The controller would have to delete its oldest revision, and that one is the newest of another template
/// that has proven itself.
fn drops_the_last_good(case: &Case<'_>) -> bool {
    let (world, workload) = (case.view.world, case.view.workload);
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
