//! One copy of every word and label set that many objects share.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::facts::{Labels, Owner, Text};

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
            self.share(&mut words.kind);
            self.share(&mut words.name);
            self.share(&mut words.uid);
            *owner = Arc::new(words);
            self.owners.insert(owner.clone());
            self.sweep();
        }
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
