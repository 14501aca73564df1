//! Conditions of pods and workloads, those that say that all is well left out.

use kubemend_api::triggers::ConditionStatus;

use super::Text;
use super::pod::moment;
use super::slim::SlimCondition;
use crate::moment::Moment;

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Condition {
    pub kind: Text,
    pub status: ConditionStatus,
    pub reason: Text,
    /// `lastTransitionTime`
    pub since: Option<Moment>,
}

/// True wherever all is well: kept for every pod and workload they would cost more than all other facts.
const WELL: [&str; 7] = [
    "Ready",
    "ContainersReady",
    "Initialized",
    "PodScheduled",
    "PodReadyToStartContainers",
    "Available",
    "Progressing",
];

/// No more than so many are kept of one object; nobody has more.
const MOST: usize = 32;

/// The conditions that do not merely say that all is well.
pub(super) fn read(conditions: &[SlimCondition]) -> Box<[Condition]> {
    let told = conditions
        .iter()
        .filter(|one| one.status != "True" || !WELL.contains(&one.type_.as_str()));
    told.take(MOST).map(condition).collect()
}

fn condition(slim: &SlimCondition) -> Condition {
    Condition {
        kind: slim.type_.as_str().into(),
        status: match slim.status.as_str() {
            "True" => ConditionStatus::True,
            "False" => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        },
        reason: slim.reason.as_str().into(),
        since: since(slim),
    }
}

/// When a condition last changed.
pub(super) fn since(slim: &SlimCondition) -> Option<Moment> {
    moment(slim.last_transition_time.as_deref())
}
