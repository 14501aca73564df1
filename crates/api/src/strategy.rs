//! `RecoveryStrategy` and `ClusterRecoveryStrategy`: a named escalation chain.

use kube_derive::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::steps::Step;

/// A named chain, usable by the policies of its own namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "RecoveryStrategy",
    plural = "recoverystrategies",
    namespaced,
    derive = "PartialEq",
    shortname = "rstrat",
    category = "healing",
    doc = "A named escalation chain for the policies of its own namespace.",
    printcolumn(name = "First", type_ = "string", json_path = ".spec.steps[0].name"),
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
    pub steps: Vec<Step>,
}

/// A named chain, usable from every namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "ClusterRecoveryStrategy",
    plural = "clusterrecoverystrategies",
    derive = "PartialEq",
    shortname = "crstrat",
    category = "healing",
    doc = "A named escalation chain for the policies of every namespace.",
    printcolumn(name = "First", type_ = "string", json_path = ".spec.steps[0].name"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    crates(kube_core = "::kube_core")
)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct ClusterRecoveryStrategySpec {
    /// The escalation chain, tried in this order; names are unique. Example: [{name: restart, action: {restartPod: {}}}]
    #[schemars(length(min = 1, max = 10))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, b.name == a.name))", "two steps have the same name; attempts are remembered by name, so rename one"))]
    pub steps: Vec<Step>,
}
