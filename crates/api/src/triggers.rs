//! The table of triggers: what counts as a failure.
//!
//! One line here is the CRD field, its part of the "exactly one" rule, the enum arm that the
//! engine must answer with a detector file, the symptom's name in records, and the metric label.

mod pods;
mod workloads;

use crate::table::one_of;

pub use pods::{
    ContainerConfig, CrashLoop, Evicted, ImagePull, NetworkIssue, OomKilled, Pending, PodFailed,
    Probe, ProbeFailing, StuckTerminating,
};
pub use workloads::{Condition, ConditionStatus, Event, RolloutStalled, Unavailable};

one_of! {
    /// What counts as a failure; exactly one member.
    struct When;
    /// A trigger with its parameters.
    enum Trigger;
    /// The triggers by name.
    names TriggerName;
    says "write exactly one trigger under when, for example crashLoop: {restarts: 3, window: 10m}";
    crash_loop: CrashLoop = "crashLoop", "crash_loop",
        "A container that keeps ending soon after it starts. Example: {restarts: 3, window: 10m}";
    oom_killed: OomKilled = "oomKilled", "resource_exhaustion",
        "Containers that the kernel kills for want of memory. Example: {kills: 2, window: 10m}";
    image_pull: ImagePull = "imagePull", "image_pull",
        "A container whose image cannot be had. Example: {for: 1m}";
    container_config: ContainerConfig = "containerConfig", "container_config",
        "A container that cannot be made: a ConfigMap, Secret or key is missing, or its command cannot be run. Example: {for: 1m}";
    probe_failing: ProbeFailing = "probeFailing", "probe_failing",
        "A container that runs and fails its probes. Example: {probes: [Readiness], for: 5m}";
    network_issue: NetworkIssue = "networkIssue", "network_issue",
        "A pod whose node has no network or cannot make the pod's, or whose probes get no answer although it runs. Example: {for: 30s}";
    pending: Pending = "pending", "pending",
        "A pod that finds no node, or that its node cannot set up. Example: {for: 10m}";
    stuck_terminating: StuckTerminating = "stuckTerminating", "stuck_terminating",
        "A pod that is still there long after it should be gone. Example: {for: 5m}";
    rollout_stalled: RolloutStalled = "rolloutStalled", "rollout_stalled",
        "A rollout that no longer moves. Example: {for: 10m}";
    unavailable: Unavailable = "unavailable", "unavailable",
        "Fewer replicas available than wanted, for a time. Example: {below: \"50%\", for: 5m}";
    evicted: Evicted = "evicted", "evicted",
        "Pods that were evicted and are left behind as garbage. Example: {pods: 5}";
    condition: Condition = "condition", "condition",
        "A condition of the workload or of its pods. Example: {type: Degraded, status: \"True\", for: 5m}";
    event: Event = "event", "event",
        "Warning events about the workload or its pods, confirmed by the object itself. Example: {reasons: [Failed, \"*Error*\"], count: 3, window: 10m}";
    pod_failed: PodFailed = "podFailed", "pod_failure",
        "A pod in phase Failed or Unknown that nobody evicted or drained. Example: {}";
}
