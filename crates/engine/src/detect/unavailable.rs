//! `unavailable`: fewer replicas available than wanted, for a time.
//!
//! A Deployment's own `Available` condition knows its rollout strategy's share only, and other kinds have
//! none: the time runs from local observation. A change of the desired number starts it anew: new
//! replicas need time to start.

use std::collections::BTreeMap;

use kubemend_api::Amount;
use kubemend_api::targets::WorkloadKind;
use kubemend_api::triggers::Unavailable;

use super::state::{self, Lasting};
use super::{Detect, Sight};
use crate::episode::Episode;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// unavailable.for where it is absent.
const DEFAULT_WAIT: Millis = 300_000;
/// unavailable.below where it is absent.
const DEFAULT_BELOW: Amount = Amount::Percent(100);

impl Detect for Unavailable {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        if view.key.kind == WorkloadKind::Pod {
            let why = "unavailable: how many pods are wanted is known of workloads only";
            return Sight::nothing(why);
        }
        let desired = view.workload.desired;
        let least = self.below.unwrap_or(DEFAULT_BELOW).of(desired).min(desired);
        let lasting = Lasting {
            what: format!(
                "unavailable: {} of {desired} available, at least {least} wanted",
                view.workload.available
            ),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        let seen = view.world.workload(&view.key);
        let since = seen.and_then(|one| one.progress.below(least));
        lasting.judge(view, since.into_iter())
    }

    fn lies_in_pods(&self, _: &View<'_>) -> bool {
        false
    }

    fn shows(&self, one: &PodView<'_>, _: Moment) -> bool {
        !one.facts().ready
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        let wait = state::wait(self.lasting.as_ref(), DEFAULT_WAIT);
        let below = self.below.unwrap_or(DEFAULT_BELOW);
        [
            state::threshold(wait),
            ("below".to_owned(), below.to_string()),
        ]
        .into()
    }
}
