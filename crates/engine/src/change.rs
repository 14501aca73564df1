//! Everything that can enter the World.

use kubemend_api::targets::WorkloadKind;
use kubemend_api::{
    ClusterHealingPolicy, ClusterRecoveryStrategy, HealingConfig, HealingEvent, HealingPolicy,
    RecoveryStrategy,
};
use serde::de::DeserializeOwned;

use crate::episode::Episode;
use crate::facts::slim::{
    SlimAutoscaler, SlimBudget, SlimConditioned, SlimEvent, SlimJob, SlimObject, SlimPod,
    SlimRevision, SlimRollout, SlimVerticalAutoscaler, SlimWorkload,
};
use crate::facts::{
    ClaimFacts, DisruptionBudgetFacts, EventFacts, JobFacts, Name, NamespaceFacts, NodeFacts,
    PodFacts, RevisionFacts, TargetKey, Text, WorkloadFacts, version_number,
};
use crate::moment::{Millis, Moment};
use crate::record;
use crate::source::Source;

/// One thing that changed; applying one twice changes nothing more.
#[derive(Clone, Debug)]
pub enum Change {
    /// An object as it is now.
    Object(Box<Object>),
    /// An object that could not be read: it holds what it concerns and is reported once.
    Unreadable(Unreadable),
    /// An object that is gone.
    Gone {
        /// Its collection.
        source: Source,
        /// Its name.
        name: Name,
        /// Its UID, so that a successor of the same name stays.
        uid: Text,
    },
    /// A complete list begins; what it does not name is gone when it ends.
    ListBegins(Source),
    /// A complete list was applied as of this version.
    ListEnds {
        /// The collection.
        source: Source,
        /// The list's resourceVersion.
        version: Text,
        /// When its reply began.
        at: Moment,
    },
    /// The view of a collection is current: a frame, a bookmark or a restarted watch.
    Fresh {
        /// The collection.
        source: Source,
        /// The version that the view is at; empty where it is not told.
        version: Text,
        /// When that was.
        at: Moment,
    },
    /// This process holds the lease, or no longer does.
    Lead(bool),
    /// Local wall time minus the API server's, in milliseconds.
    Skew(Millis),
    /// An effect has ended, one way or another.
    Done(Reply),
}

/// How an effect ended. Whatever was written or seen on the way comes along.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The target whose flight ends.
    pub target: TargetKey,
    /// The record as the API server returned it.
    pub record: Option<Box<Object>>,
    /// What the view must show before the target is judged again.
    pub awaits: Vec<Await>,
    /// Not before this moment is the same target tried again: the effect failed for a passing
    /// reason such as a timeout.
    pub retry_at: Option<Moment>,
}

/// What the view must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Await {
    /// An object at this version or past it.
    Version(Source, u64),
    /// A pod gone or being deleted.
    PodGone(Name, Text),
}

/// An object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its collection.
    pub source: Source,
    /// Its name.
    pub name: Name,
    /// Its UID.
    pub uid: Text,
    /// Its controller, if the metadata tells: that is what it holds.
    pub owner: Option<crate::facts::Owner>,
    /// Why.
    pub error: String,
}

/// The facts of one object, with the version they were read at.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Object {
    Pod(PodFacts),
    Workload(WorkloadFacts),
    Revision(RevisionFacts),
    Namespace(NamespaceFacts),
    DisruptionBudget(DisruptionBudgetFacts),
    Claim(ClaimFacts),
    Job(JobFacts),
    Node(NodeFacts),
    Policy(Box<HealingPolicy>),
    ClusterPolicy(Box<ClusterHealingPolicy>),
    Strategy(Box<RecoveryStrategy>),
    ClusterStrategy(Box<ClusterRecoveryStrategy>),
    Config(Box<HealingConfig>),
    Record(Box<Episode>),
    Event(EventFacts),
}

/// Reads one object of a collection from JSON. A bad one becomes [`Change::Unreadable`] under its
/// own name; the error is for bytes that are no object with a name at all.
pub fn read(source: Source, json: &[u8]) -> Result<Change, serde_json::Error> {
    match object(source, json) {
        Ok(object) => Ok(Change::Object(Box::new(object))),
        Err(error) => {
            let meta = serde_json::from_slice::<SlimObject>(json)?.metadata;
            if meta.name.is_empty() {
                return Err(serde::de::Error::custom("metadata.name is missing"));
            }
            Ok(Change::Unreadable(Unreadable {
                source,
                name: Name::new(&meta.namespace, &meta.name),
                uid: meta.uid.as_str().into(),
                owner: crate::facts::pod::owner(&meta),
                error: brief(&error),
            }))
        }
    }
}

/// Reads the name of an object that is gone.
pub fn read_gone(source: Source, json: &[u8]) -> Result<Change, serde_json::Error> {
    let meta = serde_json::from_slice::<SlimObject>(json)?.metadata;
    let name = Name::new(&meta.namespace, &meta.name);
    Ok(Change::Gone {
        source,
        name,
        uid: meta.uid.as_str().into(),
    })
}

/// The resourceVersion of an object, for restarting a watch after it.
pub fn version_of(json: &[u8]) -> Option<u64> {
    let meta = serde_json::from_slice::<SlimObject>(json).ok()?.metadata;
    Some(version_number(&meta.resource_version)).filter(|version| *version > 0)
}

/// An error without the object in it: the parser quotes what it found, and that may be megabytes
/// or move a terminal's cursor. What is expected stands at the end.
fn brief(error: &str) -> String {
    const HEAD: usize = 120;
    const TAIL: usize = 180;
    let shown: Vec<char> = error
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect();
    match shown.len().checked_sub(TAIL) {
        Some(tail) if tail > HEAD => {
            let ends = [&shown[..HEAD], &[' ', '…', ' '], &shown[tail..]];
            ends.concat().into_iter().collect()
        }
        _ => shown.into_iter().collect(),
    }
}

fn object(source: Source, json: &[u8]) -> Result<Object, String> {
    Ok(match source {
        Source::Pods => Object::Pod(PodFacts::read(&parse::<SlimPod>(json)?)),
        Source::Deployments => workload(WorkloadKind::Deployment, json)?,
        Source::StatefulSets => workload(WorkloadKind::StatefulSet, json)?,
        Source::DaemonSets => workload(WorkloadKind::DaemonSet, json)?,
        Source::ReplicaSets => {
            Object::Revision(RevisionFacts::of_replica_set(&parse::<SlimWorkload>(json)?))
        }
        Source::ControllerRevisions => Object::Revision(RevisionFacts::of_controller_revision(
            &parse::<SlimRevision>(json)?,
        )),
        Source::Namespaces => Object::Namespace(NamespaceFacts::read(&parse::<SlimObject>(json)?)),
        Source::DisruptionBudgets => {
            Object::DisruptionBudget(DisruptionBudgetFacts::read(&parse::<SlimBudget>(json)?))
        }
        Source::Autoscalers => {
            Object::Claim(ClaimFacts::autoscaler(&parse::<SlimAutoscaler>(json)?))
        }
        Source::VerticalAutoscalers => {
            let read = parse::<SlimVerticalAutoscaler>(json)?;
            Object::Claim(ClaimFacts::vertical_autoscaler(&read))
        }
        Source::Rollouts => Object::Claim(ClaimFacts::rollout(&parse::<SlimRollout>(json)?)),
        Source::Jobs => Object::Job(JobFacts::read(&parse::<SlimJob>(json)?)),
        Source::Nodes => Object::Node(NodeFacts::read(&parse::<SlimConditioned>(json)?)),
        Source::Policies => Object::Policy(parse(json)?),
        Source::ClusterPolicies => Object::ClusterPolicy(parse(json)?),
        Source::Strategies => Object::Strategy(parse(json)?),
        Source::ClusterStrategies => Object::ClusterStrategy(parse(json)?),
        Source::Config => Object::Config(parse(json)?),
        Source::Records => Object::Record(Box::new(record::decode(&parse::<HealingEvent>(json)?)?)),
        Source::Events => Object::Event(EventFacts::read(&parse::<SlimEvent>(json)?)),
    })
}

fn workload(kind: WorkloadKind, json: &[u8]) -> Result<Object, String> {
    Ok(Object::Workload(WorkloadFacts::read(
        kind,
        &parse::<SlimWorkload>(json)?,
    )))
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_without_repeating_the_object() {
        let long = "\u{1b}[2J".repeat(100_000);
        let json = serde_json::json!({"metadata": {"name": "p"}, "status": {"phase": [long.clone()],
            "containerStatuses": [{"restartCount": long}]}});
        let change = read(Source::Pods, json.to_string().as_bytes()).expect("a name");
        let Change::Unreadable(one) = change else {
            panic!("{change:?}")
        };
        assert!(one.error.chars().count() <= 303, "{}", one.error);
        assert!(
            !one.error.contains('\u{1b}') && one.error.contains("expected"),
            "{}",
            one.error
        );
    }
}
