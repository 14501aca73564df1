//! Detection: is the failure there? Level-triggered, from the objects' fields and from time.

mod condition;
mod container_config;
mod crash_loop;
mod event;
mod evicted;
mod image_pull;
mod network_issue;
mod oom_killed;
mod pending;
mod pod_failed;
mod probe_failing;
mod rollout_stalled;
mod stuck_terminating;
mod unavailable;
mod state;

use std::collections::BTreeMap;

use kubemend_api::Trigger;

use crate::episode::Episode;
use crate::facts::{Container, PodFacts};
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// What a detector sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// The threshold is met; the failure began then, as the objects tell.
    Present(Moment),
    /// It is not.
    Absent {
        /// How near it is, in words for people.
        why: String,
        /// Something was seen that counts towards it.
        near: bool,
        /// When it will be met if nothing changes.
        again: Option<Moment>,
    },
}

impl Sight {
    /// Nothing that counts towards the threshold was seen.
    fn nothing(why: impl Into<String>) -> Self {
        Self::Absent {
            why: why.into(),
            near: false,
            again: None,
        }
    }
}

/// One trigger's detector.
pub trait Detect {
    /// Whether the threshold is met by pods of the present template: an episode is bound to it, and
    /// pods of another one are on their way out. With an earlier episode, only what happened since its healthyAt
    /// counts: that is a relapse.
    fn look(&self, view: &View<'_>, settings: &Settings, relapse_of: Option<&Episode>) -> Sight;

    /// The pods in which it can show.
    fn pods<'v>(&self, view: &'v View<'_>) -> &'v [PodView<'v>] {
        &view.pods
    }

    /// Whether it is a pod that fails, so that waiting for one to fail makes sense.
    fn lies_in_pods(&self, _: &View<'_>) -> bool {
        true
    }

    /// Reasons of Warning events that it looks at; no others are kept. An asterisk at an end stands for anything.
    fn hears(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Whether this pod shows the failure once: threshold one, the same signals.
    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool;

    /// Since when the failure has been gone, as far as the health of the pods that count does not tell;
    /// `None` while it is there.
    fn gone_since(&self, view: &View<'_>) -> Option<Moment> {
        Some(view.workload.created)
    }

    /// The values that hold, resolved, for the record.
    fn thresholds(&self, settings: &Settings) -> BTreeMap<String, String>;
}

/// The detector of a trigger. No wildcard arm: a trigger without its file does not compile.
pub fn detector(trigger: &Trigger) -> &dyn Detect {
    match trigger {
        Trigger::CrashLoop(parameters) => parameters,
        Trigger::OomKilled(parameters) => parameters,
        Trigger::ImagePull(parameters) => parameters,
        Trigger::ContainerConfig(parameters) => parameters,
        Trigger::ProbeFailing(parameters) => parameters,
        Trigger::NetworkIssue(parameters) => parameters,
        Trigger::Pending(parameters) => parameters,
        Trigger::StuckTerminating(parameters) => parameters,
        Trigger::RolloutStalled(parameters) => parameters,
        Trigger::Unavailable(parameters) => parameters,
        Trigger::Evicted(parameters) => parameters,
        Trigger::Condition(parameters) => parameters,
        Trigger::Event(parameters) => parameters,
        Trigger::PodFailed(parameters) => parameters,
    }
}

/// Restarts that count: all of them, or for a relapse those since the recovery.
fn restarts_since(pod: &PodFacts, one: &Container, relapse_of: Option<&Episode>) -> u32 {
    let baseline = relapse_of
        .into_iter()
        .flat_map(|episode| &episode.state.baseline)
        .find(|base| pod.uid == base.pod && base.container == one.name);
    one.restarts
        .saturating_sub(baseline.map_or(0, |base| base.restarts))
}

/// What to add where events cannot be watched: what was not seen may have happened.
fn unheard(view: &View<'_>) -> &'static str {
    if view.world.hears(view.now) {
        ""
    } else {
        " (Events cannot be watched now, so there may be more)"
    }
}

/// A moment that an object tells, clamped to what is possible.
fn clamped(at: Moment, created: Moment, now: Moment) -> Moment {
    at.max(created).min(now.max(created))
}

/// A run shorter than this is a crash where the policy names no window.
const DEFAULT_WINDOW: Millis = 600_000;
