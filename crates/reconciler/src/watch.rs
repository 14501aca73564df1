//! The view of one collection: list it, then watch it, for ever. A watch that fails harms no
//! other one, and what it says about freshness is never more than what it knows.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use kube::Client;
use kube::core::Status;
use kubemend_engine::change::{self, Change};
use kubemend_engine::facts::{Name, version_number};
use kubemend_engine::{Moment, Source};
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::frames::Frames;
use crate::health::Health;
use crate::list::List;
use crate::metrics::Metrics;
use crate::ration::Ration;

/// The server ends a watch after this; its restart is what proves a quiet view fresh.
const WATCH_SECONDS: u32 = 15;

/// A watch that shows nothing for ten seconds beyond its own end is dead, whatever its socket says.
const IDLE: Duration = Duration::from_secs(25);

/// A watch that the server would answer is answered at once.
const OPEN: Duration = Duration::from_secs(10);

/// At most one report of freshness per source and second. It is also how long a restarted watch
/// must stay without an `ERROR` frame: a version that is too old is refused in the stream, after
/// a head that looks well.
const FRESH_EVERY: Duration = Duration::from_secs(1);

/// A server that closes every watch at once is asked once a second.
const PACE: Duration = Duration::from_secs(1);

/// A kind that the cluster does not know is looked for again after this, and its absence is believed as long: what
/// is installed meanwhile is respected five minutes later at the latest. Asked as often as a watch restarts, two such
/// kinds would be an eighth of all requests.
const ABSENT: Duration = Duration::from_mins(5);

/// Names of unreadable objects that are kept so that each is logged once; more are only counted.
const REPORTED_MAX: usize = 1_000;

/// Hints that are passed on in one second: a quarter of what the channel to the round holds, so that a flood of
/// events never fills it. What is beyond is counted and lost, as hints may be: what goes on makes more of them.
pub(crate) const HINTS_MAX: u32 = 1_000;

/// Asks a watch to list anew; the sender is told when the list is on its way to the World.
pub(crate) type Relist = mpsc::Sender<oneshot::Sender<()>>;

/// The watch of one collection.
pub(crate) struct Watch {
    pub(crate) source: Source,
    pub(crate) client: Client,
    pub(crate) changes: mpsc::Sender<Change>,
    pub(crate) clock: Clock,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    pub(crate) relist: mpsc::Receiver<oneshot::Sender<()>>,
    /// Objects that cannot be read now.
    pub(crate) unreadable: BTreeSet<Name>,
    pub(crate) ration: Ration,
}

/// How a list or a watch ended.
enum End {
    /// The server closed the watch: go on from the last version.
    Closed,
    /// The cluster does not know the kind: list anew, later.
    Absent,
    /// The view has a hole: list anew.
    Relist(Failure),
    /// Somebody wants a list.
    Asked(oneshot::Sender<()>),
    /// Go on from the last version, later.
    Failed(Failure),
    /// Nobody listens any more.
    Over,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Watch {
    /// Lists and watches until nobody listens any more.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut version: Option<String> = None;
        let mut waiting = None;
        loop {
            let started = Instant::now();
            let end = match &mut version {
                None => match self.list().await {
                    Ok(listed) => {
                        version = Some(listed);
                        // Whoever asked may have gone meanwhile.
                        waiting
                            .take()
                            .map(|asked: oneshot::Sender<()>| asked.send(()));
                        continue;
                    }
                    Err(end) => end,
                },
                Some(version) if version.is_empty() => End::Absent,
                Some(version) => self.follow(version).await,
            };
            let wait = match end {
                End::Over => return,
                End::Closed => PACE.saturating_sub(started.elapsed()),
                End::Absent => {
                    version = None;
                    ABSENT
                }
                End::Asked(asked) => {
                    (version, waiting) = (None, Some(asked));
                    Duration::ZERO
                }
                // Events have no bookmarks, so that the version of a quiet watch grows too old every few minutes.
                End::Relist(Failure::Expired) if self.source.is_hint() => {
                    version = None;
                    PACE.saturating_sub(started.elapsed())
                }
                End::Relist(failure) => {
                    version = None;
                    self.trouble(&failure);
                    backoff.wait()
                }
                End::Failed(failure) => {
                    self.trouble(&failure);
                    backoff.wait()
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads the whole collection; returns the version from which to watch. Of hints only that version is read: a
    /// hundred thousand old ones would cost more than they tell.
    async fn list(&mut self) -> Result<String, End> {
        let mut list = List::begin(self.source, &self.clock);
        let before = std::mem::take(&mut self.unreadable);
        self.send(Change::ListBegins(self.source)).await?;
        loop {
            let page = match list.page(&self.client).await {
                Err(Failure::NotFound(_)) if self.source.is_optional() => {
                    return self.absent(list).await;
                }
                page => page.map_err(End::Relist)?,
            };
            if self.source.is_hint() {
                break;
            }
            if page.nameless > 0 {
                tracing::warn!(
                    kind = self.source.kind(),
                    count = page.nameless,
                    "objects without a name"
                );
            }
            for change in page.changes {
                self.note(&change, &before);
                self.send(change).await?;
            }
            if page.last {
                break;
            }
        }
        self.send(list.ends()).await?;
        self.health.synced(self.source);
        self.metrics.unreadable(self.source, self.unreadable.len());
        tracing::debug!(kind = self.source.kind(), version = list.version, "listed");
        Ok(list.version)
    }

    /// There are no objects of a kind that the cluster does not know.
    async fn absent(&self, list: List) -> Result<String, End> {
        self.send(list.is_of_nothing(ABSENT)).await?;
        self.health.absent(self.source, ABSENT);
        tracing::debug!(kind = self.source.kind(), "the cluster does not know it");
        Ok(String::new())
    }

    /// Watches from a version on, and keeps it at what was seen last.
    async fn follow(&mut self, version: &mut String) -> End {
        let uri = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}",
            self.source.path()
        );
        let uri = match self.source.selector() {
            Some(selector) => format!("{uri}&{selector}"),
            None => uri,
        };
        let answer = match timeout(OPEN, call::open(&self.client, Request::get(uri))).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure @ Failure::Expired)) => return End::Relist(failure),
            Ok(Err(failure @ Failure::NotFound(_))) if self.source.is_optional() => {
                return End::Relist(failure);
            }
            Ok(Err(failure)) => return End::Failed(failure),
            Err(_) => return End::Failed(Failure::Timeout),
        };
        let date = answer.headers().get(header::DATE).cloned();
        if let Err(end) = self.skew(date).await {
            return end;
        }
        let mut frames = Frames::new(answer.into_body());
        let mut unsaid = Some(self.clock.now());
        let mut say_at = Instant::now() + FRESH_EVERY;
        let mut dead_at = Instant::now() + IDLE;
        loop {
            let wake = unsaid.map_or(dead_at, |_| say_at.min(dead_at));
            tokio::select! {
                biased;
                Some(asked) = self.relist.recv() => return End::Asked(asked),
                frame = frames.next() => {
                    let applied = match frame {
                        Ok(Some(frame)) => self.frame(&frame, version).await,
                        Ok(None) => return End::Closed,
                        Err(failure @ Failure::TooLarge(_)) => return End::Relist(failure),
                        Err(failure) => return End::Failed(failure),
                    };
                    if let Err(end) = applied {
                        return end;
                    }
                    unsaid = Some(self.clock.now());
                    dead_at = Instant::now() + IDLE;
                }
                () = sleep_until(wake) => {
                    let Some(at) = unsaid.take() else { return End::Failed(Failure::Timeout) };
                    if let Err(end) = self.say(version, at).await {
                        return end;
                    }
                    say_at = Instant::now() + FRESH_EVERY;
                }
            }
        }
    }

    /// The view was current at that moment.
    async fn say(&mut self, version: &str, at: Moment) -> Result<(), End> {
        self.health.fresh(self.source);
        self.send(Change::Fresh {
            source: self.source,
            version: version.into(),
            at,
        })
        .await
    }

    /// Applies one frame. One that cannot be read at all is a hole in the view.
    async fn frame(&mut self, frame: &Bytes, version: &mut String) -> Result<(), End> {
        let hole = |error: serde_json::Error| End::Relist(Failure::Garbage(error.to_string()));
        let event: Event<'_> = serde_json::from_slice(frame).map_err(hole)?;
        let json = event.object.get().as_bytes();
        // A watch goes forward: what is older than what was seen is a replay, and would bring back
        // what is gone. Versions are compared as numbers (KEP-5504).
        let seen = change::version_of(json);
        if seen.is_some_and(|seen| seen < version_number(version)) {
            tracing::debug!(
                kind = self.source.kind(),
                seen,
                "an older frame is passed over"
            );
            return Ok(());
        }
        match event.kind {
            "ERROR" => return Err(refused(json)),
            "BOOKMARK" => {}
            _ if self.source.is_hint() => self.hint(event.kind, json).await?,
            "DELETED" => {
                let gone = change::read_gone(self.source, json).map_err(hole)?;
                if let Change::Gone { name, .. } = &gone {
                    self.unreadable.remove(name);
                }
                self.send(gone).await?;
            }
            _ => {
                let change = change::read(self.source, json).map_err(hole)?;
                if let Change::Unreadable(_) = &change {
                    self.note(&change, &BTreeSet::new());
                } else if !self.unreadable.is_empty() {
                    self.forget(json);
                }
                self.send(change).await?;
            }
        }
        self.metrics.unreadable(self.source, self.unreadable.len());
        if let Some(seen) = seen {
            *version = seen.to_string();
        }
        Ok(())
    }

    /// Passes a hint on, within its ration. One that expires has happened all the same, and one that cannot be read
    /// tells nothing.
    async fn hint(&mut self, kind: &str, json: &[u8]) -> Result<(), End> {
        if kind == "DELETED" {
            return Ok(());
        }
        if !self.ration.take() {
            self.metrics.watch_failed(self.source, "flood");
            return Ok(());
        }
        if let Ok(change @ Change::Object(_)) = change::read(self.source, json) {
            return self.send(change).await;
        }
        self.metrics.watch_failed(self.source, "unreadable");
        Ok(())
    }

    /// Logs an unreadable object, once by name.
    fn note(&mut self, change: &Change, before: &BTreeSet<Name>) {
        let Change::Unreadable(one) = change else {
            return;
        };
        if self.unreadable.len() >= REPORTED_MAX || !self.unreadable.insert(one.name.clone()) {
            return;
        }
        if !before.contains(&one.name) {
            let (kind, name, error) = (self.source.kind(), &one.name, &one.error);
            tracing::warn!(kind, %name, error, "an object cannot be read; what it concerns is held");
        }
    }

    /// An object can be read again.
    fn forget(&mut self, json: &[u8]) {
        if let Ok(Change::Gone { name, .. }) = change::read_gone(self.source, json) {
            self.unreadable.remove(&name);
        }
    }

    /// Compares clocks with the API server; one source is enough for all.
    async fn skew(&mut self, date: Option<HeaderValue>) -> Result<(), End> {
        if self.source != Source::Config {
            return Ok(());
        }
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
        let Some(date) = date else {
            return Ok(());
        };
        // The header is cut to the second; half of one is what it lacks on average.
        let server = Moment::from_millis(date.timestamp().as_millisecond()).plus(500);
        self.send(Change::Skew(self.clock.now().since(server)))
            .await
    }

    /// Tells of a failure once per kind of failure, not once per try.
    fn trouble(&self, failure: &Failure) {
        self.metrics.watch_failed(self.source, failure.label());
        if self.health.trouble(self.source, failure.label()) {
            tracing::warn!(collection = self.source.plural(), %failure, "watching is interrupted, retrying");
        }
    }

    async fn send(&self, change: Change) -> Result<(), End> {
        self.changes.send(change).await.map_err(|_| End::Over)
    }
}

/// An `ERROR` frame carries a Status.
fn refused(json: &[u8]) -> End {
    let status: Status = serde_json::from_slice(json).unwrap_or_default();
    match Failure::from_answer(status.code, &status, None) {
        failure @ Failure::Expired => End::Relist(failure),
        failure => End::Failed(failure),
    }
}

#[cfg(test)]
mod tests;
