//! What an episode did: the attempts, the steps that were passed over, and what was spent.

use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::actions::ActionName;

/// One execution of a step's action; its intent is recorded before it runs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventAttempt {
    /// The step's name. Example: restart
    #[schemars(length(max = 40))]
    pub step: String,
    /// The action. Example: restartPod
    pub action: ActionName,
    /// When the intent was decided.
    pub intent_at: Timestamp,
    /// After this the intent is never executed without being recorded again.
    pub not_after: Timestamp,
    /// How often the intent was armed again after a lost process. Example: 0
    #[serde(default)]
    pub rearmed: i64,
    /// The resolved requests and their results: up to ten pods, or one patch.
    #[schemars(length(max = 10))]
    pub requests: Vec<EventRequest>,
    /// When the results were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_at: Option<Timestamp>,
    /// WouldAct, NotApplied, Recovered, NotRecovered, Inconclusive, Partial or Superseded; absent while it is awaited. Example: Recovered
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub outcome: Option<String>,
    /// The outcome in a sentence. Example: "container app of pod web-1 ended with exit code 3 after 5s"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
    /// When the outcome was known; until then the attempt takes a slot of every budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_at: Option<Timestamp>,
    /// Who approved it, where a person had to. Example: jane@example.com
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub approved_by: Option<String>,
    /// When the approval was seen and the attempt was judged once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
}

/// An attempt that waits for a person.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventApproval {
    /// The step's name. Example: rollback
    #[schemars(length(max = 40))]
    pub step: String,
    /// Which attempt of the episode it would be, counted from 1 over all steps. Example: 3
    pub attempt: i64,
    /// Since when it waits.
    pub since: Timestamp,
    /// Until when it waits; an approval counts no longer than this.
    pub until: Timestamp,
}

/// One conditional request with at most one effect.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventRequest {
    /// Evict, Delete, Restart, Scale, Rollback, Resize or Run. Example: Evict
    #[schemars(length(max = 16))]
    pub verb: String,
    /// The pod, workload, revision or Job that is meant. Example: checkout-7d9f-abcde
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its UID, a precondition of the request; of a Job, which is made, the target's.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Replicas, template hash or memory limit before. Example: "2"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub from: Option<String>,
    /// Replicas, template hash or memory limit after; the hash of a Job's template. Example: "3"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub to: Option<String>,
    /// Applied, NotApplied or Unknown; absent while it is awaited. Example: Applied
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub result: Option<String>,
    /// Why it was not applied. Example: PDBBlocked
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub detail: Option<String>,
}

/// A step that was passed over.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventSkip {
    /// The step's name. Example: scale
    #[schemars(length(max = 40))]
    pub step: String,
    /// The typed reason. Example: CannotHelp
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The reason in a sentence. Example: no pod of this revision stays up
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

/// Attempts spent on a step.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventSpent {
    /// The step's name. Example: restart
    #[schemars(length(max = 40))]
    pub step: String,
    /// Attempts spent on it. Example: 3
    pub attempts: i64,
}
