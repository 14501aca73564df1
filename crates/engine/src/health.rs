//! When a target is well: the one definition that recovery, self-recovery and the end of
//! Exhausted share.

use crate::detect::Detect;
use crate::episode::Episode;
use crate::facts::Phase;
use crate::moment::{Millis, Moment};
use crate::policy::{Chain, DEFAULT_RELAPSE_WINDOW, DEFAULT_STABLE_FOR, Step};
use crate::view::{PodView, View};

/// Since when one pod has been well; `None` while it is not. Ready alone proves nothing: a
/// container that runs 40 s between crashes is Ready for most of that time.
pub fn pod_since(one: &PodView<'_>) -> Option<Moment> {
    let pod = one.facts();
    let running = |one: &crate::facts::Container| {
        one.role == crate::facts::Role::Init || (one.running && one.waiting.is_none())
    };
    if pod.phase != Phase::Running || !pod.containers.iter().all(running) {
        return None;
    }
    let ready = one.pod.ready_since?;
    let ended = pod.newest_abnormal().and_then(|(_, end)| end.finished);
    Some(ready.max(ended.unwrap_or(ready)))
}

/// Since when the whole target has been well: the rollout is complete, every desired replica is
/// available, and no pod fails. `None` while it is not.
pub fn since(view: &View<'_>) -> Option<Moment> {
    let workload = view.workload;
    if !workload.is_complete() || view.pods.is_empty() && workload.desired > 0 {
        return None;
    }
    // A pod that is being deleted must be gone, or well to its last moment.
    if !view.leaving.iter().all(|one| pod_since(one).is_some()) {
        return None;
    }
    let mut since = view.workload.created;
    for one in &view.pods {
        since = since.max(pod_since(one)?);
    }
    Some(since.min(view.now))
}

/// Since when the whole target has been well and without that failure; `None` while it is not.
pub fn since_without(view: &View<'_>, detector: &dyn Detect) -> Option<Moment> {
    let gone = detector.gone_since(view)?;
    Some(since(view)?.max(gone))
}

/// How long the target must stay well: at least stableFor, and twice as long as its crashes are
/// apart; at most the relapse window.
pub fn stretch(view: &View<'_>, episode: Option<&Episode>, step: Option<&Step>) -> Millis {
    let stable_for = step.map_or(DEFAULT_STABLE_FOR, |step| step.stable_for);
    let window = step.map_or(DEFAULT_RELAPSE_WINDOW, |step| step.relapse_window);
    let longest = episode
        .and_then(|episode| view.longest_run(episode))
        .unwrap_or(0);
    stable_for
        .max(longest.saturating_mul(2))
        .min(window.max(stable_for))
}

/// How long the target must stay well before its symptom is gone, whichever step comes next: one
/// measure for opening, going on and ending, so that none of them sees a symptom that another does
/// not.
pub fn calm(view: &View<'_>, episode: Option<&Episode>, chain: Option<&Chain>) -> Millis {
    let steps = chain.map_or(&[][..], |chain| &chain.steps);
    let longest = steps
        .iter()
        .map(|step| stretch(view, episode, Some(step)))
        .max();
    longest.unwrap_or_else(|| stretch(view, episode, None))
}

/// The pod fails now: no threshold, one abnormal end within `recent` suffices.
pub fn is_failing(one: &PodView<'_>, recent: Millis, now: Moment) -> bool {
    let pod = one.facts();
    let ended = pod.newest_abnormal().and_then(|(_, end)| end.finished);
    matches!(pod.phase, Phase::Failed | Phase::Unknown)
        || ended.is_some_and(|at| now.since(at) <= recent)
}
