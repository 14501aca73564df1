//! What an escalation chain is made of.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::actions::Do;
use crate::targets::WorkloadKind;

/// One link of an escalation chain.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.undo) || has(self.action.scale)").message("undo works only beside action.scale; remove undo or make the action a scale"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.requireApproval) || !has(self.action.wait)").message("a wait does nothing that a person could approve; remove requireApproval"))]
pub struct Step {
    /// The step's name, unique in its chain: attempts are remembered by it. Example: restart
    #[schemars(
        length(min = 1, max = 40),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// What the step does; exactly one action. Example: {restartPod: {}}
    pub action: Do,
    /// How often the step is tried before the next one. Absent: once. Example: {max: 3, backoff: {initial: 30s}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Attempts>,
    /// When an attempt counts as a recovery. Example: {timeout: 5m, stableFor: 60s}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
    /// The step is skipped unless this holds. Example: {releasedWithin: 24h}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<OnlyIf>,
    /// Takes the act back later; beside scale only. Example: {after: 1h}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// Each attempt waits until a person approves it: kubemend approve hev/NAME. Example: {expires: 1h, onExpiry: Skip}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_approval: Option<RequireApproval>,
}

/// How often a step is tried.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Attempts {
    /// How many attempts the step has. Absent: 1. Example: 3
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub max: Option<u32>,
    /// How long to wait between two attempts of this step; the first starts at once. Example: {initial: 30s, factor: 1, max: 5m}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
}

/// The wait between two attempts of one step.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.initial) || duration(self.initial) >= duration('5s')").message("backoff.initial is too short; write at least 5s"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.max) || duration(self.max) >= duration(has(self.initial) ? self.initial : '30s')").message("backoff.max is below backoff.initial (30s when absent); raise backoff.max"))]
pub struct Backoff {
    /// The first wait. Absent: 30s. Example: 30s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Duration>,
    /// What each further wait is multiplied by. Absent: 2. Example: 1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub factor: Option<u32>,
    /// No wait is longer than this. Absent: 5m. Example: 5m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
}

/// When an attempt counts as a recovery.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.timeout) || duration(self.timeout) >= duration('5s')").message("verify.timeout is too short; write at least 5s"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.stableFor) || duration(self.stableFor) >= duration('5s')").message("verify.stableFor is too short; write at least 5s"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.relapseWindow) || duration(self.relapseWindow) >= duration('5s')").message("verify.relapseWindow is too short; write at least 5s"))]
#[x_kube(validation = ::kube_core::Rule::new("duration(has(self.relapseWindow) ? self.relapseWindow : '10m') >= duration(has(self.stableFor) ? self.stableFor : '60s')").message("verify.relapseWindow (10m when absent) is below verify.stableFor (60s when absent); raise verify.relapseWindow"))]
pub struct Verify {
    /// The target must be well within this time after the act. Absent: the operator's own default,
    /// 5m unless POD_RESTART_TIMEOUT says otherwise. Example: 5m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long it must then stay well; longer where its crashes are further apart. Absent: 60s. Example: 60s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_for: Option<Duration>,
    /// A failure within this time after a recovery continues the chain. Absent: 10m. Example: 10m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relapse_window: Option<Duration>,
}

/// A condition without which a step is skipped.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.releasedWithin) || duration(self.releasedWithin) >= duration('5s')").message("onlyIf.releasedWithin is too short, so the step would never run; write at least 5s"))]
#[x_kube(validation = ::kube_core::Rule::new("has(self.releasedWithin) || has(self.kinds)").message("onlyIf is empty; write onlyIf.releasedWithin or onlyIf.kinds, or remove onlyIf"))]
pub struct OnlyIf {
    /// The present pod template became current within this time; restarts are no release, and a
    /// workload that has had one template only was never released. Example: 24h
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_within: Option<Duration>,
    /// Only for workloads of these kinds. Example: [Deployment]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub kinds: Option<Vec<WorkloadKind>>,
}

/// When a scale is taken back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.after) || duration(self.after) >= duration('5s')").message("undo.after is too short; write at least 5s"))]
pub struct Undo {
    /// How long after the act; sooner where the act did not help. Example: 1h
    pub after: Duration,
}

/// How long an attempt waits for a person, and what follows if nobody approves.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.expires) || duration(self.expires) >= duration('5s')").message("requireApproval.expires is too short for anybody to answer; write at least 5s"))]
pub struct RequireApproval {
    /// How long the attempt waits; an approval must be given and used within it. Absent: 1h. Example: 1h
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Duration>,
    /// What follows if nobody approves in time, or somebody denies it: Skip goes on with the next step, Stop
    /// ends the chain. Example: Skip
    #[serde(default)]
    pub on_expiry: OnExpiry,
}

/// What follows where nobody approves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum OnExpiry {
    #[default]
    Skip,
    Stop,
}
