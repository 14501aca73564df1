//! What was seen of a pod's present trouble: objects tell their state, seldom since when.

use kubemend_api::triggers::Probe;

use crate::facts::{Blocked, Container, PodFacts, Trouble};
use crate::moment::{Millis, Moment};

use super::Pod;

/// A kubelet forgets a container's back-off after so long a run; a crash after it starts a new streak.
const STREAK_ENDS: Millis = 600_000;

/// No trigger counts more kills than this.
const KILLS_MAX: usize = 10;

/// Adds what is known of the pod's trouble to its newest state.
pub(super) fn note(known: Option<&Pod>, pod: &mut PodFacts, now: Moment) {
    let before = known.and_then(Pod::trouble);
    let trouble = Trouble {
        failing_since: failing_since(known, pod),
        blocked: blocked(known, before, pod, now),
        unready: unready(known, before, pod, now),
        kills: kills(before, pod),
    };
    if trouble != Trouble::default() {
        pod.rare.get_or_insert_default().trouble = trouble;
    }
}

/// The end of the first run of the present streak of short runs, from local observation; a cold
/// start knows only the newest end.
fn failing_since(known: Option<&Pod>, pod: &PodFacts) -> Option<Moment> {
    let (_, end) = pod.newest_abnormal()?;
    let finished = end.finished?;
    let Some(since) = known.and_then(Pod::failing_since) else {
        return Some(finished);
    };
    let before = known
        .and_then(|known| known.facts.newest_abnormal())
        .and_then(|(_, end)| end.finished);
    let started = end.started.unwrap_or(finished);
    let long_run = finished.since(started) >= STREAK_ENDS;
    let news = before.is_none_or(|before| finished > before);
    Some(if news && long_run { finished } else { since })
}

/// Waiting has no time of its own: the first local observation counts, and for a cold start the time since
/// when the pod has not been ready.
fn blocked(
    known: Option<&Pod>,
    before: Option<&Trouble>,
    pod: &PodFacts,
    now: Moment,
) -> Option<(Blocked, Moment)> {
    let why = pod.blocked()?;
    let same = before
        .and_then(|one| one.blocked)
        .filter(|(known, _)| *known == why);
    let since = match (same, known) {
        (Some((_, since)), _) => since,
        (None, Some(_)) => now,
        (None, None) => {
            let stated = pod.ready_changed.unwrap_or(pod.created);
            stated.max(pod.created).min(now)
        }
    };
    Some((why, since))
}

/// When a container got through its start is told nowhere: a cold start knows it only of containers without a
/// startup probe.
fn unready(
    known: Option<&Pod>,
    before: Option<&Trouble>,
    pod: &PodFacts,
    now: Moment,
) -> Option<Moment> {
    if !pod.fails_readiness() {
        return None;
    }
    let starts_slowly = |one: &Container| one.checks.has(Probe::Startup);
    if known.is_some() || pod.containers.iter().any(starts_slowly) {
        return before.and_then(|one| one.unready).or(Some(now));
    }
    // A run that began after the pod was last ready has had less time.
    let ended = pod
        .containers
        .iter()
        .filter_map(|one| one.newest.as_deref()?.finished);
    let changed = pod.ready_changed.into_iter().chain(ended).max();
    Some(changed.unwrap_or(pod.created).max(pod.created).min(now))
}

/// A container shows its last end only, so each new kill is kept.
fn kills(before: Option<&Trouble>, pod: &PodFacts) -> Vec<Moment> {
    let mut kills = before.map_or_else(Vec::new, |one| one.kills.clone());
    let ends = pod.containers.iter().filter_map(|one| one.abnormal());
    let fresh = ends
        .filter(|end| end.is_oom())
        .filter_map(|end| end.finished);
    kills.extend(fresh);
    kills.sort_unstable();
    // Two containers that were killed within one second count once: object times have whole seconds.
    kills.dedup();
    let surplus = kills.len().saturating_sub(KILLS_MAX);
    kills.drain(..surplus);
    kills
}
