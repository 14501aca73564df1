//! Kubemend's kinds: the custom resources as Rust types, and the CRDs made from them.
//!
//! The modules stand in reading order: values first, then what a policy is made of, then the six
//! kinds, then the CRDs. Nothing here does IO; nothing here decides.

// KubeSchema expands inside a private block, where rustc takes every type for unreachable.
#![allow(unreachable_pub)]
// Field descriptions are written for `kubectl explain`: their brackets are YAML, not links.
#![allow(rustdoc::broken_intra_doc_links)]
// The comments on fields are what `kubectl explain` prints: plain text, without backticks.
#![allow(clippy::doc_markdown)]
// Several printer columns have the same type.
#![allow(clippy::duplicated_attributes)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod duration;
pub mod timestamp;
pub mod amount;
pub mod memory;
pub mod mode;
pub mod triggers;
pub mod actions;
pub mod steps;
pub mod targets;
pub mod limits;
pub mod policy;
pub mod strategy;
pub mod calendar;
pub mod config;
pub mod event;
pub mod crds;

mod schemas;
mod table;

pub use actions::Action;
pub use amount::Amount;
pub use config::{HealingConfig, HealingConfigSpec, HealingConfigStatus};
pub use duration::Duration;
pub use event::{HealingEvent, HealingEventSpec, HealingEventStatus};
pub use memory::{Factor, Memory};
pub use mode::Mode;
pub use policy::{
    ClusterHealingPolicy, ClusterHealingPolicySpec, HealingPolicy, HealingPolicySpec, PolicyStatus,
};
pub use strategy::{
    ClusterRecoveryStrategy, ClusterRecoveryStrategySpec, RecoveryStrategy, RecoveryStrategySpec,
    StrategyStatus,
};
pub use triggers::Trigger;

/// The API group of every kind.
pub const GROUP: &str = "kubemend.io";
/// The only served version.
pub const VERSION: &str = "v1alpha1";
/// `kubemend.io/v1alpha1`
pub const API_VERSION: &str = "kubemend.io/v1alpha1";
/// The only name that a `HealingConfig` may have.
pub const CONFIG_NAME: &str = "cluster";

/// Annotations that people set and that the operator reads or writes.
pub mod annotations {
    /// On a namespace or workload: the highest mode in which anything there is healed.
    pub const MODE: &str = "kubemend.io/mode";
    /// On a `HealingEvent`: a new value ends the episode and clears the chain's memory.
    pub const RETRY: &str = "kubemend.io/retry";
    /// On a `HealingEvent`: what a person answers to the attempt that waits, `approve rollback/3 jane`; written by
    /// `kubemend approve` and `kubemend deny`.
    pub const APPROVAL: &str = "kubemend.io/approval";
    /// On a ReplicaSet: `<hash>@<since>/<seconds proven>`, written by the operator.
    pub const HEALTHY: &str = "kubemend.io/healthy";
    /// On a workload that was rolled back or restarted, the `HealingEvent` that did it; on a Job, the one that runs it.
    pub const HEALED_BY: &str = "kubemend.io/healed-by";
    /// On a Job that a step runs: the hash of the step's template.
    pub const JOB_TEMPLATE: &str = "kubemend.io/job-template";
    /// On a pod template: where `kubectl rollout restart` writes its time, and the operator too.
    pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
}
