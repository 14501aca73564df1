//! `stuckTerminating`: a pod that is still there long after it should be gone.
//!
//! `deletionTimestamp` is the time at which it *will* be gone: its grace period is part of it. What keeps
//! it is a finalizer, a node that does not answer, or a container that does not end; a second deletion
//! helps against none of them.

use std::collections::BTreeMap;

use kubemend_api::triggers::StuckTerminating;

use super::state::{self, Lasting};
use super::{Detect, Sight};
use crate::episode::Episode;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// stuckTerminating.for where it is absent.
const DEFAULT_WAIT: Millis = 300_000;

fn due(one: &PodView<'_>) -> Option<Moment> {
    one.facts().rare.as_ref()?.due
}

/// What keeps the pods, as far as they tell.
fn finalizers(view: &View<'_>) -> String {
    let rare = view
        .leaving
        .iter()
        .filter_map(|one| one.facts().rare.as_ref());
    let mut names: Vec<&str> = rare
        .flat_map(|one| &one.finalizers)
        .map(|one| &**one)
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        String::new()
    } else {
        format!(", finalizers {}", names.join(" "))
    }
}

impl Detect for StuckTerminating {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let lasting = Lasting {
            what: format!("stuckTerminating{}", finalizers(view)),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        // What is not due yet ends as it should; it becomes overdue by time alone, so the round must look again.
        let overdue = view.leaving.iter().filter_map(due);
        lasting.judge(view, overdue)
    }

    fn pods<'v>(&self, view: &'v View<'_>) -> &'v [PodView<'v>] {
        &view.leaving
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        due(one).is_some_and(|due| due < now)
    }

    fn gone_since(&self, view: &View<'_>) -> Option<Moment> {
        let overdue = view.leaving.iter().any(|one| self.shows(one, view.now));
        (!overdue).then(|| view.departed())
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        state::thresholds(state::wait(self.lasting.as_ref(), DEFAULT_WAIT))
    }
}
