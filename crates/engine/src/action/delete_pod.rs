//! `deletePod`: pods that have ended and are left behind, oldest first, at most ten.

use super::{PODS_MAX, remove};
use crate::detect::detector;
use crate::episode::Request;
use crate::guard::Case;
use crate::hold::{Hold, No};
use crate::view::PodView;

pub(super) fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    let view = case.view;
    let detector = detector(case.trigger);
    // What runs, or what nobody hears of, is never garbage.
    let shown = detector.pods(view).iter();
    let requests: Vec<_> = shown
        .filter(|one| detector.shows(one, view.now))
        .map(PodView::facts)
        .filter(|pod| pod.has_ended())
        .take(PODS_MAX)
        .map(|pod| remove(case, pod))
        .collect();
    if requests.is_empty() {
        return Err(Hold::NothingFailing.into());
    }
    Ok(requests)
}
