//! The shapes that are decoded: only the members that decisions need, every one of them optional,
//! so that an object from a newer or older API server still reads.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// `metadata`, without managedFields, which are a third of the bytes.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimMeta {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub resource_version: String,
    pub generation: i64,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub creation_timestamp: Option<String>,
    pub deletion_timestamp: Option<String>,
    pub finalizers: Vec<String>,
    pub owner_references: Vec<SlimOwner>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimOwner {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
}

/// Any object of which only the metadata could be read.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimObject {
    pub metadata: SlimMeta,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimPod {
    pub metadata: SlimMeta,
    pub spec: SlimPodSpec,
    pub status: SlimPodStatus,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimPodSpec {
    pub containers: Vec<SlimContainer>,
    pub init_containers: Vec<SlimContainer>,
    pub restart_policy: String,
    pub node_name: String,
    pub host_network: bool,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimContainer {
    pub name: String,
    pub image: String,
    pub restart_policy: Option<String>,
    pub restart_policy_rules: Vec<SlimRestartRule>,
    pub resources: SlimResources,
    pub resize_policy: Vec<SlimResizePolicy>,
    pub liveness_probe: Option<IgnoredAny>,
    pub readiness_probe: Option<IgnoredAny>,
    pub startup_probe: Option<IgnoredAny>,
}

/// Of a container's spec or status.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimResources {
    pub limits: SlimLimits,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimLimits {
    pub memory: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimResizePolicy {
    pub resource_name: String,
    pub restart_policy: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimRestartRule {
    pub action: String,
    pub exit_codes: SlimExitCodes,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimExitCodes {
    pub operator: String,
    pub values: Vec<i64>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimPodStatus {
    pub phase: String,
    pub reason: String,
    pub qos_class: String,
    pub conditions: Vec<SlimCondition>,
    pub container_statuses: Vec<SlimContainerStatus>,
    pub init_container_statuses: Vec<SlimContainerStatus>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimCondition {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
    pub reason: String,
    pub message: String,
    pub last_transition_time: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimContainerStatus {
    pub name: String,
    pub ready: bool,
    pub started: Option<bool>,
    pub restart_count: i64,
    #[serde(rename = "imageID")]
    pub image_id: String,
    pub state: SlimState,
    pub last_state: SlimState,
    /// What the kubelet has given it.
    pub resources: SlimResources,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimState {
    pub waiting: Option<SlimWaiting>,
    pub running: Option<SlimRunning>,
    pub terminated: Option<SlimTerminated>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimWaiting {
    pub reason: String,
    pub message: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimRunning {
    pub started_at: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimTerminated {
    pub exit_code: i64,
    pub reason: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
}

/// A Deployment, StatefulSet, DaemonSet or ReplicaSet.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimWorkload {
    pub metadata: SlimMeta,
    pub spec: SlimWorkloadSpec,
    pub status: SlimWorkloadStatus,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimWorkloadSpec {
    pub replicas: Option<i64>,
    pub paused: bool,
    pub template: Value,
    /// Of a Deployment.
    pub strategy: SlimUpdateStrategy,
    /// Of a StatefulSet or DaemonSet.
    pub update_strategy: SlimUpdateStrategy,
    pub pod_management_policy: String,
    pub revision_history_limit: Option<i64>,
}

/// A Deployment's `strategy`, a StatefulSet's or DaemonSet's `updateStrategy`.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimUpdateStrategy {
    #[serde(rename = "type")]
    pub type_: String,
    pub rolling_update: SlimRollingUpdate,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimRollingUpdate {
    pub partition: i64,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimWorkloadStatus {
    pub observed_generation: i64,
    pub updated_replicas: i64,
    pub available_replicas: i64,
    pub desired_number_scheduled: i64,
    pub updated_number_scheduled: i64,
    pub number_available: i64,
    pub current_revision: String,
    pub update_revision: String,
    pub conditions: Vec<SlimCondition>,
}

/// A ControllerRevision. Its data are whatever its owner puts there: StatefulSets and DaemonSets a patch with their
/// template, other owners something else.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimRevision {
    pub metadata: SlimMeta,
    pub data: Value,
    pub revision: i64,
}

/// An event of core/v1, as the kubelet and controllers write it.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimEvent {
    pub metadata: SlimMeta,
    #[serde(rename = "type")]
    pub type_: String,
    pub reason: String,
    pub message: String,
    pub involved_object: SlimInvolved,
    pub count: Option<i64>,
    pub series: Option<SlimSeries>,
    pub first_timestamp: Option<String>,
    pub last_timestamp: Option<String>,
    pub event_time: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimInvolved {
    pub kind: String,
    pub name: String,
    pub uid: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimSeries {
    pub count: i64,
    pub last_observed_time: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimBudget {
    pub metadata: SlimMeta,
    pub spec: SlimBudgetSpec,
    pub status: SlimBudgetStatus,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimBudgetSpec {
    pub selector: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector>,
    pub unhealthy_pod_eviction_policy: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimBudgetStatus {
    pub observed_generation: i64,
    pub disruptions_allowed: i64,
    pub current_healthy: i64,
    pub desired_healthy: i64,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimAutoscaler {
    pub metadata: SlimMeta,
    pub spec: SlimAutoscalerSpec,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimAutoscalerSpec {
    pub scale_target_ref: SlimTargetRef,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimTargetRef {
    pub kind: String,
    pub name: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimVerticalAutoscaler {
    pub metadata: SlimMeta,
    pub spec: SlimVerticalAutoscalerSpec,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimVerticalAutoscalerSpec {
    pub target_ref: SlimTargetRef,
    pub update_policy: SlimUpdatePolicy,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimUpdatePolicy {
    pub update_mode: String,
}

/// A Rollout of Argo Rollouts, as far as it takes its pods from a workload.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimRollout {
    pub metadata: SlimMeta,
    pub spec: SlimRolloutSpec,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimRolloutSpec {
    pub workload_ref: SlimTargetRef,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimJob {
    pub metadata: SlimMeta,
    pub spec: SlimJobSpec,
    pub status: SlimConditions,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SlimJobSpec {
    pub active_deadline_seconds: Option<i64>,
}

/// A node, as far as its conditions tell.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimConditioned {
    pub metadata: SlimMeta,
    pub status: SlimConditions,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimConditions {
    pub conditions: Vec<SlimCondition>,
}
