//! Triggers that look at the workload as a whole.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Amount, Duration};

/// A rollout that no longer moves.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('10s')").message("rolloutStalled.for is too short; write at least 10s"))]
pub struct RolloutStalled {
    /// How long a StatefulSet or DaemonSet must not have moved; a Deployment has a deadline of its own,
    /// spec.progressDeadlineSeconds. Absent: 10m. Example: 10m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// Fewer replicas available than wanted, for a time.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('10s')").message("unavailable.for is too short; write at least 10s"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.below) || self.below != 0 && self.below != '0%'").message("unavailable.below is 0, and fewer than none cannot be; write 1 or \"50%\""))]
pub struct Unavailable {
    /// The number or share of the desired replicas below which it counts. Absent: "100%". Example: "50%"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Amount>,
    /// How long it must have been below without a break. Absent: 5m. Example: 5m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// A condition of the workload or of its pods.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.__for__) || duration(self.__for__) >= duration('5s')").message("condition.for is too short; write at least 5s"))]
#[x_kube(validation = ::kube_core::Rule::new("self.status != 'True' || !(self.type in ['Ready', 'ContainersReady', 'Initialized', 'PodScheduled', 'PodReadyToStartContainers', 'Available', 'Progressing'])").message("condition.status is \"True\" for a type that is True wherever all is well; write \"False\""))]
pub struct Condition {
    /// The condition's type. Example: Degraded
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub kind: String,
    /// The status that counts as the failure. Example: "True"
    pub status: ConditionStatus,
    /// Only with this reason. Absent: with any. Example: MinimumReplicasUnavailable
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub reason: Option<String>,
    /// How long it must have been so. Absent: 5m. Example: 5m
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
}

/// Warning events about the workload, its present ReplicaSet or its pods. An event is a hint: it counts only while the
/// object that it is about is not well.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.window) || duration(self.window) >= duration('10s')").message("event.window is too short; write at least 10s"))]
pub struct Event {
    /// Reasons of events; an asterisk before or after a word stands for anything. Example: [BackOff, Failed*]
    #[schemars(
        length(min = 1, max = 16),
        inner(
            length(min = 1, max = 128),
            regex(pattern = r"^[*]?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?[*]?$")
        )
    )]
    pub reasons: Vec<String>,
    /// How many such events about one object within the window; repeated ones count as often as they came, up to ten.
    /// Absent: 1. Example: 3
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub count: Option<u32>,
    /// The window. Absent: 10m. Example: 10m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}
