//! One target as detectors, guards and verification see it.

use crate::episode::Episode;
use crate::facts::{
    Container, NodeFacts, Phase, PodFacts, Role, TargetKey, Text, Updates, WorkloadFacts,
};
use crate::health;
use crate::moment::{Millis, Moment};
use crate::policy::DEFAULT_STABLE_FOR;
use crate::world::{Hint, Pod, World};

/// One target with its pods, at one time.
pub struct View<'a> {
    /// Everything else.
    pub world: &'a World,
    /// The target's name.
    pub key: TargetKey,
    /// The workload.
    pub workload: &'a WorkloadFacts,
    /// Its pods that count, oldest first: not being deleted, not disrupted on purpose, no mirrors, no garbage.
    pub pods: Vec<PodView<'a>>,
    /// What evictions and other disruptions left behind; its owner has replaced these pods already.
    pub garbage: Vec<PodView<'a>>,
    /// Pods of it that are being deleted: not judged, but still there.
    pub leaving: Vec<PodView<'a>>,
    /// The time.
    pub now: Moment,
}

/// One pod of the target.
#[derive(Clone, Copy)]
pub struct PodView<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The hash of the template that it was made from, where that is known.
    pub hash: Option<&'a Text>,
    /// What Warning events told of it.
    pub told: &'a [Hint],
    /// The node that it is on, kept of pods that are in trouble.
    pub node: Option<&'a NodeFacts>,
}

impl PodView<'_> {
    /// Its facts.
    pub fn facts(&self) -> &PodFacts {
        &self.pod.facts
    }

    /// It does not run, as its own kubelet says. That its node is lost shows in the pod's Ready condition alone.
    fn is_down(&self) -> bool {
        let pod = self.facts();
        let up = |one: &Container| one.role == Role::Init || one.running && one.checks.ready();
        pod.phase == Phase::Pending || !pod.containers.iter().all(up)
    }

    /// One that has ended its controller replaces itself; one of which nobody hears may still run.
    fn can_be_replaced(&self) -> bool {
        matches!(self.facts().phase, Phase::Pending | Phase::Running)
    }
}

impl<'a> View<'a> {
    /// The target, if it is in view.
    pub fn of(world: &'a World, key: &TargetKey, now: Moment) -> Option<Self> {
        let workload = &world.workload(key)?.facts;
        let all = world.pods_of(key);
        let (mut pods, mut garbage, mut leaving) =
            (Vec::with_capacity(all.len()), Vec::new(), Vec::new());
        for (pod, hash) in all {
            let facts = &pod.facts;
            let kept = if facts.deleting {
                &mut leaving
            } else if facts.mirror {
                continue;
            } else if facts.is_garbage() {
                &mut garbage
            } else if facts.disrupted {
                continue;
            } else {
                &mut pods
            };
            kept.push(PodView {
                pod,
                hash,
                told: world.hints_of(&key.namespace, &facts.uid),
                node: facts.node().and_then(|node| world.nodes.get(node)),
            });
        }
        Some(Self {
            world,
            key: key.clone(),
            workload,
            pods,
            garbage,
            leaving,
            now,
        })
    }

    /// The pod of that UID, among those that count and the garbage.
    pub fn pod(&self, uid: &Text) -> Option<&PodView<'a>> {
        let mut pods = self.pods.iter().chain(&self.garbage);
        pods.find(|one| one.facts().uid == *uid)
    }

    /// When the last of its pods that went was gone; its own creation where none was seen to go.
    pub fn departed(&self) -> Moment {
        let seen = self.world.workload(&self.key);
        let departed = seen.and_then(|one| one.progress.departed);
        departed.unwrap_or(self.workload.created)
    }

    /// The pods made from the present template.
    pub fn current(&self) -> impl Iterator<Item = &PodView<'a>> {
        self.pods
            .iter()
            .filter(|one| one.hash.is_none_or(|hash| *hash == self.workload.hash))
    }

    /// A rollout is in progress: the controller has not seen the newest spec, pods are not yet
    /// updated, or pods of another template are not yet gone.
    pub fn rolling_out(&self) -> bool {
        let other = |one: &PodView<'_>| one.hash.is_some_and(|hash| *hash != self.workload.hash);
        !self.workload.observed
            || self.workload.updated < self.workload.desired
            || self.pods.iter().chain(&self.leaving).any(other)
    }

    /// Pods of an earlier template that fail and that the workload's controller leaves as they are, although it has seen
    /// the present one: it waits for each to get ready before it goes on, or it never replaces any.
    pub fn outdated(&self, recent: Millis) -> impl Iterator<Item = &PodView<'a>> {
        let left = matches!(self.workload.updates, Updates::Ordered | Updates::ByHand);
        let left = left && self.workload.observed;
        self.pods.iter().filter(move |one| {
            let down = || one.is_down() || health::is_failing(one, recent, self.now);
            left && self.is_earlier(one) && one.can_be_replaced() && down()
        })
    }

    /// Of a revision that came before the present one. A pod of a later one tells that the workload was changed and is
    /// not seen yet: each collection is watched by itself.
    fn is_earlier(&self, one: &PodView<'_>) -> bool {
        let number = |hash: &Text| {
            let all = self.world.revisions_of(&self.key);
            let own = all.filter(|revision| revision.hash == *hash);
            own.map(|revision| revision.revision).max()
        };
        let (pods, present) = (one.hash.and_then(number), number(&self.workload.hash));
        pods.zip(present)
            .is_some_and(|(pods, present)| pods < present)
    }

    /// Those of them that an ordered controller waits for: the present template reaches no pod before they are gone. None
    /// where a pod of the present template fails: another one of it would be no better.
    pub fn blocking(&self) -> impl Iterator<Item = &PodView<'a>> {
        let fails = |one: &PodView<'_>| {
            !one.facts().ready || health::is_failing(one, DEFAULT_STABLE_FOR, self.now)
        };
        let present = |one: &&PodView<'_>| one.hash == Some(&self.workload.hash);
        let sound = !self.pods.iter().filter(present).any(fails);
        let waits = sound && self.workload.updates == Updates::Ordered;
        let outdated = self.outdated(DEFAULT_STABLE_FOR);
        outdated.filter(move |one| waits && !one.facts().ready)
    }

    /// The longest run that began after the failure did and ended abnormally; what the record
    /// remembers of pods that are gone counts too.
    pub fn longest_run(&self, episode: &Episode) -> Option<Millis> {
        let failed_at = episode.failed_at();
        let runs = self
            .pods
            .iter()
            .flat_map(|one| one.facts().containers.iter())
            .filter_map(|one| {
                let end = one.abnormal()?;
                end.started.filter(|started| *started >= failed_at)?;
                end.run()
            });
        runs.chain(episode.state.longest_run).max()
    }

    /// When the present template became current: first local observation, else the age of its
    /// revision. `None` where the workload has had one template only.
    pub fn released_at(&self) -> Option<Moment> {
        self.world.released_at(&self.key)
    }
}
