//! One copy of every word and label set that many objects share.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::facts::{Labels, Owner, PodFacts, RevisionFacts, Text, WorkloadFacts};

/// Above this many words those that nobody holds any more are dropped.
const SWEEP_AT: usize = 16_384;

/// The interner; it owns no meaning and no order.
#[derive(Default)]
#[allow(clippy::struct_field_names)] // words are words
pub(super) struct Words {
    words: BTreeSet<Text>,
    labels: BTreeSet<Labels>,
    owners: BTreeSet<Arc<Owner>>,
    sweep_at: usize,
}

impl Words {
    /// The shared copy of this word.
    pub(super) fn share(&mut self, word: &mut Text) {
        if let Some(shared) = self.words.get(word) {
            *word = shared.clone();
        } else {
            self.words.insert(word.clone());
            self.sweep();
        }
    }

    fn share_all<'w>(&mut self, words: impl IntoIterator<Item = &'w mut Text>) {
        for word in words {
            self.share(word);
        }
    }

    /// The shared copy of these labels; one that is new is made of shared words, since labels that
    /// only one pod has still say what others say.
    pub(super) fn share_labels(&mut self, labels: &mut Labels) {
        if let Some(shared) = self.labels.get(labels) {
            *labels = shared.clone();
        } else {
            *labels = labels.map(|word| self.share(word));
            self.labels.insert(labels.clone());
            self.sweep();
        }
    }

    /// The shared copy of this owner.
    pub(super) fn share_owner(&mut self, owner: &mut Arc<Owner>) {
        if let Some(shared) = self.owners.get(owner) {
            *owner = shared.clone();
        } else {
            let mut words = Owner::clone(owner);
            self.share_words_of(&mut words);
            *owner = Arc::new(words);
            self.owners.insert(owner.clone());
            self.sweep();
        }
    }

    /// Shares the words of a pod.
    pub(super) fn share_pod(&mut self, pod: &mut PodFacts) {
        self.share(&mut pod.name.namespace);
        self.share_labels(&mut pod.labels);
        if let Some(owner) = &mut pod.owner {
            self.share_owner(owner);
        }
        for container in &mut pod.containers {
            self.share(&mut container.name);
            if let Some(reason) = &mut container.waiting {
                self.share(reason);
            }
            if let Some(end) = &mut container.newest {
                self.share(&mut end.reason);
            }
        }
        let Some(rare) = &mut pod.rare else { return };
        let clue = &mut rare.clue;
        let clue = [&mut clue.node, &mut clue.image, &mut clue.object];
        for word in clue.into_iter().flatten() {
            self.share(word);
        }
        for one in &mut rare.starved {
            self.share(&mut one.container);
        }
        for condition in &mut rare.conditions {
            self.share(&mut condition.kind);
            self.share(&mut condition.reason);
        }
    }

    /// Shares the words of a workload: its revisions and its pods have most of them too.
    pub(super) fn share_workload(&mut self, workload: &mut WorkloadFacts) {
        let key = &mut workload.key;
        self.share_all([&mut key.namespace, &mut key.name]);
        self.share_all([&mut workload.uid, &mut workload.hash]);
        self.share_labels(&mut workload.labels);
        let limits = workload.memory.iter_mut().map(|(container, _)| container);
        self.share_all(limits.chain(&mut workload.configs));
    }

    /// Shares the words of a revision.
    pub(super) fn share_revision(&mut self, revision: &mut RevisionFacts) {
        let name = &mut revision.name;
        self.share_all([&mut name.namespace, &mut name.name]);
        self.share_all([&mut revision.uid, &mut revision.hash]);
        if let Some(owner) = &mut revision.owner {
            self.share_words_of(owner);
        }
    }

    fn share_words_of(&mut self, owner: &mut Owner) {
        self.share_all([&mut owner.kind, &mut owner.name, &mut owner.uid]);
    }

    /// Forgets what only the interner holds; the next sweep comes when twice as much is left, so
    /// that the cost per word stays constant.
    fn sweep(&mut self) {
        let len = self.len();
        if len < self.sweep_at.max(SWEEP_AT) {
            return;
        }
        self.labels.retain(Labels::is_shared);
        self.owners.retain(|one| Arc::strong_count(one) > 1);
        self.words.retain(|one| Text::strong_count(one) > 1);
        self.sweep_at = self.len() * 2;
    }

    fn len(&self) -> usize {
        self.words.len() + self.labels.len() + self.owners.len()
    }
}
