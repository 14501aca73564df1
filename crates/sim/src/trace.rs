//! What was asked, when, and how it was answered.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde_json::Value;

use crate::request::{Request, Verb};

/// One request and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Position in the trace, from 1.
    pub seq: u64,
    /// When it arrived, in virtual time since the server started.
    pub at: Duration,
    /// Who sent it.
    pub client: Arc<str>,
    /// What it does.
    pub verb: Verb,
    /// What it is about: the plural.
    pub resource: &'static str,
    /// `status`, `scale`, `eviction` or empty.
    pub subresource: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name, or empty.
    pub name: String,
    /// Is it a dry run?
    pub dry_run: bool,
    /// Its body, or null.
    pub body: Value,
    /// The code that the client saw; `None` if it saw none.
    pub code: Option<u16>,
    /// The code that the server came to, seen or not; `None` if the request was not processed.
    pub outcome: Option<u16>,
}

impl Entry {
    /// Did it change the cluster, whatever the client saw?
    pub fn applied(&self) -> bool {
        let done = self.outcome.is_some_and(|code| code < 300);
        self.verb.writes() && !self.dry_run && done
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seq,
            at,
            client,
            verb,
            resource,
            namespace,
            name,
            ..
        } = self;
        write!(
            f,
            "{seq:>4} {:>9.3}s {client} {verb} {resource}",
            at.as_secs_f64()
        )?;
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        write!(f, " {namespace}/{name}")?;
        match (self.code, self.outcome) {
            (Some(code), _) => write!(f, " {code}"),
            (None, Some(outcome)) => write!(f, " {outcome} unseen"),
            (None, None) => write!(f, " lost"),
        }
    }
}

#[derive(Default)]
pub(crate) struct Trace {
    entries: Vec<Entry>,
    counts: BTreeMap<(Verb, &'static str), u64>,
    seq: u64,
}

impl Trace {
    /// Note a request's arrival; returns its sequence number.
    pub(crate) fn arrived(&mut self, request: &Request, at: Duration) -> u64 {
        self.seq += 1;
        *self
            .counts
            .entry((request.verb, request.resource.plural))
            .or_default() += 1;
        self.entries.push(Entry {
            seq: self.seq,
            at,
            client: request.client.clone(),
            verb: request.verb,
            resource: request.resource.plural,
            subresource: request.subresource.clone(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            dry_run: request.dry_run(),
            body: request.body.clone(),
            code: None,
            outcome: None,
        });
        self.seq
    }

    fn entry(&mut self, seq: u64) -> Option<&mut Entry> {
        // Clearing the trace drops entries from its front.
        let first = self.entries.first()?.seq;
        let at = usize::try_from(seq.checked_sub(first)?).ok()?;
        self.entries.get_mut(at)
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&Entry> {
        let first = self.entries.first()?.seq;
        self.entries
            .get(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    pub(crate) fn processed(&mut self, seq: u64, code: u16) {
        if let Some(entry) = self.entry(seq) {
            entry.outcome = Some(code);
        }
    }

    pub(crate) fn answered(&mut self, seq: u64, code: u16) {
        if let Some(entry) = self.entry(seq) {
            entry.code = Some(code);
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn count(&self, verb: Verb, resource: &str) -> u64 {
        let same = |key: &(Verb, &str)| key.0 == verb && key.1 == resource;
        self.counts
            .iter()
            .filter(|(key, _)| same(key))
            .map(|(_, count)| count)
            .sum()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.counts.clear();
    }
}
