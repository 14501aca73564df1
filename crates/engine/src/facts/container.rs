//! A container of a pod, reduced to how it runs, why it waits and how it ended last.

use kubemend_api::Memory;
use kubemend_api::triggers::Probe;

use super::Text;
use super::pod::moment;
use super::slim::{
    SlimContainer, SlimContainerStatus, SlimPod, SlimResources, SlimRestartRule, SlimTerminated,
};
use crate::moment::{Millis, Moment};

/// One container's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Container {
    pub name: Text,
    pub role: Role,
    pub checks: Checks,
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

/// Which probes a container has and what they say, in one byte: a hundred thousand of these are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks(u8);

impl Checks {
    const STARTED: u8 = 8;
    const READY: u8 = 16;

    /// Of a container with these probes.
    pub fn new(probes: &[Probe], started: bool, ready: bool) -> Self {
        let probes = probes.iter().fold(0, |all, one| all | Self::bit(*one));
        let flag = |set: bool, bit| if set { bit } else { 0 };
        Self(probes | flag(started, Self::STARTED) | flag(ready, Self::READY))
    }

    fn bit(probe: Probe) -> u8 {
        match probe {
            Probe::Liveness => 1,
            Probe::Readiness => 2,
            Probe::Startup => 4,
        }
    }

    /// The container has such a probe.
    pub fn has(self, probe: Probe) -> bool {
        self.0 & Self::bit(probe) != 0
    }

    /// Its startup probe has passed, or it has none and runs.
    pub fn started(self) -> bool {
        self.0 & Self::STARTED != 0
    }

    /// Its readiness probe passes, or it has none and runs.
    pub fn ready(self) -> bool {
        self.0 & Self::READY != 0
    }
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Termination {
    pub exit_code: i32,
    pub reason: Text,
    pub started: Option<Moment>,
    pub finished: Option<Moment>,
    /// The pod's own restart rules say what this end means: it is no failure.
    pub expected: bool,
}

impl Termination {
    /// How long the run lasted; `None` where the runtime lost it (ContainerStatusUnknown).
    pub fn run(&self) -> Option<Millis> {
        Some(self.finished?.since(self.started?).max(0))
    }

    /// The kernel killed its main process for want of memory. With another exit code than 137 it was
    /// a child, or an older kill: runtimes report a counter that only grows.
    /// <https://github.com/kubernetes/kubernetes/pull/140718>
    pub fn is_oom(&self) -> bool {
        &*self.reason == "OOMKilled" && self.exit_code == 137
    }

    /// It was told to end from outside, and neither the kernel nor a lost node did it: in a pod that stays,
    /// that is the kubelet's answer to a probe.
    fn is_kill(&self) -> bool {
        matches!(self.exit_code, 137 | 143)
            && !matches!(&*self.reason, "OOMKilled" | "ContainerStatusUnknown")
            && !self.expected
    }
}

/// Why a container cannot be made; a new pod would wait for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Blocked {
    Image,
    Config,
}

impl Blocked {
    /// What a waiting reason means. Image reasons alternate, so they are one class.
    /// <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go>
    pub(super) fn of(reason: &str) -> Option<Self> {
        match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => Some(Self::Image),
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "StartError"
            | "ContainerCannotRun" => Some(Self::Config),
            _ => None,
        }
    }
}

impl Container {
    /// The newest end that was no success of an init container, and not what the pod asks for.
    pub fn abnormal(&self) -> Option<&Termination> {
        self.newest
            .as_deref()
            .filter(|end| !end.expected)
            .filter(|end| self.role != Role::Init || end.exit_code != 0)
    }

    /// Why it cannot be made, if it cannot: what it waits for, or, between two tries, how the last one failed.
    pub fn blocked(&self) -> Option<Blocked> {
        let waiting = self.waiting.as_deref().and_then(Blocked::of);
        let between = || {
            let end = self.newest.as_deref().filter(|_| !self.running)?;
            Blocked::of(&end.reason)
        };
        waiting.or_else(between)
    }

    /// The end by which the kubelet answered a failed liveness or startup probe. No field names the
    /// probe: a container that has both is judged by whether it gets through its start now.
    pub fn killed_for(&self, probe: Probe) -> Option<&Termination> {
        let other = match probe {
            Probe::Liveness => Probe::Startup,
            Probe::Startup => Probe::Liveness,
            Probe::Readiness => return None,
        };
        let told_apart =
            !self.checks.has(other) || self.checks.started() == (probe == Probe::Liveness);
        self.newest
            .as_deref()
            .filter(|end| end.is_kill() && self.checks.has(probe) && told_apart)
    }
}

/// The containers of a pod, init containers first.
pub(super) fn containers(pod: &SlimPod) -> Box<[Container]> {
    let (spec, status) = (&pod.spec, &pod.status);
    let init = status.init_container_statuses.iter().map(|one| {
        let slim = named(&spec.init_containers, &one.name);
        let sidecar = slim.is_some_and(|one| one.restart_policy.as_deref() == Some("Always"));
        container(one, slim, if sidecar { Role::Sidecar } else { Role::Init })
    });
    let app = status
        .container_statuses
        .iter()
        .map(|one| container(one, named(&spec.containers, &one.name), Role::App));
    let mut all: Box<[Container]> = init.chain(app).collect();
    let specs = spec.init_containers.iter().chain(&spec.containers);
    if specs.into_iter().any(restarts_all) {
        expect_kills(&mut all);
    }
    all
}

/// A container whose last end was for want of memory, with what a resize is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Starved {
    pub container: Text,
    /// It stands among the init containers.
    pub sidecar: bool,
    /// The limit of its spec; without one its whole node ran out of memory.
    pub limit: Option<Memory>,
    /// The limit that the kubelet has given it.
    pub given: Option<Memory>,
    /// The pod is Guaranteed: its requests must stay what its limits are.
    pub guaranteed: bool,
    /// Its resizePolicy wants it restarted by a resize.
    pub restarts: bool,
}

/// The containers of a pod that were killed last for want of memory.
pub(super) fn starved(pod: &SlimPod, containers: &[Container]) -> Box<[Starved]> {
    let (spec, status) = (&pod.spec, &pod.status);
    let all = containers.iter().filter(|one| one.role != Role::Init);
    let killed = all.filter(|one| one.newest.as_deref().is_some_and(Termination::is_oom));
    let limit = |of: &SlimResources| of.limits.memory.as_deref().and_then(Memory::quantity);
    let starved = killed.map(|one| {
        let slim =
            named(&spec.containers, &one.name).or_else(|| named(&spec.init_containers, &one.name));
        let mut statuses = status
            .container_statuses
            .iter()
            .chain(&status.init_container_statuses);
        let status = statuses.find(|status| *status.name == *one.name);
        Starved {
            container: one.name.clone(),
            sidecar: one.role == Role::Sidecar,
            limit: slim.and_then(|slim| limit(&slim.resources)),
            given: status.and_then(|status| limit(&status.resources)),
            guaranteed: pod.status.qos_class == "Guaranteed",
            restarts: slim.is_some_and(|slim| {
                slim.resize_policy.iter().any(|one| {
                    one.resource_name == "memory" && one.restart_policy == "RestartContainer"
                })
            }),
        }
    });
    starved.collect()
}

fn named<'a>(specs: &'a [SlimContainer], name: &str) -> Option<&'a SlimContainer> {
    specs.iter().find(|one| one.name == name)
}

fn restarts_all(spec: &SlimContainer) -> bool {
    let rules = &spec.restart_policy_rules;
    rules
        .iter()
        .any(|rule| rule.action == "RestartAllContainers")
}

/// A pod that restarts all its containers together kills those that did nothing wrong.
/// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5532-restart-all-containers-on-container-exits>
fn expect_kills(all: &mut [Container]) {
    for end in all.iter_mut().filter_map(|one| one.newest.as_deref_mut()) {
        end.expected |= end.is_kill();
    }
}

fn container(status: &SlimContainerStatus, spec: Option<&SlimContainer>, role: Role) -> Container {
    let state = &status.state;
    let newest = state
        .terminated
        .as_ref()
        .or(status.last_state.terminated.as_ref());
    let rules = spec.map_or(&[][..], |spec| &spec.restart_policy_rules);
    Container {
        name: status.name.as_str().into(),
        role,
        checks: checks(status, spec),
        restarts: u32::try_from(status.restart_count).unwrap_or(0),
        running: state.running.is_some(),
        waiting: state.waiting.as_ref().map(|one| one.reason.as_str().into()),
        newest: newest.map(|end| Box::new(termination(end, rules))),
    }
}

fn checks(status: &SlimContainerStatus, spec: Option<&SlimContainer>) -> Checks {
    let has = |probe: Probe| {
        spec.is_some_and(|spec| match probe {
            Probe::Liveness => spec.liveness_probe.is_some(),
            Probe::Readiness => spec.readiness_probe.is_some(),
            Probe::Startup => spec.startup_probe.is_some(),
        })
    };
    let mut probes = vec![Probe::Liveness, Probe::Readiness, Probe::Startup];
    probes.retain(|one| has(*one));
    Checks::new(&probes, status.started == Some(true), status.ready)
}

fn termination(end: &SlimTerminated, rules: &[SlimRestartRule]) -> Termination {
    // The runtime reports a lost container with year 1 instead of no time at all.
    let real = |at: Option<Moment>| at.filter(|at| at.as_millis() > 0);
    Termination {
        exit_code: i32::try_from(end.exit_code).unwrap_or(i32::MAX),
        reason: end.reason.as_str().into(),
        started: real(moment(end.started_at.as_deref())),
        finished: real(moment(end.finished_at.as_deref())),
        expected: rules.iter().any(|rule| answers(rule, end.exit_code)),
    }
}

/// The container's own rule restarts it for this exit code: ending so is its way of asking for it.
/// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5307-container-restart-policy>
fn answers(rule: &SlimRestartRule, exit_code: i64) -> bool {
    let listed = rule.exit_codes.values.contains(&exit_code);
    match rule.exit_codes.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    }
}
