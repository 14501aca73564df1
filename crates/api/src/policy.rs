//! `HealingPolicy` and `ClusterHealingPolicy`: what is healed, when and how.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::calendar::Window;
use crate::limits::{History, PolicyBudget, Restrict};
use crate::schemas::{conditions, counts, words};
use crate::steps::Step;
use crate::targets::{Namespaces, Targets, WorkloadKind};
use crate::triggers::When;
use crate::{Duration, Mode};

/// Heals workloads of its own namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "HealingPolicy",
    plural = "healingpolicies",
    namespaced,
    status = "PolicyStatus",
    derive = "PartialEq",
    shortname = "hpol",
    category = "healing",
    doc = "Heals workloads of its own namespace: what is watched, what counts as a failure and what answers it.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(
        name = "Effective",
        type_ = "string",
        json_path = ".status.effectiveMode"
    ),
    printcolumn(name = "Targets", type_ = "integer", json_path = ".status.targets"),
    printcolumn(name = "Open", type_ = "integer", json_path = ".status.open"),
    printcolumn(name = "Held", type_ = "integer", json_path = ".status.held"),
    printcolumn(name = "Recovered", type_ = "integer", json_path = ".status.recovered"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    crates(kube_core = "::kube_core")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct HealingPolicySpec {
    /// How far the operator may go: Suspended does nothing, DryRun records what it would do, Enforce
    /// acts. Other settings can lower it, nothing raises it. Example: Enforce
    #[serde(default)]
    pub mode: Mode,
    /// Which workloads are healed: exactly one of all, names and selector. Example: {selector: {matchLabels: {app: checkout}}}
    pub targets: Targets,
    /// What counts as a failure and what answers it; tried in order, the first
    /// whose trigger holds answers. Example: [{name: crash-loop, when: {crashLoop: {}}, strategyRef: {kind: ClusterRecoveryStrategy, name: crash-loop}}]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two rules have the same name; rename one"))]
    pub rules: Vec<PolicyRule>,
    /// How much the policy may do over all its targets. Example: {concurrent: 1, actsPerHour: 10, maxUnavailable: "50%"}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<PolicyBudget>,
    /// What is taken away from the chains. Example: {forbid: [scale]}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restrict: Option<Restrict>,
    /// Times of every day in which the policy may do less. Example: [{name: night, from: "20:00", to: "07:00", timeZone: Europe/Berlin, mode: DryRun}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two windows have the same name; rename one"))]
    pub windows: Vec<Window>,
    /// How much of the past is kept. Example: {recovered: 10, failed: 10, ttl: 168h}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

/// Heals workloads of many namespaces.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "ClusterHealingPolicy",
    plural = "clusterhealingpolicies",
    status = "PolicyStatus",
    derive = "PartialEq",
    shortname = "chpol",
    category = "healing",
    doc = "Heals workloads of many namespaces: what is watched, what counts as a failure and what answers it.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(
        name = "Effective",
        type_ = "string",
        json_path = ".status.effectiveMode"
    ),
    printcolumn(name = "Priority", type_ = "integer", json_path = ".spec.priority"),
    printcolumn(name = "Targets", type_ = "integer", json_path = ".status.targets"),
    printcolumn(name = "Open", type_ = "integer", json_path = ".status.open"),
    printcolumn(name = "Held", type_ = "integer", json_path = ".status.held"),
    printcolumn(name = "Recovered", type_ = "integer", json_path = ".status.recovered"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    crates(kube_core = "::kube_core")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("has(self.rules) && self.rules.size() > 0 || has(self.restrict) || has(self.budget)").message("a ClusterHealingPolicy without rules must restrict or limit something; write rules, restrict or budget"))]
pub struct ClusterHealingPolicySpec {
    /// How far the operator may go: Suspended does nothing, DryRun records what it would do, Enforce
    /// acts. Other settings can lower it, nothing raises it. Example: Enforce
    #[serde(default)]
    pub mode: Mode,
    /// Which policy answers where several select a workload: the higher number, and a positive one
    /// wins over namespaced policies, whose priority is 0. Example: 10
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
    /// In which namespaces: exactly one of all, names and selector. Example: {selector: {matchLabels: {tier: web}}}
    pub namespaces: Namespaces,
    /// Which workloads there are healed: exactly one of all, names and selector. Example: {all: true}
    pub targets: Targets,
    /// What counts as a failure and what answers it; tried in order, the first
    /// whose trigger holds answers. Absent: the policy only restricts and limits what others do. Example: [{name: crash-loop, when: {crashLoop: {}}, strategyRef: {kind: ClusterRecoveryStrategy, name: crash-loop}}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two rules have the same name; rename one"))]
    #[x_kube(validation = ("self.all(r, !has(r.strategyRef) || r.strategyRef.kind == 'ClusterRecoveryStrategy')", "a ClusterHealingPolicy has no namespace to look for a RecoveryStrategy in; write strategyRef.kind: ClusterRecoveryStrategy"))]
    pub rules: Vec<PolicyRule>,
    /// How much the policy may do over all its targets. Example: {concurrent: 5, actsPerHour: 50}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<PolicyBudget>,
    /// What is taken away from the chains. Example: {forbid: [rollback]}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restrict: Option<Restrict>,
    /// Times of every day in which the policy may do less. Example: [{name: night, from: "20:00", to: "07:00", timeZone: Europe/Berlin, mode: DryRun}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two windows have the same name; rename one"))]
    pub windows: Vec<Window>,
    /// How much of the past is kept. Example: {recovered: 10, failed: 10, ttl: 168h}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

/// One entry of a policy: a trigger, and the chain that answers it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ("has(self.strategyRef) != has(self.steps)", "write exactly one of strategyRef and steps in each rule"))]
#[x_kube(validation = ("!has(self.recoverWithin) || duration(self.recoverWithin) >= duration('1s')", "recoverWithin is too short to be met; write at least 1s"))]
pub struct PolicyRule {
    /// The rule's name, unique in its policy. Example: crash-loop
    #[schemars(
        length(min = 1, max = 40),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Only for workloads of these kinds. Absent: all that the policy selects. Example: [Deployment]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub kinds: Option<Vec<WorkloadKind>>,
    /// How far the operator may go for this rule; it lowers the policy's mode and never raises it. A rule in DryRun
    /// is recorded beside the others, which act. Absent: as the policy says. Example: DryRun
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What counts as a failure; exactly one trigger. Example: {crashLoop: {restarts: 3, window: 10m}}
    pub when: When,
    /// The named chain that answers. Example: {kind: ClusterRecoveryStrategy, name: crash-loop}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_ref: Option<StrategyRef>,
    /// The chain itself, instead of a name; step names are unique. Example: [{name: restart, action: {restartPod: {}}}]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two steps have the same name; attempts are remembered by name, so rename one"))]
    #[x_kube(validation = ("self.all(s, !has(s.action.job))", "a job works only in a ClusterRecoveryStrategy that names the namespaces that may use it; write the step there"))]
    pub steps: Option<Vec<Step>>,
    /// The objective for detection to healthy; it is compared with each recovery and never a timeout. Example: 30s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_within: Option<Duration>,
}

/// A chain by name.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct StrategyRef {
    /// RecoveryStrategy (of the policy's own namespace) or ClusterRecoveryStrategy. Example: ClusterRecoveryStrategy
    pub kind: StrategyKind,
    /// The strategy's name. Example: crash-loop
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub name: String,
}

/// The two kinds of strategy.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum StrategyKind {
    RecoveryStrategy,
    ClusterRecoveryStrategy,
}

impl StrategyKind {
    /// The kind as the API server spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecoveryStrategy => "RecoveryStrategy",
            Self::ClusterRecoveryStrategy => "ClusterRecoveryStrategy",
        }
    }
}

/// What the operator says about a policy.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct PolicyStatus {
    /// The generation of the spec that this status speaks of. Example: 2
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The mode that counts now: the lowest of all that have a say. Example: DryRun
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub effective_mode: Option<String>,
    /// What lowers the mode, if anything does. Example: "HealingConfig/cluster: modeCeiling is DryRun"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub effective_why: Option<String>,
    /// The values that stand in for absent fields. Example: {crashLoop.restarts: "3", verify.timeout: 300s}
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "words")]
    pub defaults: BTreeMap<String, String>,
    /// How many workloads the policy selects. Example: 12
    #[serde(default)]
    pub targets: i64,
    /// How many episodes are under way. Example: 1
    #[serde(default)]
    pub open: i64,
    /// How many of them are held. Example: 1
    #[serde(default)]
    pub held: i64,
    /// How many recorded episodes recovered by an act. Example: 7
    #[serde(default)]
    pub recovered: i64,
    /// How many targets are held, by reason. Example: {BudgetExhausted: 1}
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "counts")]
    pub holds: BTreeMap<String, i64>,
    /// Jobs that fail in the policy's namespaces, absent where none does: they are counted and never touched. Example: {failing: 2, pods: 5}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<FailingJobs>,
    /// The last episodes that ended, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub recoveries: Vec<RecoverySummary>,
    /// Ready and Stalled, as elsewhere in Kubernetes. Example: [{type: Ready, status: "True"}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// Jobs that fail, as their pods show it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct FailingJobs {
    /// Jobs whose newest pod has failed, cannot be made, or waits after a crash. Example: 2
    pub failing: i64,
    /// Their pods that fail. Example: 5
    pub pods: i64,
}

/// One line of recovery history.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct RecoverySummary {
    /// The episode's record. Example: checkout-4f7d1c-3
    #[schemars(length(max = 253))]
    pub event: String,
    /// The record's namespace. Example: shop
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// What was healed. Example: Deployment/checkout
    #[schemars(length(max = 600))]
    pub target: String,
    /// How it ended. Example: Recovered
    #[schemars(length(max = 32))]
    pub phase: String,
    /// The step that cured, or the last one. Example: restart
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub step: Option<String>,
    /// Detection to healthy. Example: 14s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub recovery: Option<String>,
}
