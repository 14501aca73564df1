//! The records: every write of a HealingEvent, fenced by the permit and its resourceVersion.
//!
//! One rule settles conflicts and lost replies alike: read the record. If it says what we wrote,
//! the write stands, whoever saw its reply. If it says what we started from, somebody only
//! annotated it or nothing arrived, and the write is sent again under the version just read.
//! Anything else is another state, which the engine has to judge.

use std::time::Duration;

use kube::Client;
use kubemend_engine::change::{self, Change, Object};
use kubemend_engine::episode::{Episode, State};
use kubemend_engine::{Source, record};
use serde_json::{Value, json};

use crate::call::{self, Request};
use crate::{Failure, Permit};

/// One record is a single small write; ten seconds is far beyond a healthy API server's answer
/// and far below an intent's thirty.
const WITHIN: Duration = Duration::from_secs(10);

/// How often one write is sent: the first time and twice more after reading.
const TRIES: u32 = 3;

/// What a record's writing came to.
#[derive(Debug)]
#[must_use]
pub enum Kept {
    /// The record says what was to be written; the episode carries its new version.
    Written(Box<Episode>),
    /// The record says something else: this.
    Other(Box<Episode>),
    /// There is no such record, or one that cannot be read; the watch tells.
    Missing,
    /// Nobody knows.
    Failed(Failure),
}

/// An episode whose intent stands in its record. Only [`Ledger::intend`] makes one, and only one
/// can be executed: an unrecorded act does not compile.
#[derive(Debug)]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    /// What was recorded.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The act is over: on to its result.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// The writer of records.
#[derive(Clone)]
pub struct Ledger {
    client: Client,
}

impl Ledger {
    /// A ledger that writes through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates the record of an episode. Its status stays empty: the API server drops it.
    pub async fn create(&self, permit: &Permit, episode: &Episode) -> Kept {
        if let Err(fenced) = permit.check() {
            return Kept::Failed(fenced);
        }
        let path = call::path(Source::Records, &episode.id);
        let collection = path.rsplit_once('/').map_or(path.as_str(), |(all, _)| all);
        let body = match body(episode) {
            Ok(mut body) => {
                without_status(&mut body);
                body
            }
            Err(failure) => return Kept::Failed(failure),
        };
        let sent = call::send(&self.client, Request::create(collection, &body), WITHIN).await;
        let sent = sent.and_then(|bytes| read(&bytes).ok_or_else(unreadable));
        match sent {
            Ok(stored) => Kept::Written(stored.into()),
            // Another actor opened it, or our own create whose reply was lost: read and judge.
            Err(failure)
                if failure == Failure::AlreadyExists || !failure.certainly_not_applied() =>
            {
                match self.get(episode).await {
                    Ok(Some(stored)) if stored.spec == episode.spec => Kept::Written(stored.into()),
                    Ok(Some(stored)) => Kept::Other(stored.into()),
                    Ok(None) => Kept::Failed(failure),
                    Err(failure) => Kept::Failed(failure),
                }
            }
            Err(failure) => Kept::Failed(failure),
        }
    }

    /// Records an intent. Only what this returns may be executed.
    pub async fn intend(
        &self,
        permit: &Permit,
        before: &State,
        episode: Episode,
    ) -> Result<Recorded<Episode>, Kept> {
        match self.write(permit, before, episode).await {
            Kept::Written(episode) => Ok(Recorded(*episode)),
            other => Err(other),
        }
    }

    /// Writes an episode's state into its record; `before` is the state it was made from.
    pub async fn write(&self, permit: &Permit, before: &State, mut episode: Episode) -> Kept {
        let path = format!("{}/status", call::path(Source::Records, &episode.id));
        let mut failure = Failure::Fenced;
        for _ in 0..TRIES {
            if let Err(fenced) = permit.check() {
                return Kept::Failed(fenced);
            }
            let body = match body(&episode) {
                Ok(body) => body,
                Err(failure) => return Kept::Failed(failure),
            };
            failure = match call::send(&self.client, Request::replace(&path, &body), WITHIN).await {
                Ok(bytes) => match read(&bytes) {
                    Some(stored) => return Kept::Written(stored.into()),
                    None => unreadable(),
                },
                Err(failure) => failure,
            };
            if failure.certainly_not_applied() && !matches!(failure, Failure::Conflict(_)) {
                return refused(failure);
            }
            match self.get(&episode).await {
                Ok(None) => return Kept::Missing,
                Ok(Some(stored)) if stored.uid != episode.uid => return Kept::Other(stored.into()),
                Ok(Some(stored)) if stored.state == episode.state => {
                    return Kept::Written(stored.into());
                }
                Ok(Some(stored)) if stored.state == *before => {
                    episode.version = stored.version;
                    episode.retry = stored.retry;
                }
                Ok(Some(stored)) => return Kept::Other(stored.into()),
                Err(failure) => return Kept::Failed(failure),
            }
        }
        Kept::Failed(failure)
    }

    /// Deletes a record, unless it has changed since it was judged.
    pub async fn prune(&self, permit: &Permit, episode: &Episode) -> Kept {
        if let Err(fenced) = permit.check() {
            return Kept::Failed(fenced);
        }
        let preconditions = json!({"uid": &*episode.uid, "resourceVersion": &*episode.version});
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions,
        });
        let path = call::path(Source::Records, &episode.id);
        let sent = call::send(&self.client, Request::delete(&path, &options), WITHIN).await;
        match sent {
            Ok(_) => Kept::Missing,
            Err(
                failure @ (Failure::NotSent(_) | Failure::Forbidden(_) | Failure::Throttled { .. }),
            ) => Kept::Failed(failure),
            // Gone already, changed meanwhile, or nobody knows: what is there now decides.
            Err(_) => match self.get(episode).await {
                Ok(None) => Kept::Missing,
                Ok(Some(stored)) => Kept::Other(stored.into()),
                Err(failure) => Kept::Failed(failure),
            },
        }
    }

    /// The record as it is now; `None` where there is none that can be read.
    async fn get(&self, episode: &Episode) -> Result<Option<Episode>, Failure> {
        let path = call::path(Source::Records, &episode.id);
        match call::send(&self.client, Request::get(path), WITHIN).await {
            Ok(bytes) => Ok(read(&bytes)),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

fn unreadable() -> Failure {
    Failure::Garbage("the record as stored cannot be read".to_owned())
}

fn refused(failure: Failure) -> Kept {
    match failure {
        Failure::NotFound(_) => Kept::Missing,
        failure => Kept::Failed(failure),
    }
}

fn body(episode: &Episode) -> Result<Value, Failure> {
    serde_json::to_value(record::encode(episode))
        .map_err(|error| Failure::NotSent(error.to_string()))
}

fn without_status(body: &mut Value) {
    if let Some(members) = body.as_object_mut() {
        members.remove("status");
    }
}

fn read(bytes: &[u8]) -> Option<Episode> {
    match change::read(Source::Records, bytes) {
        Ok(Change::Object(object)) => match *object {
            Object::Record(episode) => Some(*episode),
            _ => None,
        },
        Ok(_) | Err(_) => None,
    }
}
