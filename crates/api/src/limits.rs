//! What bounds healing: budgets, restrictions and how long history is kept.

use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::actions::ActionName;
use crate::{Amount, Duration};

/// How much a policy may do; one act is one destroyed pod or one patch.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.maxUnavailable) || self.maxUnavailable != 0 && self.maxUnavailable != '0%'").message("budget.maxUnavailable is 0, so no healthy pod could ever be replaced; write 1 or \"10%\", or suspend the policy"))]
pub struct PolicyBudget {
    /// How many attempts may be under way at once over all targets of the policy. Absent: 1. Example: 1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrent: Option<u32>,
    /// How many acts within one hour over all targets of the policy. Absent: 10. Example: 10
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub acts_per_hour: Option<u32>,
    /// How many of a target's pods may be unavailable when a healthy one is taken away, as a number
    /// or a share of its desired replicas. Absent: "50%". Example: "50%"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<Amount>,
}

/// A limit on attempts and acts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Limit {
    /// How many attempts may be under way at once. Absent: 20 for the cluster, 2 for a namespace. Example: 20
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrent: Option<u32>,
    /// How many acts within one hour. Absent: 100 for the cluster, 10 for a namespace. Example: 100
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub acts_per_hour: Option<u32>,
}

/// What a policy takes away from a shared chain; it never adds.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.requireApproval) || !('wait' in self.requireApproval)").message("a wait does nothing that a person could approve; remove wait from restrict.requireApproval"))]
pub struct Restrict {
    /// Actions that are never taken on the policy's targets, whoever's chain names them. Example: [scale]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub forbid: Vec<ActionName>,
    /// Actions that wait for a person's approval on the policy's targets, whoever's chain names them; for 1h, and
    /// then they are skipped, where the step itself does not say. Example: [rollback]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ::kube_core::ListMerge::Set)]
    pub require_approval: Vec<ActionName>,
}

/// How much of the past is kept, per target.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("!has(self.ttl) || duration(self.ttl) >= duration('5s')").message("history.ttl is too short; write at least 5s"))]
pub struct History {
    /// How many episodes that ended well are kept per target. Absent: 10. Example: 10
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub recovered: Option<u32>,
    /// How many other ended episodes are kept per target. Absent: 10. Example: 10
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub failed: Option<u32>,
    /// How long an ended episode is kept at most. Absent: 168h. Example: 168h
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
}
