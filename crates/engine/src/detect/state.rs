//! What the detectors of states share: a failure that must have lasted for a time.

use std::collections::BTreeMap;

use kubemend_api::Duration;

use super::Sight;
use crate::episode::Episode;
use crate::moment::{Millis, Moment};
use crate::view::View;

/// A state is near its threshold once it has lasted for this part of it: every start and every rollout passes
/// through states that last for a moment.
const NEAR: Millis = 10;

/// A state with how long it must have lasted.
pub(super) struct Lasting<'a> {
    /// What people read: `imagePull: the image of web-1 cannot be had`
    pub what: String,
    /// How long the state must have lasted.
    pub wait: Millis,
    /// The episode of which this would be a relapse.
    pub relapse_of: Option<&'a Episode>,
}

impl Lasting<'_> {
    /// Whether the oldest of these states has lasted long enough. In a relapse a state counts from the
    /// recovery on: what was there before it was judged then.
    pub(super) fn judge(&self, view: &View<'_>, began: impl Iterator<Item = Moment>) -> Sight {
        let healthy_at = self.relapse_of.and_then(|one| one.state.healthy_at);
        let fresh = began.filter(|at| healthy_at.is_none_or(|healthy| *at > healthy));
        let Some(since) = fresh.min() else {
            return Sight::nothing(format!("{}: not seen", self.what));
        };
        let due = since.plus(self.wait);
        if view.now >= due {
            return Sight::Present(since);
        }
        let wait = Duration::from_millis(self.wait);
        Sight::Absent {
            why: format!("{}: since {since}, counts after {wait}", self.what),
            near: view.now.since(since) >= self.wait / NEAR,
            again: Some(due),
        }
    }
}

/// The parameter `for`, or what stands in for it.
pub(super) fn wait(lasting: Option<&Duration>, otherwise: Millis) -> Millis {
    lasting.map_or(otherwise, Duration::as_millis)
}

/// The parameter `for` as records show it.
pub(super) fn threshold(wait: Millis) -> (String, String) {
    ("for".to_owned(), Duration::from_millis(wait).to_string())
}

/// The parameter `for` alone.
pub(super) fn thresholds(wait: Millis) -> BTreeMap<String, String> {
    [threshold(wait)].into()
}
