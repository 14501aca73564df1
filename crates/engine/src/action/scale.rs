//! `scale`: more replicas, never beyond max, never below the present number.

use kubemend_api::actions::Scale;
use kubemend_api::targets::WorkloadKind;

use crate::episode::{Request, Verb};
use crate::guard::Case;
use crate::health;
use crate::hold::{No, Skip};
use crate::view::PodView;

pub(super) fn resolve(parameters: &Scale, case: &Case<'_>) -> Result<Vec<Request>, No> {
    let view = case.view;
    let workload = view.workload;
    if workload.key.kind == WorkloadKind::DaemonSet {
        return Err(Skip::CannotApply {
            why: "a DaemonSet has no replicas".to_owned(),
        }
        .into());
    }
    let from = workload.desired;
    let to = from
        .saturating_add(parameters.by.of(from).max(1))
        .min(parameters.max);
    if to <= from {
        let why = format!("{from} replicas already, max is {}", parameters.max);
        return Err(Skip::CannotApply { why }.into());
    }
    if taken_back(case) {
        return Err(Skip::RevertedByOwner { what: "the scale" }.into());
    }
    if !view.current().any(|one| stays_up(one, case)) {
        return Err(Skip::CannotHelp {
            why: "no pod of this revision stays up",
        }
        .into());
    }
    Ok(vec![Request {
        verb: Verb::Scale,
        name: workload.key.name.clone(),
        uid: workload.uid.clone(),
        from: Some(from.to_string().into()),
        to: Some(to.to_string().into()),
        result: None,
        detail: None,
    }])
}

/// Somebody else put the replicas back to what they were before this episode's scale.
fn taken_back(case: &Case<'_>) -> bool {
    let undo = case.episode.and_then(|one| one.state.undo.as_ref());
    undo.is_some_and(|undo| {
        undo.result.as_deref() == Some("ReplicasChanged") && case.view.workload.desired == undo.from
    })
}

/// The pod has run without abnormal end for the stable stretch.
fn stays_up(one: &PodView<'_>, case: &Case<'_>) -> bool {
    let stretch = health::stretch(case.view, case.episode, Some(case.step));
    health::pod_since(one).is_some_and(|since| case.view.now.since(since) >= stretch)
}
