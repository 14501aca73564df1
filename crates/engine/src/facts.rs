//! What the objects say, reduced to what decisions need. Reading a fact off an object is pure and
//! lives here, with the pitfalls of each field.

pub mod uid;
pub mod slim;
pub mod template;
pub mod condition;
pub mod config;
pub mod container;
pub mod clue;
pub mod pod;
pub mod workload;
pub mod guardrails;
pub mod event;
pub mod job;
pub mod node;

use std::collections::BTreeMap;
use std::sync::Arc;

use kubemend_api::targets::WorkloadKind;

pub use clue::Clue;
pub use condition::Condition;
pub use container::{Blocked, Checks, Container, Role, Starved, Termination};
pub use event::EventFacts;
pub use guardrails::{ClaimFacts, DisruptionBudgetFacts, NamespaceFacts};
pub use job::{JobEnd, JobFacts};
pub use node::NodeFacts;
pub use pod::{Phase, PodFacts, Rare, Trouble};
pub use uid::Uid;
pub use workload::{GitOps, Proof, RevisionFacts, Updates, WorkloadFacts};

/// A word that many objects share; the World keeps one copy of each.
pub type Text = Arc<str>;

/// Labels, sorted by key; pods of one revision mostly share one copy, and a single pod's own cost
/// no more than their words: a map would take room for eleven. The inner box keeps a holder at one word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(Arc<Box<[(Text, Text)]>>);

impl Labels {
    /// These labels.
    pub fn new(labels: BTreeMap<Text, Text>) -> Self {
        Self(Arc::new(labels.into_iter().collect()))
    }

    /// Those that the other has too.
    pub(crate) fn common(&self, other: &Self) -> Self {
        let mut labels = self.0.to_vec();
        labels.retain(|(key, value)| other.get(key) == Some(value));
        Self(Arc::new(labels.into()))
    }

    /// The other has all of these.
    pub(crate) fn are_among(&self, other: &Self) -> bool {
        let there = |(key, value): &(Text, Text)| other.get(key) == Some(value);
        Arc::ptr_eq(&self.0, &other.0) || self.0.iter().all(there)
    }

    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&Text> {
        let found = self.0.binary_search_by(|(one, _)| (**one).cmp(key));
        found.ok().map(|index| &self.0[index].1)
    }

    /// Whether somebody else holds this copy too.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The same labels, made of other copies of their words.
    pub(crate) fn map(&self, mut word: impl FnMut(&mut Text)) -> Self {
        let mut labels = self.0.to_vec();
        for (key, value) in &mut labels {
            word(key);
            word(value);
        }
        Self(Arc::new(labels.into()))
    }
}

/// Namespace and name; the namespace is empty for kinds without one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct Name {
    pub namespace: Text,
    pub name: Text,
}

impl Name {
    /// The object of that name in that namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// What is healed, by name: budgets, latches and chain memory are keyed by it, so that a
/// recreated target refills nothing. Ordered by namespace, kind and name, as plans are.
///
/// Of kind Pod are a bare pod, named as it is, and the pods of an owner of a kind that is not watched, named
/// `CloneSet.apps.kruise.io/web`: no pod's name has a slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct TargetKey {
    pub namespace: Text,
    pub kind: WorkloadKind,
    pub name: Text,
}

impl TargetKey {
    /// The workload of that kind, namespace and name.
    pub fn new(kind: WorkloadKind, namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            kind,
            name: name.into(),
        }
    }

    /// The target that a record calls by these words.
    pub fn spelled(kind: &str, namespace: &str, name: &str) -> Self {
        match WorkloadKind::named(kind) {
            Some(kind) => Self::new(kind, namespace, name),
            None => Self::new(WorkloadKind::Pod, namespace, &format!("{kind}/{name}")),
        }
    }

    /// Kind and name as a record calls them.
    pub fn words(&self) -> (&str, &str) {
        let own = (self.kind.as_str(), &*self.name);
        self.name.split_once('/').unwrap_or(own)
    }

    /// A pod that nobody would make anew.
    pub fn is_bare(&self) -> bool {
        self.kind == WorkloadKind::Pod && !self.name.contains('/')
    }

    /// Namespace and name alone.
    pub fn as_name(&self) -> Name {
        Name {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// `Deployment/checkout`
    pub fn reference(&self) -> String {
        let (kind, name) = self.words();
        format!("{kind}/{name}")
    }
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.reference())
    }
}

/// The controller that owns an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct Owner {
    pub kind: Text,
    pub name: Text,
    pub uid: Text,
}

/// A resourceVersion as a number. Kubernetes declares them comparable since 1.35; one that is no
/// number counts as 0, older than everything, so that it never hides a later state.
pub fn version_number(version: &str) -> u64 {
    version.parse().unwrap_or(0)
}
