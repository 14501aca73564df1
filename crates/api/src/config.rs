//! `HealingConfig`: the ceiling, the pause and the budgets of the whole cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube_derive::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::calendar::Freeze;
use crate::limits::Limit;
use crate::schemas::conditions;
use crate::{Amount, Duration, Mode};

/// What the platform team grants; missing, unreadable or paused: nothing acts.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "HealingConfig",
    plural = "healingconfigs",
    status = "HealingConfigStatus",
    derive = "PartialEq",
    shortname = "hcfg",
    category = "healing",
    doc = "The ceiling, the pause and the budgets of the whole cluster. There is one, named cluster; while it is missing, unreadable or paused nothing acts.",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterName"),
    printcolumn(name = "Ceiling", type_ = "string", json_path = ".spec.modeCeiling"),
    printcolumn(name = "Paused", type_ = "string", json_path = ".spec.pause.reason"),
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
pub struct HealingConfigSpec {
    /// What this cluster is called in records and logs. Example: prod-eu-07
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub cluster_name: Option<String>,
    /// The highest mode in which anything in this cluster is healed. Example: Enforce
    #[serde(default)]
    pub mode_ceiling: Mode,
    /// While this is set nothing acts: the kill switch. Example: {reason: INC-4711}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Namespaces in which nothing is ever healed, besides kube-system and the operator's own. Example: [istio-system]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 200),
        inner(
            length(min = 1, max = 63),
            regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
        )
    )]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub exclude_namespaces: Vec<String>,
    /// How much is done at most, over all policies. Example: {cluster: {concurrent: 20, actsPerHour: 100}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<ClusterBudget>,
    /// Times in which nothing in this cluster may do more. Example: [{name: black-friday, from: "2026-11-26T00:00:00Z", to: "2026-12-01T00:00:00Z", modeCeiling: DryRun}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two freezes have the same name; rename one"))]
    pub freezes: Vec<Freeze>,
    /// When so much fails at once that acting would make it worse: nothing acts until it is over, but undo. Example: {share: "30%", least: 10}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<Storm>,
}

/// When failures are a storm. A shared cause (a database, a registry, a network) makes many workloads
/// fail at once, and no restart of theirs mends it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.window) || duration(self.window) >= duration('10s')").message("storm.window is too short; write at least 10s"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.share) || self.share != 0 && self.share != '0%'").message("storm.share is 0, so that anything would be a storm; write \"30%\", or set a pause"))]
pub struct Storm {
    /// The share, or number, of the selected workloads that must begin to fail within the window. Absent: "30%". Example: "30%"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Amount>,
    /// And at least so many, so that a small cluster is healed all the same. Absent: 10. Example: 10
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 100_000))]
    pub least: Option<u32>,
    /// The window. Absent: 5m. Example: 5m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
    /// How long fewer than that must have been failing before anything acts again. Absent: 10m. Example: 10m
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Duration>,
}

/// Why nothing acts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Pause {
    /// Who or what asked for it; it is shown wherever something is held by it. Example: INC-4711
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
}

/// Budgets over all policies.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct ClusterBudget {
    /// Over the whole cluster. Absent: {concurrent: 20, actsPerHour: 100}. Example: {concurrent: 20, actsPerHour: 100}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Limit>,
    /// Over each namespace. Absent: {concurrent: 2, actsPerHour: 10}. Example: {concurrent: 2, actsPerHour: 10}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_namespace: Option<Limit>,
}

/// What the operator says about the configuration.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct HealingConfigStatus {
    /// The generation of the spec that this status speaks of. Example: 2
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, as elsewhere in Kubernetes. Example: [{type: Ready, status: "True"}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}
