//! `HealingEvent`: one failure of one target from detection to its end.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::timestamp::Timestamp;
pub use attempt::{EventApproval, EventAttempt, EventRequest, EventSkip, EventSpent};
pub use proposal::EventProposal;

use crate::Duration;
use crate::policy::StrategyKind;
use crate::schemas::{conditions, words};

mod attempt;
mod proposal;

/// One episode, its attempts, timings, evidence and outcome. Only the operator writes it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "kubemend.io",
    version = "v1alpha1",
    kind = "HealingEvent",
    plural = "healingevents",
    namespaced,
    status = "HealingEventStatus",
    derive = "PartialEq",
    shortname = "hev",
    category = "healing",
    doc = "One failure of one target from detection to its end: attempts, timings, evidence and outcome. The operator writes it, people read it.",
    selectable = ".status.phase",
    selectable = ".spec.policyRef",
    selectable = ".spec.targetRef",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetRef"),
    printcolumn(name = "Symptom", type_ = "string", json_path = ".spec.symptom"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.step"),
    printcolumn(
        name = "Attempts",
        type_ = "integer",
        json_path = ".status.attemptCount"
    ),
    printcolumn(name = "Recovery", type_ = "string", json_path = ".status.recovery"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".status.mode"),
    printcolumn(
        name = "Policy",
        type_ = "string",
        priority = 1,
        json_path = ".spec.policyRef"
    ),
    printcolumn(
        name = "Detection",
        type_ = "string",
        priority = 1,
        json_path = ".status.detection"
    ),
    printcolumn(
        name = "Outage",
        type_ = "string",
        priority = 1,
        json_path = ".status.outage"
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
#[x_kube(validation = ("self == oldSelf", "a HealingEvent's spec never changes"))]
pub struct HealingEventSpec {
    /// What failed. Example: {apiVersion: apps/v1, kind: Deployment, name: checkout, uid: 7c3e…, templateHash: 9f86d081884c7d65}
    pub target: EventTarget,
    /// The target as one word. Example: Deployment/checkout
    #[schemars(length(min = 1, max = 600))]
    pub target_ref: String,
    /// The policy that answered. Example: HealingPolicy/checkout
    #[schemars(length(min = 1, max = 300))]
    pub policy_ref: String,
    /// The rule that answered. Example: crash-loop
    #[schemars(length(min = 1, max = 40))]
    pub rule: String,
    /// What was seen. Example: CrashLoop
    #[schemars(length(min = 1, max = 40))]
    pub symptom: String,
    /// The named chain as it was then; absent for inline steps. Example: {kind: ClusterRecoveryStrategy, name: crash-loop, uid: 51ab…, generation: 1}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<EventStrategy>,
    /// The resolved values that held at detection. Example: {restarts: "3", window: 10m}
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "words")]
    pub thresholds: BTreeMap<String, String>,
    /// What its failing pods might share with those of other targets. Example: [{kind: Node, name: worker-3}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub signs: Vec<EventSign>,
    /// The rule's objective for the recovery. Example: 30s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_within: Option<Duration>,
    /// How long the record is kept after its end. Example: 168h
    pub ttl: Duration,
    /// When the failure began, from the object. Example: 2026-01-01T00:00:00.000Z
    pub failed_at: Timestamp,
    /// When the threshold was met. Example: 2026-01-01T00:00:43.120Z
    pub detected_at: Timestamp,
}

/// What failed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventTarget {
    /// The target's API version; absent for an owner of a kind that is not watched. Example: apps/v1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub api_version: Option<String>,
    /// The target's kind, with its group where the kind is not watched. Example: Deployment
    #[schemars(length(min = 1, max = 317))]
    pub kind: String,
    /// The target's name. Example: checkout
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The target's UID; an act on another object of that name is impossible. Example: 7c3e0c5e-6a43-4c6e-9f0e-0c3f5d1b2a4d
    #[schemars(length(max = 64))]
    pub uid: String,
    /// The operator's own hash of the pod template that failed. Example: 9f86d081884c7d65
    #[schemars(length(max = 64))]
    pub template_hash: String,
}

/// Something that the failing pods of several targets may share.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventSign {
    /// A node, a zone, an image, or a ConfigMap or Secret: one that is missing is an Object. Example: Node
    pub kind: CauseKind,
    /// Its name; of an image its digest, or its name while it cannot be had. Example: worker-3
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What a common cause may be.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum CauseKind {
    Node,
    Image,
    Object,
    Zone,
    Config,
}

impl CauseKind {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::Image => "Image",
            Self::Object => "Object",
            Self::Zone => "Zone",
            Self::Config => "Config",
        }
    }
}

/// What other targets that fail now share with this one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventCause {
    /// A node, a zone, an image, a ConfigMap or Secret that is missing (Object) or that most of what uses it crashes with
    /// (Config). Example: Node
    pub kind: CauseKind,
    /// Its name. Example: worker-3
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// How many targets shared it when that was noted, this one included. Example: 3
    pub targets: i64,
}

/// The chain that a record began with.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventStrategy {
    /// RecoveryStrategy or ClusterRecoveryStrategy. Example: ClusterRecoveryStrategy
    pub kind: StrategyKind,
    /// Its name. Example: crash-loop
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its UID. Example: 51ab7c1e-0f4d-4b55-8a3f-2f7f7f0f6f11
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Its generation at detection. Example: 1
    pub generation: i64,
}

/// How the episode stands. An empty status reads as Pending without attempts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct HealingEventStatus {
    /// Pending, Held, AwaitingApproval, Acting, Verifying, Recovered, SelfRecovered, Exhausted, Superseded or Aborted. Example: Recovered
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub phase: Option<String>,
    /// Why the phase is what it is. Example: BudgetExhausted
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// The reason in a sentence. Example: "namespace shop has used 10 of 10 acts per hour, until 10:42"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
    /// The effective mode of the episode. Example: Enforce
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub mode: Option<String>,
    /// The step of the last attempt, or the one that is waited for. Example: restart
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub step: Option<String>,
    /// How many attempts were spent. Example: 1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_count: Option<i64>,
    /// Failure to detection. Example: 43s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Duration>,
    /// Detection to healthy. Example: 14s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
    /// Failure to healthy. Example: 57s
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<Duration>,
    /// Met or Missed: the recovery against recoverWithin. Example: Met
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub objective: Option<String>,
    /// The pod template that the episode judges now; it follows the operator's own rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub template_hash: Option<String>,
    /// The symptom that the chain answers now, where it changed. Example: PodFailed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub symptom: Option<String>,
    /// The rule that answers now, where it changed. Example: pod-failed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub rule: Option<String>,
    /// Start of the stable stretch that ended in a recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_at: Option<Timestamp>,
    /// Until when a failure counts as a relapse of this episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relapse_until: Option<Timestamp>,
    /// When the episode ended; it is open without this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How often the failure came back inside the relapse window. Example: 1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relapses: Option<i64>,
    /// When the last relapse was seen; from then on the chain goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relapsed_at: Option<Timestamp>,
    /// The longest run that began in the episode and ended abnormally; the stable stretch is at least twice as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_run: Option<Duration>,
    /// The value of annotation kubemend.io/retry that was last obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub retried: Option<String>,
    /// The attempt that waits for a person, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<EventApproval>,
    /// What was done, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub attempts: Vec<EventAttempt>,
    /// What at least two other targets, of a zone four, that failed at about the same time share with this one. Example: {kind: Node, name: worker-3, targets: 3}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<EventCause>,
    /// Steps that were passed over, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub skips: Vec<EventSkip>,
    /// Steps that a DryRun lists without walking them. Example: [scale, rollback]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 40)))]
    pub later_steps: Vec<String>,
    /// The chain's memory: attempts spent by step name, inherited ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    pub spent: Vec<EventSpent>,
    /// Restart counts at the recovery, from which a relapse is counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub baseline: Vec<EventBaseline>,
    /// A scale that is to be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<EventUndo>,
    /// What the target's template should have, as a strategic merge patch: what was done to its pods is
    /// temporary and ends with them. Example: {"spec":{"template":{"spec":{"containers":[{"name":"app","resources":{"limits":{"memory":"96Mi"}}}]}}}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub template_patch: Option<String>,
    /// A rollback that is for somebody else to make; kubemend patch prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<EventProposal>,
    /// What the failing containers said, read before the act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub evidence: Vec<EventEvidence>,
    /// Open and Recovered, for kubectl wait. Example: [{type: Recovered, status: "True"}]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// A container's restart count at the recovery.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventBaseline {
    /// The pod's UID.
    #[schemars(length(max = 64))]
    pub pod: String,
    /// The container's name. Example: app
    #[schemars(length(max = 63))]
    pub container: String,
    /// Its restart count then. Example: 4
    pub restarts: i64,
}

/// A scale that is to be taken back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventUndo {
    /// When it is due at the latest.
    pub due_at: Timestamp,
    /// Replicas before the act, which are put back. Example: 2
    pub from: i64,
    /// Replicas after the act; another number makes the undo void. Example: 3
    pub to: i64,
    /// When the intent to undo was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_at: Option<Timestamp>,
    /// After this the intent is never executed without being recorded again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// How often the intent was armed again. Example: 0
    #[serde(default)]
    pub rearmed: i64,
    /// When it was done or became void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// Undone, or why it became void. Example: Undone
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub result: Option<String>,
}

/// What one failing container said.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EventEvidence {
    /// The pod. Example: checkout-7d9f-abcde
    #[schemars(length(max = 253))]
    pub pod: String,
    /// The container; absent for what concerns the whole pod. Example: app
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub container: Option<String>,
    /// How it ended or what the event was. Example: Error
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// Its exit code. Example: 3
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Its restart count. Example: 4
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<i64>,
    /// The termination message or the Warning event's text, cut to 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
}
