//! `pending`: a pod that finds no node, or that its node cannot set up.
//!
//! A scheduling gate is somebody's intention. An autoscaler needs minutes, and so does a volume: what counts
//! is how long it lasts. A pod whose image or configuration is missing is another failure.

use std::collections::BTreeMap;

use kubemend_api::triggers::{ConditionStatus, Pending};

use super::state::{self, Lasting};
use super::{Detect, Sight, clamped};
use crate::episode::Episode;
use crate::facts::{Phase, PodFacts};
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// pending.for where it is absent.
const DEFAULT_WAIT: Millis = 600_000;

/// Since when the pod has waited for a node, or for its node to set it up.
fn since(pod: &PodFacts, now: Moment) -> Option<Moment> {
    if pod.phase != Phase::Pending || pod.blocked().is_some() {
        return None;
    }
    let is_false = |kind: &str| {
        pod.condition(kind)
            .filter(|one| one.status == ConditionStatus::False)
    };
    let began = match is_false("PodScheduled") {
        Some(scheduled) if &*scheduled.reason == "SchedulingGated" => return None,
        Some(scheduled) => scheduled.since,
        None => {
            let creating = |reason: &str| reason == "ContainerCreating";
            let mut waits = pod
                .containers
                .iter()
                .filter_map(|one| one.waiting.as_deref());
            let setting_up = is_false("PodReadyToStartContainers");
            if setting_up.is_none() && !pod.containers.is_empty() && !waits.any(creating) {
                return None;
            }
            setting_up.and_then(|one| one.since)
        }
    };
    Some(clamped(began.unwrap_or(pod.created), pod.created, now))
}

impl Detect for Pending {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let lasting = Lasting {
            what: "pending".to_owned(),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        let waiting = view
            .current()
            .filter_map(|one| since(one.facts(), view.now));
        lasting.judge(view, waiting)
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        since(one.facts(), now).is_some()
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        state::thresholds(state::wait(self.lasting.as_ref(), DEFAULT_WAIT))
    }
}
