//! `condition`: a condition of the workload or of its pods, whoever writes it.

use std::collections::BTreeMap;

use kubemend_api::triggers::Condition;

use super::state::{self, Lasting};
use super::{Detect, Sight, clamped};
use crate::episode::Episode;
use crate::facts;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// condition.for where it is absent.
const DEFAULT_WAIT: Millis = 300_000;

/// Since when one of these is what the trigger names.
fn since(
    wanted: &Condition,
    seen: &[facts::Condition],
    created: Moment,
    now: Moment,
) -> Option<Moment> {
    let same = |one: &&facts::Condition| {
        *one.kind == *wanted.kind
            && one.status == wanted.status
            && wanted
                .reason
                .as_ref()
                .is_none_or(|reason| *one.reason == **reason)
    };
    let found = seen.iter().find(same)?;
    Some(clamped(found.since.unwrap_or(created), created, now))
}

/// Since when it holds, on the workload and on each of its pods.
fn all<'a>(wanted: &'a Condition, view: &'a View<'_>) -> impl Iterator<Item = Moment> + use<'a> {
    let workload = view.workload;
    let own = since(wanted, &workload.conditions, workload.created, view.now);
    let pods = view.current().filter_map(|one| {
        let pod = one.facts();
        since(wanted, pod.conditions(), pod.created, view.now)
    });
    own.into_iter().chain(pods)
}

impl Detect for Condition {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let lasting = Lasting {
            what: format!("condition {} {:?}", self.kind, self.status),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        lasting.judge(view, all(self, view))
    }

    fn lies_in_pods(&self, _: &View<'_>) -> bool {
        false
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        let pod = one.facts();
        since(self, pod.conditions(), pod.created, now).is_some()
    }

    fn gone_since(&self, view: &View<'_>) -> Option<Moment> {
        if all(self, view).next().is_some() {
            return None;
        }
        // A condition that says otherwise now tells since when; one that was taken away does not.
        let of_kind = |seen: &[facts::Condition]| {
            let same = seen.iter().find(|one| *one.kind == *self.kind);
            same.and_then(|one| one.since)
        };
        let workload = view.workload;
        let told = view.world.workload(&view.key).map(|one| one.progress.told);
        let own = of_kind(&workload.conditions).or(told);
        let pods = view
            .current()
            .filter_map(|one| of_kind(one.facts().conditions()));
        let latest = pods.chain(own).max().unwrap_or(workload.created);
        Some(clamped(latest, workload.created, view.now))
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        let wait = state::wait(self.lasting.as_ref(), DEFAULT_WAIT);
        let mut values: BTreeMap<_, _> = state::thresholds(wait);
        values.insert("type".to_owned(), brief(&self.kind));
        values.insert("status".to_owned(), format!("{:?}", self.status));
        if let Some(reason) = &self.reason {
            values.insert("reason".to_owned(), brief(reason));
        }
        values
    }
}

/// A record's schema holds so many characters of a threshold.
fn brief(text: &str) -> String {
    text.chars().take(64).collect()
}
