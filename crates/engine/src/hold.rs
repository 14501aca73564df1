//! Why not: every "no" is typed. A hold passes by itself; a skip lasts as long as its cause.

use std::fmt;

use crate::cause::Cause;
use crate::episode::Awaited;
use crate::moment::Moment;
use crate::source::Source;

/// A passing reason not to act now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each says itself in `Display`
pub enum Hold {
    NotLeader,
    Syncing {
        source: Source,
    },
    ViewStale {
        source: Source,
    },
    NoConfig,
    Paused {
        reason: String,
    },
    ClockSkew {
        millis: i64,
    },
    InFlight,
    IntentOpen {
        until: Moment,
    },
    Backoff {
        until: Moment,
    },
    RecordUnreadable {
        name: String,
    },
    PolicyUnreadable {
        name: String,
    },
    ObjectUnreadable {
        name: String,
    },
    StrategyMissing {
        name: String,
    },
    StrategyRefused {
        name: String,
        namespace: String,
    },
    Suspended {
        why: String,
    },
    BudgetExhausted {
        scope: String,
        detail: String,
        until: Option<Moment>,
    },
    MaxUnavailable {
        allowed: u32,
        unavailable: u32,
    },
    PdbBlocked {
        name: String,
    },
    RolloutInProgress,
    JobRunning {
        name: String,
        until: Option<Moment>,
    },
    StormActive {
        failing: u32,
        least: u32,
        until: Option<Moment>,
    },
    CommonCause {
        cause: Cause,
    },
    Undoing,
    NothingFailing,
    AwaitingApproval {
        asked: Awaited,
        who: String,
        what: String,
    },
}

impl Hold {
    /// The typed reason as records, policies and metrics show it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotLeader => "NotLeader",
            Self::Syncing { .. } => "Syncing",
            Self::ViewStale { .. } => "ViewStale",
            Self::NoConfig => "NoConfig",
            Self::Paused { .. } => "Paused",
            Self::ClockSkew { .. } => "ClockSkew",
            Self::InFlight => "InFlight",
            Self::IntentOpen { .. } => "IntentOpen",
            Self::Backoff { .. } => "Backoff",
            Self::RecordUnreadable { .. } => "RecordUnreadable",
            Self::PolicyUnreadable { .. } => "PolicyUnreadable",
            Self::ObjectUnreadable { .. } => "ObjectUnreadable",
            Self::StrategyMissing { .. } => "StrategyMissing",
            Self::StrategyRefused { .. } => "StrategyRefused",
            Self::Suspended { .. } => "Suspended",
            Self::BudgetExhausted { .. } => "BudgetExhausted",
            Self::MaxUnavailable { .. } => "MaxUnavailable",
            Self::PdbBlocked { .. } => "PDBBlocked",
            Self::RolloutInProgress => "RolloutInProgress",
            Self::JobRunning { .. } => "JobRunning",
            Self::StormActive { .. } => "StormActive",
            Self::CommonCause { .. } => "CommonCause",
            Self::Undoing => "Undoing",
            Self::NothingFailing => "NothingFailing",
            Self::AwaitingApproval { .. } => "AwaitingApproval",
        }
    }

    /// When it certainly is worth asking again, where that is known.
    pub fn until(&self) -> Option<Moment> {
        match self {
            Self::IntentOpen { until } | Self::Backoff { until } => Some(*until),
            Self::BudgetExhausted { until, .. } | Self::StormActive { until, .. } => *until,
            Self::JobRunning { until, .. } => until.map(|due| due.plus(1)),
            Self::AwaitingApproval { asked, .. } => Some(asked.until),
            Self::NotLeader
            | Self::Syncing { .. }
            | Self::ViewStale { .. }
            | Self::NoConfig
            | Self::Paused { .. }
            | Self::ClockSkew { .. }
            | Self::InFlight
            | Self::RecordUnreadable { .. }
            | Self::PolicyUnreadable { .. }
            | Self::ObjectUnreadable { .. }
            | Self::StrategyMissing { .. }
            | Self::StrategyRefused { .. }
            | Self::Suspended { .. }
            | Self::MaxUnavailable { .. }
            | Self::PdbBlocked { .. }
            | Self::RolloutInProgress
            | Self::CommonCause { .. }
            | Self::Undoing
            | Self::NothingFailing => None,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader => write!(f, "this process does not hold the lease"),
            Self::Syncing { source } => {
                write!(f, "the first list of {} is not complete", source.plural())
            }
            Self::ViewStale { source } => write!(f, "the view of {} is stale", source.plural()),
            Self::NoConfig => write!(f, "HealingConfig/cluster is missing or unreadable"),
            Self::Paused { reason } => write!(f, "healing is paused: {reason}"),
            Self::ClockSkew { millis } => {
                write!(f, "this clock is {millis} ms off the API server's")
            }
            Self::InFlight => write!(f, "an own write is not seen yet"),
            Self::IntentOpen { until } => {
                write!(f, "a recorded act may still be under way until {until}")
            }
            Self::Backoff { until } => write!(f, "the next attempt is due at {until}"),
            Self::RecordUnreadable { name } => write!(
                f,
                "HealingEvent {name} cannot be read and counts as an open attempt"
            ),
            Self::PolicyUnreadable { name } => {
                write!(f, "policy {name} cannot be read and may select this target")
            }
            Self::ObjectUnreadable { name } => write!(f, "{name} cannot be read"),
            Self::StrategyMissing { name } => write!(f, "{name} does not exist"),
            Self::StrategyRefused { name, namespace } => write!(
                f,
                "spec.namespaces of {name} does not name {namespace}; add it, or use another strategy"
            ),
            Self::Suspended { why } => write!(f, "{why}"),
            Self::BudgetExhausted { scope, detail, .. } => write!(f, "budget of {scope}: {detail}"),
            Self::MaxUnavailable {
                allowed,
                unavailable,
            } => {
                write!(
                    f,
                    "{unavailable} pods are unavailable already, maxUnavailable allows {allowed}"
                )
            }
            Self::PdbBlocked { name } => {
                write!(f, "PodDisruptionBudget {name} allows no eviction now")
            }
            Self::RolloutInProgress => write!(f, "a rollout is in progress"),
            Self::StormActive { failing, least, .. } => write!(
                f,
                "{failing} workloads fail at once, and {least} within the window are a storm: look for what they share"
            ),
            Self::JobRunning { name, .. } => {
                write!(f, "Job {name} of an earlier attempt still runs")
            }
            Self::CommonCause { cause } => write!(
                f,
                "{} targets failed that share {} {}: this would not mend it",
                cause.targets,
                cause.sign.kind.as_str(),
                cause.sign.name
            ),
            Self::Undoing => write!(f, "a scale is being taken back first"),
            Self::NothingFailing => {
                write!(
                    f,
                    "no pod fails at the moment; waiting whether it stays well"
                )
            }
            Self::AwaitingApproval { asked, who, what } => write!(
                f,
                "attempt {} would {what}; it waits until {} for an approval: {who}",
                asked.attempt, asked.until
            ),
        }
    }
}

/// A lasting reason to pass a step over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each says itself in `Display`
pub enum Skip {
    OnlyIf { detail: String },
    Forbidden { policy: String },
    OwnedByHpa { name: String },
    OwnedByVpa { name: String },
    OwnedByArgoCd,
    OwnedByFlux,
    OwnedByFlagger { canary: String },
    OwnedByRollout { name: String },
    OwnedByController { name: String },
    NoProvenRevision,
    CannotHelp { why: &'static str },
    CannotApply { why: String },
    RolledBackBefore,
    RollbackLimit { done: u32 },
    RevertedByOwner { what: &'static str },
    ApprovalExpired { why: String },
    ApprovalDenied { why: String },
    NodesUnsupported { node: String, pods: usize },
}

impl Skip {
    /// The typed reason as records show it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::OnlyIf { .. } => "OnlyIf",
            Self::Forbidden { .. } => "Forbidden",
            Self::OwnedByHpa { .. } => "OwnedByHPA",
            Self::OwnedByVpa { .. } => "OwnedByVPA",
            Self::OwnedByArgoCd => "OwnedByArgoCD",
            Self::OwnedByFlux => "OwnedByFlux",
            Self::OwnedByFlagger { .. } => "OwnedByFlagger",
            Self::OwnedByRollout { .. } => "OwnedByRollout",
            Self::OwnedByController { .. } => "OwnedByController",
            Self::NoProvenRevision => "NoProvenRevision",
            Self::CannotHelp { .. } => "CannotHelp",
            Self::CannotApply { .. } => "CannotApply",
            Self::RolledBackBefore => "RolledBackBefore",
            Self::RollbackLimit { .. } => "RollbackLimit",
            Self::RevertedByOwner { .. } => "RevertedByOwner",
            Self::ApprovalExpired { .. } => "ApprovalExpired",
            Self::ApprovalDenied { .. } => "ApprovalDenied",
            Self::NodesUnsupported { .. } => "NodesUnsupported",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyIf { detail } => f.write_str(detail),
            Self::Forbidden { policy } => write!(f, "{policy} forbids this action"),
            Self::OwnedByVpa { name } => {
                write!(f, "VerticalPodAutoscaler {name} owns the resources")
            }
            Self::OwnedByHpa { name } => {
                write!(f, "HorizontalPodAutoscaler {name} owns the replicas")
            }
            Self::OwnedByArgoCd => write!(
                f,
                "Argo CD tracks the workload and would revert it; change it in Git"
            ),
            Self::OwnedByFlux => write!(
                f,
                "Flux manages the workload and would revert it; change it in Git"
            ),
            Self::OwnedByFlagger { canary } => write!(
                f,
                "{canary} releases the workload and would take that for a release; change what it deploys"
            ),
            Self::OwnedByRollout { name } => write!(
                f,
                "Rollout {name} of Argo Rollouts releases the workload and would take that for a release; abort or undo it there"
            ),
            Self::OwnedByController { name } => write!(
                f,
                "{name} made the workload and would revert it; change it there"
            ),
            Self::NoProvenRevision => write!(f, "no other revision has proven itself"),
            Self::CannotHelp { why } => f.write_str(why),
            Self::CannotApply { why }
            | Self::ApprovalExpired { why }
            | Self::ApprovalDenied { why } => f.write_str(why),
            Self::RolledBackBefore => write!(f, "this revision was rolled back from within 24 h"),
            Self::RollbackLimit { done } => write!(
                f,
                "rolled back {done} time(s) within 24 h already; a person decides about one more"
            ),
            Self::RevertedByOwner { what } => {
                write!(f, "somebody took {what} back, and would do so again")
            }
            Self::NodesUnsupported { node, pods } => write!(
                f,
                "node {node} has all failing pods ({pods}); nodes are not healed yet, so a person has to look at it"
            ),
        }
    }
}

/// Why a step is not taken now, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// Not now.
    Hold(Hold),
    /// Not this step.
    Skip(Skip),
    /// Not this step, and nothing after it.
    Stop(Skip),
}

impl From<Hold> for No {
    fn from(hold: Hold) -> Self {
        Self::Hold(hold)
    }
}

impl From<Skip> for No {
    fn from(skip: Skip) -> Self {
        Self::Skip(skip)
    }
}
