//! What one round decided.

use kubemend_api::actions::Job;
use kubemend_api::{Action, annotations};

use crate::episode::Episode;
use crate::facts::{Name, Proof, TargetKey, Text};
use crate::hold::Hold;
use crate::moment::Moment;
use crate::policy::Step;

/// What one round decided: effects to start, holds to show, and when to look again. Sorted by
/// namespace, kind and name, so that equal worlds give equal bytes.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Plan {
    /// What to do, at most one effect per target.
    pub effects: Vec<Effect>,
    /// Every symptom that no effect answers, with the typed reason.
    pub holds: Vec<Held>,
    /// What revisions have proven under DryRun, by UID: kept in memory, written by nobody.
    pub proofs: Vec<(TargetKey, Text, Proof)>,
    /// When to decide again even if nothing changes.
    pub wake_at: Option<Moment>,
}

/// A symptom that is not acted on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The target.
    pub target: TargetKey,
    /// The policy that would answer.
    pub policy: Option<Text>,
    /// The typed reason.
    pub hold: Hold,
}

/// Names and UIDs of pods.
pub type Pods = Vec<(Text, Text)>;

/// What an act needs beside its record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aside {
    /// The pods that fail now: their evidence is read, and a Job is told their names.
    pub failing: Pods,
    /// The template of the Job, where the act runs one.
    pub job: Option<Box<Job>>,
}

impl Aside {
    /// What this step needs.
    pub fn of(step: &Step, failing: Pods) -> Self {
        let job = match &step.action {
            Action::Job(job) => Some(Box::new(job.clone())),
            _ => None,
        };
        Self { failing, job }
    }
}

/// One thing to do; what it writes is decided here, completely.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create this record (its status stays empty); these pods, by name and UID, fail now.
    Open(Box<Episode>, Pods),
    /// Write this state into its record, under its resourceVersion.
    Write(Box<Episode>),
    /// Write the intent, read evidence of the failing pods, execute the newest attempt's requests, write the results.
    Act(Box<Episode>, Aside),
    /// Write the intent to undo, put the replicas back, write the result.
    Undo(Box<Episode>),
    /// Let the API server rehearse the newest attempt's requests, then write the record.
    Rehearse(Box<Episode>, Aside),
    /// Mark a revision as proven.
    Prove {
        /// The workload.
        target: TargetKey,
        /// The revision.
        revision: Name,
        /// Its UID and resourceVersion: preconditions.
        uid: Text,
        /// See `uid`.
        version: Text,
        /// Its template hash.
        hash: Text,
        /// What is proven.
        proof: Proof,
    },
    /// Delete this record, under its UID and resourceVersion.
    Prune(Box<Episode>),
}

impl Effect {
    /// The target that is in flight until the effect's reply is seen.
    pub fn target(&self) -> TargetKey {
        match self {
            Self::Open(episode, _)
            | Self::Write(episode)
            | Self::Act(episode, _)
            | Self::Undo(episode)
            | Self::Rehearse(episode, _)
            | Self::Prune(episode) => episode.target(),
            Self::Prove { target, .. } => target.clone(),
        }
    }

    /// A word for logs and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open(..) => "open",
            Self::Write(_) => "write",
            Self::Act(..) => "act",
            Self::Undo(_) => "undo",
            Self::Rehearse(..) => "rehearse",
            Self::Prove { .. } => "prove",
            Self::Prune(_) => "prune",
        }
    }

    /// The annotation of a [`Effect::Prove`].
    pub fn proof_annotation(hash: &str, proof: Proof) -> (&'static str, String) {
        (annotations::HEALTHY, proof.render(hash))
    }
}
