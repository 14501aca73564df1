//! `restartPod`: every pod that shows the failure, oldest first, at most ten.

use crate::episode::{Request, Verb};
use crate::facts::PodFacts;
use crate::guard::Case;
use crate::hold::{Hold, No, Skip};
use crate::view::PodView;

/// One intent names so many pods at most: its record stays small and its requests end in time.
const PODS_MAX: usize = 10;

/// Waiting for these, a container of a new pod would wait just as long.
const RESTART_IS_USELESS: [&str; 10] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "SignatureValidationFailed",
];

pub(super) fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    let view = case.view;
    let failing: Vec<&PodFacts> = view
        .pods
        .iter()
        .filter(|one| case.detector.shows(one, view.now))
        .map(PodView::facts)
        .collect();
    if failing.is_empty() {
        return Err(Hold::NothingFailing.into());
    }
    if failing.iter().all(|pod| is_useless(pod)) {
        let why = "a new pod would wait for the same image or configuration";
        return Err(Skip::CannotHelp { why }.into());
    }
    Ok(failing
        .into_iter()
        .take(PODS_MAX)
        .map(|pod| request(case, pod))
        .collect())
}

fn is_useless(pod: &PodFacts) -> bool {
    let waits = |reason: &str| RESTART_IS_USELESS.contains(&reason);
    pod.containers
        .iter()
        .any(|one| one.waiting.as_deref().is_some_and(waits))
}

/// A pod under a PodDisruptionBudget is only ever evicted; one under none is deleted.
fn request(case: &Case<'_>, pod: &PodFacts) -> Request {
    let covered = !case.view.world.disruption_budgets_of(pod).is_empty();
    Request {
        verb: if covered { Verb::Evict } else { Verb::Delete },
        name: pod.name.name.clone(),
        uid: pod.uid.text(),
        from: None,
        to: None,
        result: None,
        detail: None,
    }
}
