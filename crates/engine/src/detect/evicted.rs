//! `evicted`: pods that were evicted and are left behind.
//!
//! A ReplicaSet has replaced them already and never deletes them; StatefulSets and DaemonSets delete theirs.
//! They are garbage, not patients: the workload is well beside them.

use std::collections::BTreeMap;

use kubemend_api::targets::WorkloadKind;
use kubemend_api::triggers::Evicted;

use super::pod_failed::began;
use super::{Detect, Sight};
use crate::episode::Episode;
use crate::moment::Moment;
use crate::view::{PodView, View};
use crate::world::Settings;

/// evicted.pods where it is absent.
const DEFAULT_PODS: u32 = 1;

impl Detect for Evicted {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        match view.key.kind {
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
                return Sight::nothing("evicted: its controller deletes what is left behind");
            }
            WorkloadKind::Deployment | WorkloadKind::Pod => {}
        }
        let threshold = self.pods.unwrap_or(DEFAULT_PODS);
        let healthy_at = relapse_of.and_then(|episode| episode.state.healthy_at);
        let began = view.garbage.iter().map(|one| began(one.facts(), view.now));
        let left: Vec<_> = began
            .filter(|at| healthy_at.is_none_or(|healthy| *at > healthy))
            .collect();
        let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
        match left.into_iter().min() {
            Some(since) if count >= threshold => Sight::Present(since),
            _ => Sight::Absent {
                why: format!("evicted: {count} of {threshold} pods left behind"),
                near: count > 0,
                again: None,
            },
        }
    }

    fn pods<'v>(&self, view: &'v View<'_>) -> &'v [PodView<'v>] {
        &view.garbage
    }

    fn shows(&self, one: &PodView<'_>, _: Moment) -> bool {
        one.facts().is_garbage()
    }

    fn gone_since(&self, view: &View<'_>) -> Option<Moment> {
        view.garbage.is_empty().then(|| view.departed())
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        let pods = self.pods.unwrap_or(DEFAULT_PODS);
        [("pods".to_owned(), pods.to_string())].into()
    }
}
