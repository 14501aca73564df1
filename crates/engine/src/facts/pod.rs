//! A pod, reduced to what tells whether it is failing.

use std::sync::Arc;

use super::slim::{SlimContainerStatus, SlimMeta, SlimPod, SlimTerminated};
use super::{Labels, Name, Owner, Text, Uid};
use crate::moment::{Millis, Moment};

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
    /// Being deleted: every signal of such a pod is an effect of its end.
    pub deleting: bool,
    /// The cluster disrupted it on purpose (drain, preemption, taint): no failure of its own.
    pub disrupted: bool,
    /// A static pod's mirror: deleting it restarts nothing.
    pub mirror: bool,
    pub phase: Phase,
    /// The kubelet evicted it to save its node (`status.reason`).
    pub evicted: bool,
    /// The Ready condition, with the moment it last changed.
    pub ready: bool,
    pub ready_changed: Option<Moment>,
    pub containers: Box<[Container]>,
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

/// One container's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Container {
    pub name: Text,
    pub role: Role,
    pub restarts: u32,
    pub running: bool,
    /// `state.waiting.reason`, for example `ImagePullBackOff`.
    pub waiting: Option<Text>,
    /// The newest known end: `state.terminated`, else `lastState.terminated`.
    pub newest: Option<Box<Termination>>,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Role {
    App,
    /// An init container with restartPolicy Always.
    Sidecar,
    /// Runs to its end before the app starts: ending with 0 is its job.
    Init,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Termination {
    pub exit_code: i32,
    pub reason: Text,
    pub started: Option<Moment>,
    pub finished: Option<Moment>,
}

impl Termination {
    /// How long the run lasted; `None` where the runtime lost it (ContainerStatusUnknown).
    pub fn run(&self) -> Option<Millis> {
        Some(self.finished?.since(self.started?).max(0))
    }
}

impl Container {
    /// The newest end that was no success of an init container.
    pub fn abnormal(&self) -> Option<&Termination> {
        self.newest
            .as_deref()
            .filter(|end| self.role != Role::Init || end.exit_code != 0)
    }
}

impl PodFacts {
    /// Reads a pod. Object times are clamped to [creation, far future] by their users, not here:
    /// the digest keeps what the object says.
    pub fn read(pod: &SlimPod) -> Self {
        let meta = &pod.metadata;
        let status = &pod.status;
        let condition = |name: &str| status.conditions.iter().find(|one| one.type_ == name);
        let ready = condition("Ready");
        let sidecars: Vec<&str> = pod
            .spec
            .init_containers
            .iter()
            .filter(|one| one.restart_policy.as_deref() == Some("Always"))
            .map(|one| one.name.as_str())
            .collect();
        let init = status.init_container_statuses.iter().map(|one| {
            let sidecar = sidecars.contains(&one.name.as_str());
            container(one, if sidecar { Role::Sidecar } else { Role::Init })
        });
        let app = status
            .container_statuses
            .iter()
            .map(|one| container(one, Role::App));
        Self {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.as_str().into(),
            owner: owner(meta).map(Arc::new),
            labels: labels(meta),
            created: created(meta),
            deleting: meta.deletion_timestamp.is_some(),
            disrupted: condition("DisruptionTarget").is_some_and(|one| one.status == "True"),
            mirror: meta.annotations.contains_key("kubernetes.io/config.mirror"),
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
            containers: init.chain(app).collect(),
        }
    }

    /// The newest abnormal end of any of its containers.
    pub fn newest_abnormal(&self) -> Option<(&Container, &Termination)> {
        self.containers
            .iter()
            .filter_map(|one| Some((one, one.abnormal()?)))
            .max_by_key(|(_, end)| end.finished)
    }
}

fn container(status: &SlimContainerStatus, role: Role) -> Container {
    let state = &status.state;
    let newest = state
        .terminated
        .as_ref()
        .or(status.last_state.terminated.as_ref());
    Container {
        name: status.name.as_str().into(),
        role,
        restarts: u32::try_from(status.restart_count).unwrap_or(0),
        running: state.running.is_some(),
        waiting: state.waiting.as_ref().map(|one| one.reason.as_str().into()),
        newest: newest.map(|end| Box::new(termination(end))),
    }
}

fn termination(end: &SlimTerminated) -> Termination {
    // The runtime reports a lost container with year 1 instead of no time at all.
    let real = |at: Option<Moment>| at.filter(|at| at.as_millis() > 0);
    Termination {
        exit_code: i32::try_from(end.exit_code).unwrap_or(i32::MAX),
        reason: end.reason.as_str().into(),
        started: real(moment(end.started_at.as_deref())),
        finished: real(moment(end.finished_at.as_deref())),
    }
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
            kind: one.kind.as_str().into(),
            name: one.name.as_str().into(),
            uid: one.uid.as_str().into(),
        })
}
