//! Which workloads a policy heals: always an explicit choice.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schemas::selector;

/// Which workloads a policy heals.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("[has(self.all), has(self.names), has(self.selector)].filter(x, x).size() == 1").message("write exactly one of all, names and selector under spec.targets, for example all: true"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.all) || self.all").message("spec.targets.all can only be true; remove it to select by names or selector"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.selector) || (has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) || (has(self.selector.matchExpressions) && self.selector.matchExpressions.size() > 0)").message("spec.targets.selector is empty; write all: true"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.kinds) || !has(self.names)").message("spec.targets.kinds narrows all and selector; each of spec.targets.names says its own kind, so remove kinds"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.exclude) || (has(self.exclude.matchLabels) && self.exclude.matchLabels.size() > 0) || (has(self.exclude.matchExpressions) && self.exclude.matchExpressions.size() > 0)").message("spec.targets.exclude is empty and would exclude everything; remove it or write labels"))]
pub struct Targets {
    /// Every workload of the kinds below. Example: true
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// These workloads. Example: [{kind: Deployment, name: checkout}]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Map(vec!["kind".into(), "name".into()]))]
    pub names: Option<Vec<WorkloadName>>,
    /// Workloads by the labels of the workload object itself, not of its pods. Example: {matchLabels: {app: checkout}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector")]
    pub selector: Option<LabelSelector>,
    /// Which kinds, beside all or selector. Absent: Deployment, StatefulSet and DaemonSet. Pod adds pods without a
    /// workload: bare ones, and those of owners of any other kind, selected by the labels that all of them have. Example: [Deployment, StatefulSet]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub kinds: Option<Vec<WorkloadKind>>,
    /// Workloads that are left alone all the same, by their labels. Example: {matchLabels: {tier: batch}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector")]
    pub exclude: Option<LabelSelector>,
}

/// One workload by name.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct WorkloadName {
    /// The workload's kind. Example: Deployment
    pub kind: WorkloadKind,
    /// The workload's name. Example: checkout
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub name: String,
}

/// The kinds that can be healed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Pod,
}

impl WorkloadKind {
    /// All of them; pods are healed only where a policy names them.
    pub const ALL: [Self; 4] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Pod,
    ];

    /// The kind as the API server spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Pod => "Pod",
        }
    }

    /// The kind of that name, if it can be healed.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl std::fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In which namespaces a cluster-wide policy heals.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("[has(self.all), has(self.names), has(self.selector)].filter(x, x).size() == 1").message("write exactly one of all, names and selector under spec.namespaces, for example all: true"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.all) || self.all").message("spec.namespaces.all can only be true; remove it to select by names or selector"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.selector) || (has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) || (has(self.selector.matchExpressions) && self.selector.matchExpressions.size() > 0)").message("spec.namespaces.selector is empty; write all: true"))]
pub struct Namespaces {
    /// Every namespace but kube-system, the operator's own and those excluded. Example: true
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// These namespaces. Example: [shop, payments]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 200),
        inner(
            length(min = 1, max = 63),
            regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
        )
    )]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub names: Option<Vec<String>>,
    /// Namespaces by their labels. Example: {matchLabels: {healing: "on"}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector")]
    pub selector: Option<LabelSelector>,
    /// Namespaces that are left alone all the same, by name. Example: [sandbox]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 200),
        inner(
            length(min = 1, max = 63),
            regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
        )
    )]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub exclude: Option<Vec<String>>,
}
