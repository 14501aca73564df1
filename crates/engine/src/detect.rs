//! Detection: is the failure there? Level-triggered, from the objects' fields and from time.

mod crash_loop;
mod pod_failed;

use std::collections::BTreeMap;

use kubemend_api::Trigger;

use crate::episode::Episode;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// An observed failure of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// Its name in records, for example `CrashLoop`.
    pub name: &'static str,
    /// When it began, as the objects tell.
    pub since: Moment,
}

/// What a detector sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// The threshold is met.
    Present(Symptom),
    /// It is not.
    Absent {
        /// How near it is, in words for people.
        why: String,
        /// Something was seen that counts towards it.
        near: bool,
    },
}

/// One trigger's detector.
pub trait Detect {
    /// The symptom's name in records.
    fn symptom(&self) -> &'static str;

    /// Whether the threshold is met by pods of the present template: an episode is bound to it, and
    /// pods of another one are on their way out. With an earlier episode, only what happened since its healthyAt
    /// counts: that is a relapse.
    fn look(&self, view: &View<'_>, settings: &Settings, relapse_of: Option<&Episode>) -> Sight;

    /// Whether this pod shows the failure once: threshold one, the same signals.
    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool;

    /// The values that hold, resolved, for the record.
    fn thresholds(&self, settings: &Settings) -> BTreeMap<String, String>;
}

/// The detector of a trigger. No wildcard arm: a trigger without its file does not compile.
pub fn detector(trigger: &Trigger) -> &dyn Detect {
    match trigger {
        Trigger::CrashLoop(parameters) => parameters,
        Trigger::PodFailed(parameters) => parameters,
    }
}

/// A moment that an object tells, clamped to what is possible.
fn clamped(at: Moment, created: Moment, now: Moment) -> Moment {
    at.max(created).min(now.max(created))
}

/// A run shorter than this is a crash where the policy names no window.
const DEFAULT_WINDOW: Millis = 600_000;
