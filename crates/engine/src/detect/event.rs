//! `event`: Warning events about the workload, its present ReplicaSet or its pods.
//!
//! An event is a hint, late and best effort, and anybody may write one: it counts only while the object that it
//! is about is there and not well. A pod is not well while it is not Ready or one of its containers does not run;
//! a workload is not well while its replicas are not all updated and available. What is well again has recovered
//! from whatever it was, so that an event alone makes nothing fail.

use std::collections::BTreeMap;

use kubemend_api::Duration;
use kubemend_api::triggers::Event;

use super::{DEFAULT_WINDOW, Detect, Sight, clamped, unheard};
use crate::episode::Episode;
use crate::facts::Uid;
use crate::facts::event::is_asked;
use crate::health;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::{Hint, Settings};

/// event.count where it is absent.
const DEFAULT_COUNT: u32 = 1;

fn window(parameters: &Event) -> Millis {
    let window = parameters.window.as_ref();
    window.map_or(DEFAULT_WINDOW, Duration::as_millis)
}

/// When such events came, of those after that moment, oldest first.
fn heard(parameters: &Event, told: &[Hint], after: Moment) -> Vec<Moment> {
    let asked = |hint: &&Hint| {
        let mut reasons = parameters.reasons.iter();
        reasons.any(|one| is_asked(one, &hint.reason))
    };
    let mut times: Vec<_> = told
        .iter()
        .filter(asked)
        .flat_map(|hint| hint.since(after))
        .collect();
    times.sort_unstable();
    times
}

/// What was told of each object of the target that is not well: its pods, and, where not all replicas are
/// updated and available, the workload itself and its present ReplicaSet.
fn told<'a>(view: &'a View<'_>) -> impl Iterator<Item = &'a [Hint]> {
    let own = (!view.workload.is_complete()).then(|| {
        let revisions = view.world.revisions_of(&view.key);
        let present = revisions.filter(|one| one.hash == view.workload.hash);
        let uids = present.map(|one| &one.uid).chain([&view.workload.uid]);
        let namespace = &view.key.namespace;
        uids.map(|uid| view.world.hints_of(namespace, &Uid::from(&**uid)))
    });
    let ill = view
        .current()
        .filter(|one| health::pod_since(one).is_none());
    ill.map(|one| one.told).chain(own.into_iter().flatten())
}

impl Detect for Event {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let count = self.count.unwrap_or(DEFAULT_COUNT) as usize;
        let opens = view.now.minus(window(self));
        let healthy_at = relapse_of.and_then(|one| one.state.healthy_at);
        let after = healthy_at.map_or(opens, |healthy| healthy.max(opens));
        let counts: Vec<_> = told(view).map(|told| heard(self, told, after)).collect();
        let enough = counts.iter().filter(|times| times.len() >= count);
        if let Some(since) = enough.filter_map(|times| times.first()).min() {
            return Sight::Present(clamped(*since, view.workload.created, view.now));
        }
        let most = counts.iter().map(Vec::len).max().unwrap_or(0);
        Sight::Absent {
            why: format!(
                "event: {most} of {count} about one object that is not well{}",
                unheard(view)
            ),
            near: most > 0,
            again: None,
        }
    }

    fn lies_in_pods(&self, view: &View<'_>) -> bool {
        let opens = view.now.minus(window(self));
        let mut pods = view.current();
        pods.any(|one| !heard(self, one.told, opens).is_empty())
    }

    fn hears(&self) -> Vec<&str> {
        self.reasons.iter().map(String::as_str).collect()
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        let opens = now.minus(window(self));
        health::pod_since(one).is_none() && !heard(self, one.told, opens).is_empty()
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        let count = self.count.unwrap_or(DEFAULT_COUNT);
        let window = Duration::from_millis(window(self)).to_string();
        // A record's schema holds so many characters of a threshold.
        let reasons = self.reasons.join(" ").chars().take(64).collect();
        [
            ("reasons".to_owned(), reasons),
            ("count".to_owned(), count.to_string()),
            ("window".to_owned(), window),
        ]
        .into()
    }
}
