//! The table of actions: what a step may do.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::one_of;
use crate::{Amount, Duration, Factor, Memory};

one_of! {
    /// What a step does; exactly one member.
    struct Do;
    /// An action with its parameters.
    enum Action;
    /// The actions by name.
    names ActionName;
    says "write exactly one action, for example restartPod: {}";
    restart_pod: RestartPod = "restartPod", "restart_pod",
        "Replaces the failing pods: evicted where a PodDisruptionBudget covers them, else deleted. Example: {}";
    restart_workload: RestartWorkload = "restartWorkload", "restart_workload",
        "Replaces all pods by a rolling restart, as kubectl rollout restart does. Example: {}";
    scale: Scale = "scale", "scale_deployment",
        "Adds replicas, never beyond max and never below the present number. Example: {by: 1, max: 10}";
    rollback: Rollback = "rollback", "rollback_deployment",
        "Puts an earlier revision's pod template back. Example: {to: LastHealthy, provenFor: 10m}";
    resize_memory: ResizeMemory = "resizeMemory", "resize_memory",
        "Raises the memory limit of containers that were killed for want of memory, in place and in their pods only. Example: {factor: \"1.5\", max: 2Gi}";
    delete_pod: DeletePod = "deletePod", "delete_pod",
        "Removes pods that have ended, Failed or Succeeded, and nothing else. Example: {}";
    escalate_to_node: EscalateToNode = "escalateToNode", "escalate_to_node",
        "Hands the failure over to the node that the failing pods share; nodes are not healed yet, so the record names it. Example: {}";
    job: Job = "job", "run_job",
        "Runs a Job in the target's namespace and waits for its end; only in a ClusterRecoveryStrategy that names its namespaces. Example: {image: \"tools:1\", command: [\"/bin/clean\"]}";
    wait: Wait = "wait", "wait",
        "Does nothing but look whether it heals by itself within verify.timeout. Example: {}";
}

/// Replaces the failing pods, at most ten in one attempt; it has no parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct RestartPod {}

/// Replaces all pods by a rolling restart; it has no parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct RestartWorkload {}

/// Removes pods that have ended, at most ten in one attempt; it has no parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct DeletePod {}

/// Names the node that the failing pods share; it has no parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EscalateToNode {}

/// Looks whether it heals by itself; it has no parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Wait {}

/// Adds replicas through the scale subresource.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.by) || self.by != 0 && self.by != '0%'").message("scale.by is 0, which adds nothing; write 1 or \"50%\""))]
pub struct Scale {
    /// How many replicas to add, as a number or a share of the present ones. Example: 1 or "50%"
    #[serde(default = "one")]
    pub by: Amount,
    /// Never more replicas than this. Example: 10
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1000))]
    pub max: u32,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            by: one(),
            max: ten(),
        }
    }
}

fn one() -> Amount {
    Amount::Count(1)
}

fn ten() -> u32 {
    10
}

/// Puts an earlier revision's pod template back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.provenFor) || duration(self.provenFor) >= duration('5s')").message("rollback.provenFor is too short to prove anything; write at least 5s"))]
pub struct Rollback {
    /// LastHealthy is the newest other revision that has proven itself for provenFor; Previous is the
    /// newest other revision, proven or not. Example: LastHealthy
    #[serde(default)]
    pub to: RollbackTo,
    /// How long every pod of a revision must have been available without one abnormal end before
    /// LastHealthy trusts it. Absent: 10m. Example: 10m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven_for: Option<Duration>,
    /// How often a workload is rolled back within 24 hours, by whichever policy. Absent: 1. Example: 2
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 24))]
    pub max_per_day: Option<u32>,
}

/// Raises the memory limit of killed containers in their running pods; the template keeps its own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct ResizeMemory {
    /// What the present limit is multiplied by; the result is rounded up to whole mebibytes. Example: "1.5"
    #[serde(default = "half_more")]
    pub factor: Factor,
    /// Never beyond so many times the limit that the pod template gives. Example: "2"
    #[serde(default = "twice")]
    pub max_factor: Factor,
    /// Never beyond this either. Example: 2Gi
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Memory>,
}

impl Default for ResizeMemory {
    fn default() -> Self {
        Self {
            factor: half_more(),
            max_factor: twice(),
            max: None,
        }
    }
}

fn half_more() -> Factor {
    Factor::hundredths(150)
}

fn twice() -> Factor {
    Factor::hundredths(200)
}

/// Runs a Job with one container, which finds the episode in its environment. Its pod may do nothing that the
/// Pod Security Standard Restricted forbids, and it is not tried again by itself.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.timeout) || duration(self.timeout) >= duration('5s')").message("job.timeout is too short; write at least 5s"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.timeout) || duration(self.timeout) <= duration('1h')").message("job.timeout is too long; write at most 1h"))]
pub struct Job {
    /// The container's image. Example: "registry.example.com/tools:1.4"
    #[schemars(length(min = 1, max = 500), regex(pattern = r"^[^\s]+$"))]
    pub image: String,
    /// The program and its first arguments; absent: the image's own. Example: [/bin/clean, --pods, $(KUBEMEND_PODS)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20), inner(length(max = 4000)))]
    pub command: Option<Vec<String>>,
    /// Its further arguments. Example: [--dry-run]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20), inner(length(max = 4000)))]
    pub args: Option<Vec<String>>,
    /// The ServiceAccount of the target's namespace whose token it gets. Absent: the default one, without a token. Example: cleaner
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// The memory that it asks for, and its limit. Example: 128Mi
    #[serde(default = "small")]
    pub memory: Memory,
    /// It is ended after so long, which is a failure. Example: 5m
    #[serde(default = "five_minutes")]
    pub timeout: Duration,
}

fn small() -> Memory {
    Memory::from_bytes(128 << 20)
}

fn five_minutes() -> Duration {
    Duration::from_millis(300_000)
}

/// Which revision a rollback returns to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum RollbackTo {
    #[default]
    LastHealthy,
    Previous,
}
