//! What a record proposes where the operator may not write.

use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

/// A return to an earlier template that is for somebody else to make: Git or a controller keeps the present one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventProposal {
    /// The step that was passed over. Example: rollback
    #[schemars(length(max = 40))]
    pub step: String,
    /// The revision to return to. Example: checkout-6d5f8c7b9
    #[schemars(length(max = 253))]
    pub revision: String,
    /// Its UID.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// The template's hash when that was judged. Example: 9f86d081884c7d65
    #[schemars(length(max = 64))]
    pub from: String,
    /// The hash of the revision's template. Example: 2c26b46b68ffc68f
    #[schemars(length(max = 64))]
    pub to: String,
    /// The strategic merge patch of the workload, as JSON; absent until it was read. Values that a template gives to
    /// variables itself are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // A release that changes half of a large template.
    #[schemars(length(max = 16384))]
    pub patch: Option<String>,
    /// What differs too and is not in the patch. Example: ["spec.containers[app].env"]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 200)))]
    pub left_out: Vec<String>,
}
