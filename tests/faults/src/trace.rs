//! What went through the gateway, one line per write and list.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::asked::Asked;

/// One request and how it was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counted from 1.
    pub seq: usize,
    /// Milliseconds since the gateway was opened.
    pub at: u128,
    /// Verb and resource.
    pub what: String,
    /// Namespace and name.
    pub object: String,
    /// The UID in the API server's answer.
    pub uid: String,
    /// The resourceVersion in the API server's answer.
    pub rv: String,
    /// A hash of the request's body.
    pub body: String,
    /// What the API server answered; 0 where it was not asked.
    pub status: u16,
    /// What the gateway did about it; empty where it only forwarded.
    pub fault: String,
}

impl Entry {
    /// Did the API server do it?
    pub fn applied(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// All entries of one run, in memory and in a file.
pub struct Trace {
    inner: Mutex<Inner>,
}

struct Inner {
    began: Instant,
    file: File,
    entries: Vec<Entry>,
    writes: BTreeMap<String, usize>,
    last_write: Instant,
}

impl Trace {
    /// An empty one that is kept in that file.
    pub fn create(path: &Path) -> Result<Self> {
        let now = Instant::now();
        let inner = Inner {
            began: now,
            file: File::create(path)?,
            entries: Vec::new(),
            writes: BTreeMap::new(),
            last_write: now,
        };
        Ok(Self {
            inner: Mutex::new(inner),
        })
    }

    /// Counts a write; which one of its kind is it?
    pub fn count(&self, what: &str) -> usize {
        let mut inner = self.lock();
        inner.last_write = Instant::now();
        let count = inner.writes.entry(what.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Writes down one request.
    pub fn add(&self, asked: &Asked, request: &[u8], status: u16, answer: &[u8], fault: &str) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let meta = |name: &str| {
            answer["metadata"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let mut inner = self.lock();
        let entry = Entry {
            seq: inner.entries.len() + 1,
            at: inner.began.elapsed().as_millis(),
            what: asked.what(),
            object: format!("{}/{}", asked.namespace, asked.name),
            uid: meta("uid"),
            rv: meta("resourceVersion"),
            body: format!("{:x}", Sha256::digest(request))
                .chars()
                .take(12)
                .collect(),
            status,
            fault: fault.to_owned(),
        };
        // A trace that cannot be written is missing, not wrong: the verdict rests on memory.
        let _ = serde_json::to_string(&entry).map(|line| writeln!(inner.file, "{line}"));
        inner.entries.push(entry);
    }

    /// All writes except those of the election.
    pub fn writes(&self) -> Vec<Entry> {
        let inner = self.lock();
        let all = inner.entries.iter();
        let reads = ["list ", "watch ", "get "];
        all.filter(|one| !reads.iter().any(|read| one.what.starts_with(read)))
            .filter(|one| one.what != "update leases" && one.what != "create leases")
            .cloned()
            .collect()
    }

    /// How long nothing was written.
    pub fn silence(&self) -> Duration {
        self.lock().last_write.elapsed()
    }

    /// The present moment, as entries give it.
    pub fn now(&self) -> u128 {
        self.lock().began.elapsed().as_millis()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
