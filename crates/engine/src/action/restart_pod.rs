//! `restartPod`: every pod that shows the failure, oldest first, at most ten; first of all those of another template that an
//! ordered rollout waits for.

use super::{PODS_MAX, remove};
use crate::detect::detector;
use crate::episode::Request;
use crate::facts::PodFacts;
use crate::guard::Case;
use crate::hold::{Hold, No, Skip};
use crate::view::PodView;

pub(super) fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    let view = case.view;
    let blocking: Vec<Request> = view
        .blocking()
        .take(PODS_MAX)
        .map(|one| remove(case, one.facts()))
        .collect();
    if !blocking.is_empty() {
        return Ok(blocking);
    }
    let detector = detector(case.trigger);
    let failing: Vec<&PodFacts> = detector
        .pods(view)
        .iter()
        .filter(|one| detector.shows(one, view.now))
        .map(PodView::facts)
        .collect();
    if failing.is_empty() && !detector.lies_in_pods() {
        let why = "no pod shows the failure";
        return Err(Skip::CannotHelp { why }.into());
    }
    if failing.is_empty() {
        return Err(Hold::NothingFailing.into());
    }
    if failing.iter().all(|pod| pod.blocked().is_some()) {
        let why = "a new pod would wait for the same image or configuration";
        return Err(Skip::CannotHelp { why }.into());
    }
    let oldest = failing.into_iter().take(PODS_MAX);
    Ok(oldest.map(|pod| remove(case, pod)).collect())
}
