//! Targets without a workload of a kind that is watched: bare pods, and the pods of other owners.
//!
//! They are read off their pods, and kept only where a policy asks for kind Pod: nobody else pays for them.

use std::collections::BTreeSet;

use kubemend_api::targets::WorkloadKind;

use super::{Pod, Progress, Workload, World};
use crate::facts::{Labels, Name, Owner, Phase, PodFacts, TargetKey, Text, Updates, WorkloadFacts};
use crate::moment::Moment;
use crate::policy::Policy;
use crate::source::Source;

/// The template of a pod without a workload is not known, and so is no release of it.
const NO_TEMPLATE: &str = "unknown";

/// So long may the group of an owner's kind, or its name, be; an owner reference is not checked by anybody.
const LONGEST: usize = 253;

impl World {
    /// The target of a pod that no workload owns, and its UID: the pod itself, or its nearest owner of a kind that
    /// is not watched, each hop's UID checked. `None` for pods that are never a target: of Jobs, static ones, those
    /// that are meant to end, and those whose owner cannot be named.
    fn loose_target(&self, pod: &PodFacts) -> Option<(TargetKey, Text)> {
        if pod.mirror {
            return None;
        }
        let namespace = &pod.name.namespace;
        let Some(owner) = &pod.owner else {
            let key = TargetKey::new(WorkloadKind::Pod, namespace, &pod.name.name);
            return Some((key, pod.uid.text()));
        };
        let owner = self.nearest_unknown(namespace, owner)?;
        let leaves_alone = ["Job", "CronJob", "Node"].contains(&&*owner.kind);
        if pod.finite || leaves_alone || WorkloadKind::named(&owner.kind).is_some() {
            return None;
        }
        let name = [&*owner.kind, &*owner.name].join("/");
        is_sound(owner).then(|| {
            let key = TargetKey::new(WorkloadKind::Pod, namespace, &name);
            (key, owner.uid.clone())
        })
    }

    /// A ReplicaSet's own owner, or else the owner itself.
    fn nearest_unknown<'a>(&'a self, namespace: &Text, owner: &'a Owner) -> Option<&'a Owner> {
        if &*owner.kind != "ReplicaSet" {
            return Some(owner);
        }
        let name = Name::new(namespace, &owner.name);
        let revision = self.revisions.get(&(Source::ReplicaSets, name))?;
        (revision.uid == owner.uid).then(|| revision.owner.as_ref().unwrap_or(owner))
    }

    /// The target of a pod without a workload, if it is kept.
    pub(super) fn kept_loose(&self, pod: &PodFacts) -> Option<TargetKey> {
        if !self.loose {
            return None;
        }
        let (key, uid) = self.loose_target(pod)?;
        let known = self.workloads.get(&key)?;
        (known.facts.uid == uid).then_some(key)
    }

    /// The pods of such a target.
    pub(super) fn loose_pods(&self, key: &TargetKey, uid: &Text) -> Vec<&Pod> {
        if key.is_bare() {
            let pod = self.pods.get(&key.as_name());
            // What came to a good end is no patient.
            let own = pod.filter(|one| {
                one.facts.owner.is_none()
                    && one.facts.uid == *uid
                    && one.facts.phase != Phase::Succeeded
            });
            return own.into_iter().collect();
        }
        let of_uid = self.revisions_by_owner.get(uid).into_iter().flatten();
        let revisions = of_uid
            .filter(|(_, name)| name.namespace == key.namespace)
            .filter_map(|id| Some(&self.revisions.get(id)?.uid));
        let owners = revisions.chain([uid]);
        let mut pods: Vec<&Pod> = owners
            .flat_map(|owner| self.owned(&key.namespace, owner))
            .collect();
        pods.retain(|one| {
            let pod = &one.facts;
            let nearest = pod
                .owner
                .as_ref()
                .and_then(|one| self.nearest_unknown(&key.namespace, one));
            !pod.mirror && !pod.finite && nearest.is_some_and(|one| one.uid == *uid)
        });
        pods
    }

    /// The pods whose controller has that UID; an owner counts only in its own namespace.
    pub(crate) fn owned(&self, namespace: &Text, owner: &Text) -> impl Iterator<Item = &Pod> {
        let owner = (namespace.clone(), owner.clone());
        let names = self.pods_by_owner.get(&owner).into_iter().flatten();
        names.filter_map(move |name| {
            self.pods.get(&Name {
                namespace: owner.0.clone(),
                name: name.clone(),
            })
        })
    }

    /// The target that a pod makes, if a policy asks for such targets.
    pub(super) fn loose_of(&self, name: &Name) -> Option<(TargetKey, Text)> {
        // Half a list would show half an owner; the end of the list shows it whole.
        if !self.loose || self.listing.contains_key(&Source::Pods) {
            return None;
        }
        self.loose_target(&self.pods.get(name)?.facts)
    }

    /// The target that the pods of a revision make.
    pub(super) fn loose_of_revision(&self, id: &(Source, Name)) -> Option<(TargetKey, Text)> {
        if !self.loose {
            return None;
        }
        let pod = self
            .owned(&id.1.namespace, &self.revisions.get(id)?.uid)
            .next()?;
        self.loose_of(&pod.facts.name)
    }

    /// Something of the one target is of the other now; both are read again.
    pub(super) fn move_loose(
        &mut self,
        before: Option<(TargetKey, Text)>,
        after: Option<(TargetKey, Text)>,
        now: Moment,
    ) {
        if let Some((key, uid)) = before.filter(|before| Some(before) != after.as_ref()) {
            self.note_loose(&key, &uid, now);
        }
        if let Some((key, uid)) = after {
            self.note_loose(&key, &uid, now);
        }
    }

    /// Reads such a target off its pods again; without any it is not there.
    fn note_loose(&mut self, key: &TargetKey, uid: &Text, now: Moment) {
        let facts = facts(key, uid, &self.loose_pods(key, uid));
        let stored = self.workloads.get(key);
        if let Some(other) = stored.map(|one| &one.facts).filter(|one| one.uid != *uid) {
            // Of two owners of one name the newer one is there, and pods of the other are on their way out.
            let newer = |facts: &WorkloadFacts| (facts.created, uid) > (other.created, &other.uid);
            if !facts.as_ref().is_some_and(newer) {
                return;
            }
        }
        let Some(facts) = facts else {
            self.workloads.remove(key);
            self.forget_target(key);
            return;
        };
        let known = stored.filter(|one| one.facts.uid == *uid);
        let relabelled = known.is_none_or(|known| known.facts.labels != facts.labels);
        let workload = Workload {
            progress: Progress::seen(known, &facts, now),
            facts,
            hash_since: None,
            images_since: None,
        };
        self.workloads.insert(key.clone(), workload);
        if relabelled {
            self.match_target(key);
        }
    }

    /// Reads every such target again: after a list of pods, and when a policy begins or ceases to ask for them.
    pub(super) fn review_loose(&mut self, now: Moment) {
        self.loose = self.policies.values().any(Policy::heals_pods);
        let mut targets: BTreeSet<(TargetKey, Text)> = BTreeSet::new();
        if self.loose {
            let pods = self.pods.names().filter_map(|name| self.pods.get(name));
            targets.extend(pods.filter_map(|pod| self.loose_target(&pod.facts)));
        }
        let kept = self.workloads.keys();
        let mut gone: Vec<_> = kept
            .filter(|key| key.kind == WorkloadKind::Pod)
            .cloned()
            .collect();
        let there: BTreeSet<&TargetKey> = targets.iter().map(|(key, _)| key).collect();
        gone.retain(|key| !there.contains(key));
        for key in &gone {
            self.workloads.remove(key);
            self.forget_target(key);
        }
        for (key, uid) in &targets {
            self.note_loose(key, uid, now);
        }
    }
}

/// The pods of an owner as a workload: what its kind would tell is not known, and what can be counted is counted.
fn facts(key: &TargetKey, uid: &Text, pods: &[&Pod]) -> Option<WorkloadFacts> {
    let created = pods.iter().map(|one| one.facts.created).min()?;
    let counts = |one: &&&Pod| !one.facts.deleting && !one.facts.is_garbage();
    let desired = pods.iter().filter(counts).count();
    let available = pods.iter().filter(counts).filter(|one| one.facts.ready);
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    // A pod that goes is one that is wanted still, as far as anybody can tell.
    let desired = number(desired).max(1);
    Some(WorkloadFacts {
        key: key.clone(),
        uid: uid.clone(),
        version: "".into(),
        labels: labels(pods)?,
        created,
        deleting: false,
        hash: NO_TEMPLATE.into(),
        images: 0,
        observed: true,
        paused: false,
        desired,
        updated: desired,
        available: number(available.count()),
        mode: None,
        gitops: None,
        controller: None,
        conditions: Box::default(),
        updates: Updates::ByHand,
        rolling: false,
        restarted_at: None,
        history: 0,
        memory: Box::default(),
        configs: Box::default(),
    })
}

/// The labels that all of them have.
fn labels(pods: &[&Pod]) -> Option<Labels> {
    let mut pods = pods.iter();
    let first = pods.next()?.facts.labels.clone();
    Some(pods.fold(first, |common, one| {
        if common.are_among(&one.facts.labels) {
            common
        } else {
            common.common(&one.facts.labels)
        }
    }))
}

/// Anybody may write anything into an owner reference; what a record could not be named by is no target.
fn is_sound(owner: &Owner) -> bool {
    let plain = |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit();
    let inner = |one: u8| plain(one) || one == b'-' || one == b'.';
    let name = owner.name.as_bytes();
    let named = name.len() <= LONGEST && name.iter().all(|one| inner(*one));
    let ends = [name.first(), name.last()];
    let (kind, group) = owner.kind.split_once('.').unwrap_or((&owner.kind, "x"));
    let letters = kind.bytes().all(|one| one.is_ascii_alphanumeric());
    named
        && ends.iter().all(|end| end.is_some_and(|one| plain(*one)))
        && (1..=63).contains(&kind.len())
        && letters
        && (1..=LONGEST).contains(&group.len())
        && group.bytes().all(inner)
}
