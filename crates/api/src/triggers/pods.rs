//! Triggers that look at pods and their containers.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// A container that keeps ending soon after it starts, whatever its exit code.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.window) || duration(self.window) >= duration('10s')").message("crashLoop.window is too short; write at least 10s"))]
pub struct CrashLoop {
    /// How often one container must have been restarted. Absent: the operator's own default, 3
    /// unless POD_FAILURE_THRESHOLD says otherwise. Example: 3
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub restarts: Option<u32>,
    /// A run shorter than this is a crash, not a life, and the newest one must have ended within it.
    /// It does not mean "so many restarts within this time". Absent: 10m. Example: 10m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
}

/// Containers that the kernel kills for want of memory.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.window) || duration(self.window) >= duration('10s')").message("oomKilled.window is too short; write at least 10s"))]
pub struct OomKilled {
    /// How many kills within the window, over all pods of the present revision. One may be a peak that
    /// the kubelet's own restart cures. Absent: 2. Example: 2
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub kills: Option<u32>,
    /// The window. Absent: 10m. Example: 10m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
}

/// A container whose image cannot be had, for whatever reason.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('5s')").message("imagePull.for is too short; write at least 5s"))]
pub struct ImagePull {
    /// How long the container must have waited: registries have short outages. Absent: 1m. Example: 1m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// A container that cannot be made or started as it is configured.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('5s')").message("containerConfig.for is too short; write at least 5s"))]
pub struct ContainerConfig {
    /// How long it must have lasted: what is missing often comes a moment later. Absent: 1m. Example: 1m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// A container that runs and fails its probes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('10s')").message("probeFailing.for is too short; write at least 10s"))]
pub struct ProbeFailing {
    /// Which probes. Absent: Liveness and Readiness; a startup probe that fails mostly means a slow start. Example: [Readiness]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub probes: Option<Vec<Probe>>,
    /// How long a running container must not have been ready. Absent: 5m. Example: 5m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
    /// How often the kubelet must have killed one container for its liveness or startup probe, the last time
    /// within ten minutes. Absent: 3. Example: 3
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub kills: Option<u32>,
}

/// A kind of probe.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum Probe {
    Liveness,
    Readiness,
    Startup,
}

/// A pod whose node has no network or cannot make the pod's, or whose probes get no answer although it runs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('5s')").message("networkIssue.for is too short; write at least 5s"))]
pub struct NetworkIssue {
    /// How long it must have lasted, counted from when the pod was not ready or its network was not there.
    /// Absent: 30s. Example: 30s
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// A pod that finds no node, or that its node cannot set up.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('10s')").message("pending.for is too short; write at least 10s"))]
pub struct Pending {
    /// How long it must have waited; an autoscaler needs minutes for a node. Absent: 10m. Example: 10m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// A pod that is still there long after it should be gone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('10s')").message("stuckTerminating.for is too short; write at least 10s"))]
pub struct StuckTerminating {
    /// How long after its grace period has ended. Absent: 5m. Example: 5m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// Pods that were evicted and are left behind as garbage.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Evicted {
    /// How many must be left behind. Absent: 1. Example: 5
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub pods: Option<u32>,
}

/// A pod in phase Failed or Unknown; it has no parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct PodFailed {}
