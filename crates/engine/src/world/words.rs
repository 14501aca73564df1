//! One copy of every word and label set that many objects share.

use std::collections::BTreeSet;

use crate::facts::{Labels, Text};

/// Above this many words those that nobody holds any more are dropped.
const SWEEP_AT: usize = 16_384;

/// The interner; it owns no meaning and no order.
#[derive(Default)]
#[allow(clippy::struct_field_names)] // words are words
pub(super) struct Words {
    words: BTreeSet<Text>,
    labels: BTreeSet<Labels>,
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

    /// The shared copy of these labels.
    pub(super) fn share_labels(&mut self, labels: &mut Labels) {
        if let Some(shared) = self.labels.get(labels) {
            *labels = shared.clone();
        } else {
            self.labels.insert(labels.clone());
            self.sweep();
        }
    }

    /// Forgets what only the interner holds; the next sweep comes when twice as much is left, so
    /// that the cost per word stays constant.
    fn sweep(&mut self) {
        let len = self.words.len() + self.labels.len();
        if len < self.sweep_at.max(SWEEP_AT) {
            return;
        }
        self.labels.retain(|one| Labels::strong_count(one) > 1);
        self.words.retain(|one| Text::strong_count(one) > 1);
        self.sweep_at = (self.words.len() + self.labels.len()) * 2;
    }
}
