//! `podFailed`: a pod in phase Failed or Unknown that nobody evicted or drained.
//!
//! Deleted pods pass through Failed, and an evicted pod is garbage that its owner has replaced
//! already; neither is a failure to heal.

use std::collections::BTreeMap;

use kubemend_api::triggers::PodFailed;

use super::{Detect, Sight, clamped};
use crate::episode::Episode;
use crate::facts::{Phase, PodFacts};
use crate::moment::Moment;
use crate::view::{PodView, View};
use crate::world::Settings;

fn failed(pod: &PodFacts) -> bool {
    matches!(pod.phase, Phase::Failed | Phase::Unknown)
}

/// When it failed: its last container's end, else when it stopped being ready.
pub(super) fn began(pod: &PodFacts, now: Moment) -> Moment {
    let ended = pod
        .containers
        .iter()
        .filter_map(|one| one.newest.as_ref()?.finished)
        .max();
    clamped(ended.or(pod.ready_changed).unwrap_or(now), pod.created, now)
}

impl Detect for PodFailed {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let healthy_at = relapse_of.and_then(|episode| episode.state.healthy_at);
        let since = view
            .current()
            .map(PodView::facts)
            .filter(|pod| failed(pod))
            .map(|pod| began(pod, view.now))
            .filter(|began| healthy_at.is_none_or(|at| *began > at))
            .min();
        since.map_or_else(
            || Sight::nothing("podFailed: no pod is Failed or Unknown"),
            Sight::Present,
        )
    }

    fn shows(&self, one: &PodView<'_>, _: Moment) -> bool {
        failed(one.facts())
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}
