//! What the operator says about policies and the configuration.

use kubemend_api::{HealingConfigStatus, PolicyStatus};

use crate::facts::{Name, Text};
use crate::moment::Moment;
use crate::plan::Plan;
use crate::source::Source;
use crate::world::World;

/// A policy's status as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyReport {
    /// `Policies` or `ClusterPolicies`.
    pub source: Source,
    /// The policy.
    pub name: Name,
    /// The UID that the status is meant for.
    pub uid: Text,
    /// The status as it should be; equal to the stored one where nothing changed.
    pub status: PolicyStatus,
    /// False where the stored status says the same.
    pub changed: bool,
}

/// The status of every policy, by collection and name. Pure: the caller limits how often it writes.
pub fn policies(_world: &World, _plan: &Plan, _now: Moment) -> Vec<PolicyReport> {
    Vec::new()
}

/// The status of HealingConfig, if there is one and it should say something else.
pub fn config(_world: &World, _now: Moment) -> Option<HealingConfigStatus> {
    None
}
