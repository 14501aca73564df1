//! `RecoveryStrategy` and `ClusterRecoveryStrategy`: a named escalation chain.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube_derive::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::schemas::conditions;
use crate::steps::Step;

/// A named chain, usable by the policies of its own namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "RecoveryStrategy",
    plural = "recoverystrategies",
    namespaced,
    status = "StrategyStatus",
    derive = "PartialEq",
    shortname = "rstrat",
    category = "healing",
    doc = "A named escalation chain for the policies of its own namespace.",
    printcolumn(name = "Steps", type_ = "string", json_path = ".status.chain"),
    printcolumn(name = "Used by", type_ = "integer", json_path = ".status.usedBy"),
    printcolumn(name = "Attempts", type_ = "integer", json_path = ".status.attempts"),
    printcolumn(name = "Cures", type_ = "integer", json_path = ".status.cures"),
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
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct RecoveryStrategySpec {
    /// The escalation chain, tried in this order; names are unique. Example: [{name: restart, action: {restartPod: {}}}]
    #[schemars(length(min = 1, max = 10))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two steps have the same name; attempts are remembered by name, so rename one"))]
    #[x_kube(validation = ("self.all(s, !has(s.action.job))", "a job works only in a ClusterRecoveryStrategy that names the namespaces that may use it; write the step there"))]
    pub steps: Vec<Step>,
}

/// A named chain, usable from every namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "ClusterRecoveryStrategy",
    plural = "clusterrecoverystrategies",
    status = "StrategyStatus",
    derive = "PartialEq",
    shortname = "crstrat",
    category = "healing",
    doc = "A named escalation chain for the policies of every namespace.",
    printcolumn(name = "Steps", type_ = "string", json_path = ".status.chain"),
    printcolumn(name = "Used by", type_ = "integer", json_path = ".status.usedBy"),
    printcolumn(name = "Attempts", type_ = "integer", json_path = ".status.attempts"),
    printcolumn(name = "Cures", type_ = "integer", json_path = ".status.cures"),
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
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("has(self.namespaces) || self.steps.all(s, !has(s.action.job))").message("a job runs with rights in its namespace; write spec.namespaces, which names those that may use this strategy"))]
pub struct ClusterRecoveryStrategySpec {
    /// The only namespaces whose targets it may heal; needed beside a job. Absent: all. Example: [shop]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub namespaces: Option<Vec<String>>,
    /// The escalation chain, tried in this order; names are unique. Example: [{name: restart, action: {restartPod: {}}}]
    #[schemars(length(min = 1, max = 10))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two steps have the same name; attempts are remembered by name, so rename one"))]
    pub steps: Vec<Step>,
}

/// What the operator says about a strategy, recomputed from the records that exist.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct StrategyStatus {
    /// The generation of the spec that this status speaks of. Example: 2
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The steps in one word. Example: restart > scale > rollback
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // Ten names of 40 characters, and nine separators of three.
    #[schemars(length(max = 427))]
    pub chain: Option<String>,
    /// How many policies name it. Example: 3
    #[serde(default)]
    pub used_by: i64,
    /// The first of them, cluster policies before the others. Example: [HealingPolicy shop/checkout]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    // So many fit a screen. A kind of 20, a namespace of 63 and a name of 253 characters.
    #[schemars(length(max = 20), inner(length(max = 340)))]
    pub users: Vec<String>,
    /// How many attempts its steps made. Example: 12
    #[serde(default)]
    pub attempts: i64,
    /// How many episodes they cured. Example: 11
    #[serde(default)]
    pub cures: i64,
    /// What each step came to, in the order of the chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub steps: Vec<StepSummary>,
    /// Ready and Stalled, as elsewhere in Kubernetes. Example: [{type: Ready, status: "True"}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// What a step came to, over the records that exist.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct StepSummary {
    /// The step's name. Example: restart
    #[schemars(length(max = 40))]
    pub name: String,
    /// How often it was tried. Example: 9
    pub attempts: i64,
    /// How many episodes it cured; one whose failure came back is none. Example: 8
    pub cures: i64,
    /// The median time from detection to healthy of those. Example: 14s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_recovery: Option<Duration>,
}
