//! The table of triggers: what counts as a failure.
//!
//! One line here is the CRD field, its part of the "exactly one" rule, the enum arm that the
//! engine must answer with a detector file, and the metric label.

use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::table::one_of;

one_of! {
    /// What counts as a failure; exactly one member.
    struct When;
    /// A trigger with its parameters.
    enum Trigger;
    says "write exactly one trigger under when, for example crashLoop: {restarts: 3, window: 10m}";
    crash_loop: CrashLoop = "crashLoop", "crash_loop",
        "A container that keeps ending soon after it starts. Example: {restarts: 3, window: 10m}";
    pod_failed: PodFailed = "podFailed", "pod_failure",
        "A pod in phase Failed or Unknown that nobody evicted or drained. Example: {}";
}

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

/// A pod in phase Failed or Unknown; it has no parameters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct PodFailed {}
