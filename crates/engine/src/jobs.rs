//! Jobs that fail: counted for people, and never touched. A Job decides itself whether it tries again.
//!
//! They are read off their pods. A Job fails while its newest pod does: what failed before a later pod did the
//! work is over.

use std::collections::BTreeMap;

use crate::facts::{Phase, PodFacts, Text};
use crate::moment::Moment;
use crate::source::MADE_BY_US;
use crate::world::World;

/// How many fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// Jobs whose newest pod fails.
    pub jobs: u32,
    /// Pods of these that fail.
    pub pods: u32,
}

/// What fails, by namespace; namespaces without are left out. The cost is that of the pods that are not well.
pub fn failing(world: &World) -> BTreeMap<Text, Failing> {
    let mut jobs: BTreeMap<(&Text, &Text), (u32, Moment)> = BTreeMap::new();
    for pod in world.ill_pods().map(|one| &one.facts) {
        let owner = pod.owner.as_ref().filter(|one| &*one.kind == "Job");
        // One of a step of ours has told its own attempt.
        let (key, us) = MADE_BY_US;
        let ours = pod.labels.get(key).is_some_and(|one| **one == *us);
        let Some(owner) = owner.filter(|_| fails(pod) && !ours) else {
            continue;
        };
        let job = jobs.entry((&pod.name.namespace, &owner.uid)).or_default();
        job.0 = job.0.saturating_add(1);
        job.1 = job.1.max(pod.created);
    }
    let mut all: BTreeMap<Text, Failing> = BTreeMap::new();
    for ((namespace, uid), (pods, newest)) in jobs {
        let mut others = world.owned(namespace, uid).map(|one| &one.facts);
        if others.any(|one| one.created > newest) {
            continue;
        }
        let here = all.entry(namespace.clone()).or_default();
        here.jobs = here.jobs.saturating_add(1);
        here.pods = here.pods.saturating_add(pods);
    }
    all
}

/// It has failed, or cannot be made, or waits after a crash. An eviction or a drain is no failure of a Job.
fn fails(pod: &PodFacts) -> bool {
    if pod.deleting || pod.disrupted || pod.evicted {
        return false;
    }
    let crashed = || {
        let mut containers = pod.containers.iter();
        containers.any(|one| !one.running && one.abnormal().is_some())
    };
    match pod.phase {
        Phase::Failed | Phase::Unknown => true,
        Phase::Pending | Phase::Running => pod.blocked().is_some() || crashed(),
        Phase::Succeeded => false,
    }
}
