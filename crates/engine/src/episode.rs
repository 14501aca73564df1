//! One failure of one target from detection to its end, as the engine holds it.

mod resize;
mod settle;

use kubemend_api::actions::ActionName;
use kubemend_api::event::{EventEvidence, HealingEventSpec};

use crate::cause::Cause;
use crate::facts::{Name, TargetKey, Text};
use crate::moment::{Millis, Moment};
use crate::proposal::Proposal;

pub use resize::Resize;

/// An episode: the immutable spec of its record, and the state that moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// The record's namespace and name.
    pub id: Name,
    /// The record's UID; empty before it is created.
    pub uid: Text,
    /// The record's resourceVersion; empty before it is created. Every write is fenced by it.
    pub version: Text,
    /// What never changes.
    pub spec: HealingEventSpec,
    /// Annotation kubemend.io/retry as it stands now.
    pub retry: Option<Text>,
    /// Annotation kubemend.io/approval as it stands now.
    pub approval: Option<Text>,
    /// What moves.
    pub state: State,
}

/// What moves in an episode; absent members have not happened yet.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct State {
    pub phase: Phase,
    pub reason: Option<Text>,
    pub message: Option<String>,
    pub step: Option<Text>,
    /// The template that the episode judges now; it follows our own rollback.
    pub template_hash: Option<Text>,
    /// Symptom and rule, where they changed since detection.
    pub symptom: Option<Text>,
    pub rule: Option<Text>,
    pub healthy_at: Option<Moment>,
    pub relapse_until: Option<Moment>,
    pub ended_at: Option<Moment>,
    pub relapses: u32,
    pub relapsed_at: Option<Moment>,
    pub longest_run: Option<Millis>,
    pub retried: Option<Text>,
    pub approval: Option<Awaited>,
    pub attempts: Vec<Attempt>,
    pub skips: Vec<Skipped>,
    pub later_steps: Vec<Text>,
    pub spent: Vec<Spent>,
    pub baseline: Vec<Baseline>,
    pub undo: Option<UndoState>,
    /// What other targets that fail share with this one.
    pub cause: Option<Cause>,
    pub proposal: Option<Proposal>,
    pub evidence: Vec<EventEvidence>,
}

/// How an episode stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Phase {
    #[default]
    Pending,
    Held,
    AwaitingApproval,
    Acting,
    Verifying,
    Recovered,
    SelfRecovered,
    Exhausted,
    Superseded,
    Aborted,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Held,
        Self::AwaitingApproval,
        Self::Acting,
        Self::Verifying,
        Self::Recovered,
        Self::SelfRecovered,
        Self::Exhausted,
        Self::Superseded,
        Self::Aborted,
    ];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Held => "Held",
            Self::AwaitingApproval => "AwaitingApproval",
            Self::Acting => "Acting",
            Self::Verifying => "Verifying",
            Self::Recovered => "Recovered",
            Self::SelfRecovered => "SelfRecovered",
            Self::Exhausted => "Exhausted",
            Self::Superseded => "Superseded",
            Self::Aborted => "Aborted",
        }
    }
}

/// One execution of a step's action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Attempt {
    pub step: Text,
    pub action: ActionName,
    pub intent_at: Moment,
    /// After this the intent is never executed without being recorded again.
    pub not_after: Moment,
    pub rearmed: u32,
    pub requests: Vec<Request>,
    /// When the results were known.
    pub acted_at: Option<Moment>,
    pub outcome: Option<Outcome>,
    pub message: Option<String>,
    pub judged_at: Option<Moment>,
    /// By whom, where a person had to approve it.
    pub approved: Option<Approved>,
}

/// An attempt that waits for a person: the question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Awaited {
    pub step: Text,
    /// Its number in the episode, from 1.
    pub attempt: u32,
    pub since: Moment,
    pub until: Moment,
}

/// Who approved an attempt, and when that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Approved {
    pub by: Text,
    pub at: Moment,
}

/// One conditional request with at most one effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked of the API server.
    pub verb: Verb,
    /// The pod, the workload, or the revision to return to.
    pub name: Text,
    /// Its UID, a precondition.
    pub uid: Text,
    /// Replicas, template hash or memory limit before.
    pub from: Option<Text>,
    /// Replicas, template hash or memory limit after.
    pub to: Option<Text>,
    /// What became of it; `None` while it is awaited.
    pub result: Option<Done>,
    /// Why it was not applied, for example `PDBBlocked`.
    pub detail: Option<Text>,
}

/// What is asked of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A pod under a PodDisruptionBudget: `pods/eviction` with a UID precondition.
    Evict,
    /// A pod under none: DELETE with a UID precondition.
    Delete,
    /// The workload's scale subresource, `from` → `to`.
    Scale,
    /// A rolling restart of the workload, restart mark `from` → `to`.
    Restart,
    /// The workload's template back to that of the named revision, hash `from` → hash `to`.
    Rollback,
    /// The memory limit of one container of a pod, `pods/resize`, [`Resize`] `from` → `to`.
    Resize,
    /// A new Job of that name for the target, from the template of hash `to`.
    Run,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It took effect.
    Applied,
    /// It certainly had no effect.
    NotApplied,
    /// It cannot be told; spent, never repeated.
    Unknown,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// DryRun: what Enforce would have done.
    WouldAct,
    /// Refused before it had an effect: costs a backoff, no attempt.
    NotApplied,
    /// The symptom is gone for the whole stable stretch.
    Recovered,
    /// The symptom came back, or did not go in time.
    NotRecovered,
    /// It cannot be told; never success, consumes backoff and budget.
    Inconclusive,
    /// The successors are well and others still fail: the next intent follows, no attempt spent.
    Partial,
    /// Somebody else changed the target, or the policy ended, before it could be judged.
    Superseded,
}

/// A step that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Skipped {
    pub step: Text,
    pub reason: Text,
    pub message: Option<String>,
}

/// Attempts spent on a step, inherited ones included: the chain's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Spent {
    pub step: Text,
    pub attempts: u32,
}

/// A container's restart count at the recovery, from which a relapse is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Baseline {
    pub pod: Text,
    pub container: Text,
    pub restarts: u32,
}

/// A scale that is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct UndoState {
    pub due_at: Moment,
    pub from: u32,
    pub to: u32,
    pub intent_at: Option<Moment>,
    pub not_after: Option<Moment>,
    pub rearmed: u32,
    pub done_at: Option<Moment>,
    pub result: Option<Text>,
}

impl Attempt {
    /// Its intent is recorded and its results are not.
    pub fn is_open(&self) -> bool {
        self.acted_at.is_none() && self.outcome.is_none()
    }

    /// It acted and its outcome is awaited.
    pub fn is_verifying(&self) -> bool {
        self.acted_at.is_some() && self.judged_at.is_none()
    }

    /// Units of budget: destroyed pods or patches, those without certain effect included.
    pub fn units(&self) -> u32 {
        let counted = |one: &&Request| one.result != Some(Done::NotApplied);
        u32::try_from(self.requests.iter().filter(counted).count()).unwrap_or(u32::MAX)
    }

    /// It takes a slot of every `concurrent` budget until its outcome is written; a wait, which asks for
    /// nothing, takes none.
    pub fn takes_slot(&self) -> bool {
        !self.requests.is_empty()
            && self.judged_at.is_none()
            && self.outcome != Some(Outcome::WouldAct)
    }

    /// It counts against the step's attempts.
    pub fn is_spent(&self) -> bool {
        !matches!(
            self.outcome,
            Some(Outcome::NotApplied | Outcome::Partial | Outcome::WouldAct)
        )
    }
}

impl UndoState {
    /// Neither done nor void yet.
    pub fn is_due_sometime(&self) -> bool {
        self.done_at.is_none()
    }

    /// Its intent is recorded and its result is not.
    pub fn is_open(&self) -> bool {
        self.intent_at.is_some() && self.done_at.is_none()
    }
}

impl Episode {
    /// What failed, by name.
    pub fn target(&self) -> TargetKey {
        let target = &self.spec.target;
        TargetKey::spelled(&target.kind, &self.id.namespace, &target.name)
    }

    /// It records what Enforce would do, and never acts.
    pub fn is_dry(&self) -> bool {
        self.id.name.ends_with("-dry")
    }

    /// It is under way until its end is recorded.
    pub fn is_open(&self) -> bool {
        self.state.ended_at.is_none()
    }

    /// The template that it judges now.
    pub fn hash(&self) -> &str {
        self.state
            .template_hash
            .as_deref()
            .unwrap_or(&self.spec.target.template_hash)
    }

    /// The rule that answers now.
    pub fn rule(&self) -> &str {
        self.state.rule.as_deref().unwrap_or(&self.spec.rule)
    }

    /// What is seen now.
    pub fn symptom(&self) -> &str {
        self.state.symptom.as_deref().unwrap_or(&self.spec.symptom)
    }

    /// When the failure began.
    pub fn failed_at(&self) -> Moment {
        (&self.spec.failed_at).into()
    }

    /// When the threshold was met.
    pub fn detected_at(&self) -> Moment {
        (&self.spec.detected_at).into()
    }

    /// The ordinal at the end of its name; 0 where there is none.
    pub fn ordinal(&self) -> u64 {
        let name = self.id.name.strip_suffix("-dry").unwrap_or(&self.id.name);
        name.rsplit_once('-')
            .and_then(|(_, ordinal)| ordinal.parse().ok())
            .unwrap_or(0)
    }

    /// The newest attempt.
    pub fn last_attempt(&self) -> Option<&Attempt> {
        self.state.attempts.last()
    }

    /// Attempts spent on that step, in this episode and in those whose memory it inherited.
    pub fn spent_on(&self, step: &str) -> u32 {
        self.state
            .spent
            .iter()
            .find(|one| &*one.step == step)
            .map_or(0, |one| one.attempts)
    }
}
