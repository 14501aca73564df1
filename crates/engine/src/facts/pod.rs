//! A pod, reduced to what tells whether it is failing.

use std::sync::Arc;

use kubemend_api::triggers::Probe;

use super::clue::Clue;
use super::condition::{self, Condition};
use super::container::{Blocked, Container, Role, Starved, Termination, containers, starved};
use super::slim::{SlimMeta, SlimOwner, SlimPod};
use super::{Labels, Name, Owner, Text, Uid};
use crate::moment::Moment;

/// A pod's digest: half a kilobyte with all indexes, instead of six to nine of JSON.
/// What only trouble fills stands in a box of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, in any combination
pub struct PodFacts {
    pub name: Name,
    pub uid: Uid,
    /// Its controller; the World keeps one copy for all pods of one controller.
    pub owner: Option<Arc<Owner>>,
    pub labels: Labels,
    pub created: Moment,
    /// Being deleted: every signal of such a pod but its staying is an effect of its end.
    pub deleting: bool,
    /// The cluster disrupted it on purpose (drain, preemption, taint): no failure of its own.
    pub disrupted: bool,
    /// A static pod's mirror: deleting it restarts nothing.
    pub mirror: bool,
    /// Its restartPolicy is not Always: it is meant to end, as a Job's pods are.
    pub finite: bool,
    pub phase: Phase,
    /// The kubelet evicted it to save its node (`status.reason`).
    pub evicted: bool,
    /// The Ready condition, with the moment it last changed.
    pub ready: bool,
    pub ready_changed: Option<Moment>,
    pub containers: Box<[Container]>,
    /// What a pod that runs well does not have.
    pub rare: Option<Box<Rare>>,
}

/// Facts of pods that start, end or fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Rare {
    /// Conditions that do not merely say that all is well.
    pub conditions: Box<[Condition]>,
    /// `deletionTimestamp`: when it should be gone; its grace period is part of it.
    pub due: Option<Moment>,
    pub finalizers: Box<[Text]>,
    pub clue: Clue,
    /// Containers whose last end was for want of memory.
    pub starved: Box<[Starved]>,
    /// Of a pod with such a container: a VerticalPodAutoscaler sets its resources.
    pub autosized: bool,
    /// What the World has seen of it; empty in what was just read.
    pub trouble: Trouble,
}

/// Local observations of a pod in trouble: objects tell their state, seldom since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The end of the first run of the present streak of short runs.
    pub failing_since: Option<Moment>,
    /// Why a container of it cannot be made, and since when.
    pub blocked: Option<(Blocked, Moment)>,
    /// Since when all its containers have run and one of them has failed its readiness probe.
    pub unready: Option<Moment>,
    /// When its containers were killed for want of memory, oldest first.
    pub kills: Vec<Moment>,
}

/// A pod's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

impl PodFacts {
    /// Reads a pod. Object times are clamped to [creation, far future] by their users, not here:
    /// the digest keeps what the object says.
    pub fn read(pod: &SlimPod) -> Self {
        let meta = &pod.metadata;
        let status = &pod.status;
        let condition = |name: &str| status.conditions.iter().find(|one| one.type_ == name);
        let ready = condition("Ready");
        let containers = containers(pod);
        Self {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.as_str().into(),
            owner: owner(meta).map(Arc::new),
            labels: labels(meta),
            created: created(meta),
            deleting: meta.deletion_timestamp.is_some(),
            disrupted: condition("DisruptionTarget").is_some_and(|one| one.status == "True"),
            mirror: meta.annotations.contains_key("kubernetes.io/config.mirror"),
            finite: matches!(pod.spec.restart_policy.as_str(), "Never" | "OnFailure"),
            phase: match status.phase.as_str() {
                "Running" => Phase::Running,
                "Succeeded" => Phase::Succeeded,
                "Failed" => Phase::Failed,
                "Unknown" => Phase::Unknown,
                _ => Phase::Pending,
            },
            evicted: status.reason == "Evicted",
            ready: ready.is_some_and(|one| one.status == "True"),
            ready_changed: ready.and_then(|one| moment(one.last_transition_time.as_deref())),
            rare: rare(pod, &containers).map(Box::new),
            containers,
        }
    }

    /// Its conditions that do not merely say that all is well.
    pub fn conditions(&self) -> &[Condition] {
        self.rare.as_deref().map_or(&[], |rare| &rare.conditions)
    }

    /// What it might share with others in trouble.
    pub fn clue(&self) -> Option<&Clue> {
        self.rare.as_ref().map(|rare| &rare.clue)
    }

    /// The node that it runs on, of a pod that is not well or has failed once.
    pub fn node(&self) -> Option<&Text> {
        self.clue()?.node.as_ref()
    }

    /// The condition of that type, unless it says that all is well.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions().iter().find(|one| *one.kind == *kind)
    }

    /// Its containers whose last end was for want of memory.
    pub fn starved(&self) -> &[Starved] {
        self.rare.as_deref().map_or(&[], |rare| &rare.starved)
    }

    /// A VerticalPodAutoscaler sets its resources.
    pub fn is_autosized(&self) -> bool {
        self.rare.as_deref().is_some_and(|rare| rare.autosized)
    }

    /// Its container of that name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|one| *one.name == *name)
    }

    /// It is over: nothing of it runs, and nothing will.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Failed | Phase::Succeeded)
    }

    /// Left behind by an eviction or another disruption; its owner has replaced it already.
    pub fn is_garbage(&self) -> bool {
        self.phase == Phase::Failed && (self.evicted || self.disrupted)
    }

    /// All its containers run and have got through their start, and one of them fails its readiness probe.
    /// A readiness gate that nobody answers is not the containers' failure.
    pub fn fails_readiness(&self) -> bool {
        let apps = || self.containers.iter().filter(|one| one.role != Role::Init);
        let fails = |one: &Container| one.checks.has(Probe::Readiness) && !one.checks.ready();
        let up = |one: &Container| one.running && one.checks.started();
        !self.ready && apps().all(up) && apps().any(fails)
    }

    /// Why a container of it cannot be made, if one cannot.
    pub fn blocked(&self) -> Option<Blocked> {
        self.containers.iter().find_map(Container::blocked)
    }

    /// The newest abnormal end of any of its containers.
    pub fn newest_abnormal(&self) -> Option<(&Container, &Termination)> {
        self.containers
            .iter()
            .filter_map(|one| Some((one, one.abnormal()?)))
            .max_by_key(|(_, end)| end.finished)
    }
}

/// A finished Job's pod says of each condition that it is over: that is no news. The clues are read of pods in
/// trouble only: nobody asks where the others are.
fn rare(pod: &SlimPod, containers: &[Container]) -> Option<Rare> {
    let meta = &pod.metadata;
    let starved = starved(pod, containers);
    let due = moment(meta.deletion_timestamp.as_deref());
    let over = pod.status.phase == "Succeeded";
    let mut rare = Rare {
        conditions: if over {
            Box::default()
        } else {
            condition::read(&pod.status.conditions)
        },
        finalizers: if due.is_some() {
            meta.finalizers
                .iter()
                .map(|one| one.as_str().into())
                .collect()
        } else {
            Box::default()
        },
        due,
        autosized: !starved.is_empty() && is_autosized(meta),
        starved,
        ..Rare::default()
    };
    let crashed = containers.iter().any(|one| one.abnormal().is_some());
    if rare == Rare::default() && !crashed {
        return None;
    }
    rare.clue = Clue::read(pod, containers);
    Some(rare)
}

/// The admission webhook of a VerticalPodAutoscaler says what it set.
fn is_autosized(meta: &SlimMeta) -> bool {
    const MARKS: [&str; 2] = ["vpaUpdates", "vpaObservedContainers"];
    MARKS
        .iter()
        .any(|mark| meta.annotations.contains_key(*mark))
}

pub(super) fn moment(text: Option<&str>) -> Option<Moment> {
    text.and_then(Moment::parse)
}

pub(super) fn created(meta: &SlimMeta) -> Moment {
    moment(meta.creation_timestamp.as_deref()).unwrap_or_default()
}

pub(super) fn labels(meta: &SlimMeta) -> Labels {
    Labels::new(
        meta.labels
            .iter()
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect(),
    )
}

pub(crate) fn owner(meta: &SlimMeta) -> Option<Owner> {
    meta.owner_references
        .iter()
        .find(|one| one.controller)
        .map(|one| Owner {
            kind: kind(one),
            name: one.name.as_str().into(),
            uid: one.uid.as_str().into(),
        })
}

/// An owner's kind, with its group where that is none of Kubernetes' own for workloads: others use the
/// same words for kinds of theirs, as OpenKruise does with `StatefulSet.apps.kruise.io`.
fn kind(owner: &SlimOwner) -> Text {
    match owner.api_version.split_once('/') {
        None | Some(("apps" | "batch", _)) => owner.kind.as_str().into(),
        Some((group, _)) => format!("{}.{group}", owner.kind).into(),
    }
}
