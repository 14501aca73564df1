//! What the kubelet made of a resize: done, put off, or never.

use kubemend_api::actions::ActionName;

use crate::episode::{Attempt, Episode};
use crate::facts::Starved;
use crate::view::PodView;

/// The kubelet's answer to a resize that it has not begun.
const PENDING: &str = "PodResizePending";

/// A resized pod whose node can never give it so much: more time changes nothing.
pub(super) fn never(judged: &[PodView<'_>], attempt: &Attempt) -> Option<String> {
    let mut resized = judged
        .iter()
        .filter(|_| attempt.action == ActionName::ResizeMemory);
    let pod = resized.find_map(|one| {
        let pending = one.facts().condition(PENDING)?;
        (&*pending.reason == "Infeasible").then(|| one.facts())
    })?;
    Some(format!(
        "the node of pod {} can never give it so much (Infeasible)",
        pod.name.name
    ))
}

/// A resized container that does not have its new limit yet.
pub(super) fn waits(
    judged: &[PodView<'_>],
    episode: &Episode,
    attempt: &Attempt,
) -> Option<String> {
    if attempt.action != ActionName::ResizeMemory {
        return None;
    }
    let mut resized = episode.resized();
    resized.find_map(|(_, request, resize)| {
        let pod = judged
            .iter()
            .find(|one| one.facts().uid == request.uid)?
            .facts();
        // One that ended otherwise since shows no limit here, and is judged by that end.
        let of = |one: &&Starved| one.container == resize.container;
        let given = pod.starved().iter().find(of)?.given;
        if given.is_some_and(|given| given >= resize.limit) {
            return None;
        }
        let wanted = format!(
            "container {} of pod {} was not given {}",
            resize.container, pod.name.name, resize.limit
        );
        Some(match pod.condition(PENDING) {
            Some(pending) => format!("{wanted}: {}", pending.reason),
            None => format!("{wanted} in time"),
        })
    })
}
