//! `resizeMemory`: more memory for the containers that were killed for want of it, in their own pods.
//!
//! It only ever raises: a kubelet lowers a limit at its own risk, so there is no undo. The template keeps its
//! limit, and the next pod starts with that one again: the record says what the template should have.

use kubemend_api::Memory;
use kubemend_api::actions::ResizeMemory;

use super::PODS_MAX;
use crate::detect::detector;
use crate::episode::{Attempt, Episode, Request, Resize, Verb};
use crate::facts::{PodFacts, Starved};
use crate::guard::Case;
use crate::hold::{Hold, No, Skip};
use crate::view::PodView;

pub(super) fn resolve(parameters: &ResizeMemory, case: &Case<'_>) -> Result<Vec<Request>, No> {
    let view = case.view;
    let detector = detector(case.trigger);
    let shown = detector.pods(view).iter();
    let shown = shown
        .filter(|one| detector.shows(one, view.now))
        .map(PodView::facts)
        .filter(|pod| !pod.has_ended());
    let starved: Vec<_> = shown
        .flat_map(|pod| pod.starved().iter().map(move |one| (pod, one)))
        .collect();
    if starved.is_empty() {
        let why = "no container's last end was for want of memory";
        return Err(Skip::CannotHelp { why }.into());
    }
    let (mut requests, mut refused) = (Vec::new(), None);
    for (pod, one) in starved
        .into_iter()
        .filter(|(pod, one)| !is_answered(case, pod, one))
    {
        match raise(parameters, case, pod, one) {
            Ok(request) => requests.push(request),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    requests.truncate(PODS_MAX);
    match refused {
        _ if !requests.is_empty() => Ok(requests),
        Some(why) => Err(Skip::CannotApply { why }.into()),
        None => Err(Hold::NothingFailing.into()),
    }
}

/// It was given more since it was killed.
fn is_answered(case: &Case<'_>, pod: &PodFacts, one: &Starved) -> bool {
    let killed = pod
        .container(&one.container)
        .and_then(|one| one.newest.as_deref()?.finished);
    let mut resized = case.episode.into_iter().flat_map(Episode::resized);
    resized.any(|(attempt, request, resize)| {
        pod.uid == request.uid && resize.container == one.container && attempt.acted_at >= killed
    })
}

/// The request that gives it more, or why none can.
fn raise(
    parameters: &ResizeMemory,
    case: &Case<'_>,
    pod: &PodFacts,
    one: &Starved,
) -> Result<Request, String> {
    let name = &one.container;
    if pod.is_autosized() {
        return Err(format!(
            "a VerticalPodAutoscaler sets the resources of pod {}",
            pod.name.name
        ));
    }
    if let Some(pending) = pod.condition("PodResizePending") {
        return Err(format!(
            "a resize of pod {} is {} already",
            pod.name.name, pending.reason
        ));
    }
    let Some(limit) = one.limit else {
        return Err(format!(
            "container {name} has no memory limit: its node ran out of memory"
        ));
    };
    let to = limit
        .times(parameters.factor)
        .min(most(parameters, case, name)?);
    if to <= limit {
        return Err(format!(
            "container {name} has {limit} already, which is the most it may have"
        ));
    }
    let memory = |limit: Memory| Resize {
        container: name.clone(),
        sidecar: one.sidecar,
        limit,
        guaranteed: one.guaranteed,
    };
    Ok(Request {
        verb: Verb::Resize,
        name: pod.name.name.clone(),
        uid: pod.uid.text(),
        from: Some(memory(limit).to_string().into()),
        to: Some(memory(to).to_string().into()),
        result: None,
        detail: None,
    })
}

/// The most that a container may have: a pod that was resized before no longer tells where it began, so
/// the template does.
fn most(parameters: &ResizeMemory, case: &Case<'_>, container: &str) -> Result<Memory, String> {
    let own = case
        .view
        .workload
        .memory
        .iter()
        .find(|(name, _)| **name == *container);
    let of_own = own.map(|(_, limit)| limit.times(parameters.max_factor));
    of_own
        .into_iter()
        .chain(parameters.max)
        .min()
        .ok_or_else(|| {
            format!(
                "the template gives container {container} no memory limit; write resizeMemory.max"
            )
        })
}

/// Why the API server or the node never lets this happen, in the words of its answers.
const REFUSED: [(&str, &str); 6] = [
    (
        "KubeletTooOld",
        "the kubelet of its node would keep the pod's own limit as it is, so that it would be killed again (kubernetes#138760); it takes 1.36.4 or 1.37",
    ),
    (
        "KubeletUnknown",
        "the version of its node's kubelet is not known",
    ),
    (
        "PodLevelResources",
        "the pod has a memory limit of its own over all its containers",
    ),
    ("Invalid", "the API server finds the raised limit invalid"),
    (
        "Forbidden",
        "a quota, a limit range or an admission policy forbids the raised limit",
    ),
    ("NotFound", "this API server resizes no pods"),
];

/// Why an attempt was refused for good; `None` where trying again may help.
pub(super) fn refused_for_good(attempt: &Attempt) -> Option<&'static str> {
    super::refused_as(attempt, &REFUSED)
}
