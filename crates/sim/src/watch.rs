//! Watches: frames from the log, bookmarks, timeouts, and what can go wrong with them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, stream};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tower::BoxError;

use crate::{
    fault::WatchFault,
    objects::{Objects, WriteEvent},
    pulse::Listener,
    read::number,
    refusal::Refusal,
    request::Request,
    rng::{Rng, hash},
    selector::Selector,
    server::Server,
};

/// Real servers close a watch after half an hour to an hour unless told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);
/// A last bookmark comes this long before the server closes a watch.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// One open watch.
pub(crate) struct Watch {
    server: Server,
    id: u64,
    request: Request,
    selector: Selector,
    /// Everything up to this version was considered.
    cursor: u64,
    /// Frames on their way, in order, each with the moment it arrives.
    queue: VecDeque<(Instant, Bytes)>,
    bookmarks: bool,
    next_bookmark: Instant,
    last_bookmark: Option<Instant>,
    closes: Instant,
    lag: Duration,
    rng: Rng,
    pulse: Listener,
    closing: bool,
}

enum Step {
    Send(Bytes),
    Wait(Instant),
    Silent,
    End,
}

impl Watch {
    /// Check a watch request and open the stream.
    pub(crate) fn open(
        server: &Server,
        objects: &Objects,
        request: Request,
        (id, lag, gone_in_stream): (u64, Duration, bool),
    ) -> Result<Self, Refusal> {
        let selector = Selector::from_query(&request.query)?;
        let param = |name: &str| request.query.get(name).map_or("", String::as_str);
        let version = match param("resourceVersion") {
            "" => 0,
            version => number(version)?,
        };
        let initial = param("sendInitialEvents") == "true";
        let too_old = version > 0 && version < objects.compacted() && !initial;
        if too_old && !gone_in_stream {
            return Err(too_old_version(version, objects));
        }
        let timeout = param("timeoutSeconds")
            .parse()
            .map_or(DEFAULT_TIMEOUT, Duration::from_secs);
        let now = Instant::now();
        let closes = now + timeout;
        let seed = server.seed() ^ hash(&request.client) ^ id;
        let mut watch = Self {
            server: server.clone(),
            id,
            selector,
            cursor: version,
            queue: VecDeque::new(),
            bookmarks: matches!(param("allowWatchBookmarks"), "true" | "1"),
            next_bookmark: now + server.settings().bookmark_every,
            last_bookmark: (timeout > LAST_BOOKMARK).then(|| closes - LAST_BOOKMARK),
            closes,
            lag,
            rng: Rng::new(seed),
            pulse: server.pulse(),
            closing: false,
            request,
        };
        if version == 0 || initial {
            watch.initial(objects, initial);
        }
        Ok(watch)
    }

    /// The present state as `ADDED` frames, ended by a bookmark if the client asked for that.
    fn initial(&mut self, objects: &Objects, ended: bool) {
        let now = Instant::now();
        let (resource, namespace) = (self.request.resource, self.request.namespace.clone());
        for (_, object) in objects.of(resource, &namespace) {
            if self.selector.matches(object) {
                self.queue.push_back((now, frame("ADDED", object)));
            }
        }
        self.cursor = objects.version();
        if ended {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            self.queue.push_back((now, self.bookmark(annotations)));
        }
    }

    /// The body of the response.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send {
        stream::unfold(self, |mut watch| async move {
            let bytes = watch.next().await?;
            Some((Ok(Frame::data(bytes)), watch))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.pulse.catch_up();
            match self.step() {
                Step::Send(bytes) => return Some(bytes),
                Step::End => return None,
                Step::Silent => self.pulse.changed().await.ok()?,
                Step::Wait(until) => {
                    tokio::select! {
                        biased;
                        changed = self.pulse.changed() => changed.ok()?,
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
    }

    fn step(&mut self) -> Step {
        if self.closing {
            return Step::End;
        }
        let server = self.server.clone();
        match server.take_watch_fault(self.id) {
            Some(WatchFault::Freeze) => return Step::Silent,
            Some(WatchFault::Close) => return Step::End,
            Some(WatchFault::Gone410) => return self.gone(&server),
            Some(WatchFault::GarbageFrame) => return Step::Send("{\"type\":\"MOD\n".into()),
            None => {}
        }
        if server.peek(|objects| self.read_log(objects)).is_err() {
            return self.gone(&server);
        }
        let now = Instant::now();
        if now >= self.closes {
            return Step::End;
        }
        if let Some((arrives, _)) = self.queue.front() {
            if *arrives > now {
                return Step::Wait((*arrives).min(self.closes));
            }
            return self
                .queue
                .pop_front()
                .map_or(Step::End, |(_, bytes)| Step::Send(bytes));
        }
        if self.bookmarks && self.bookmark_due(now) {
            return Step::Send(self.bookmark(Value::Null));
        }
        let mut until = self.closes;
        if self.bookmarks {
            until = until
                .min(self.next_bookmark)
                .min(self.last_bookmark.unwrap_or(until));
        }
        Step::Wait(until)
    }

    fn bookmark_due(&mut self, now: Instant) -> bool {
        let last = self.last_bookmark.take_if(|at| now >= *at).is_some();
        let regular = now >= self.next_bookmark;
        if regular {
            self.next_bookmark = now + self.server.settings().bookmark_every;
        }
        last || regular
    }

    /// Queue what the log holds after the cursor.
    fn read_log(&mut self, objects: &Objects) -> Result<(), ()> {
        if self.cursor < objects.compacted() {
            return Err(());
        }
        for event in objects.after(self.cursor) {
            let key = &event.key;
            let elsewhere =
                !self.request.namespace.is_empty() && self.request.namespace != key.namespace;
            if key.resource != self.request.resource || elsewhere {
                continue;
            }
            let Some(kind) = self.kind(event) else {
                continue;
            };
            let lag = u64::try_from(self.lag.as_millis()).unwrap_or(u64::MAX);
            let written = objects.clock.instant(event.at);
            let arrives = written + Duration::from_millis(self.rng.up_to(lag));
            // Frames of one stream never overtake each other.
            let arrives = self
                .queue
                .back()
                .map_or(arrives, |(before, _)| arrives.max(*before));
            self.queue.push_back((arrives, frame(kind, &event.object)));
        }
        self.cursor = objects.version();
        Ok(())
    }

    /// The frame's type, seen through the selector: objects may enter and leave it.
    fn kind(&self, event: &WriteEvent) -> Option<&'static str> {
        let before = event
            .previous
            .as_ref()
            .is_some_and(|old| self.selector.matches(old));
        let after = !event.deleted && self.selector.matches(&event.object);
        match (before, after) {
            (true, true) => Some("MODIFIED"),
            (true, false) => Some("DELETED"),
            (false, true) => Some("ADDED"),
            (false, false) => None,
        }
    }

    fn bookmark(&self, annotations: Value) -> Bytes {
        let mut meta = json!({
            "resourceVersion": self.cursor.to_string(), "creationTimestamp": null,
        });
        if !annotations.is_null() {
            meta["annotations"] = annotations;
        }
        let resource = self.request.resource;
        let (kind, version) = (resource.kind, resource.api_version());
        frame(
            "BOOKMARK",
            &json!({"kind": kind, "apiVersion": version, "metadata": meta}),
        )
    }

    fn gone(&mut self, server: &Server) -> Step {
        self.closing = true;
        let status = server
            .peek(|objects| too_old_version(self.cursor, objects))
            .status();
        Step::Send(frame("ERROR", &status))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.server.watch_closed(self.id);
    }
}

fn too_old_version(version: u64, objects: &Objects) -> Refusal {
    Refusal::expired(format!(
        "too old resource version: {version} ({})",
        objects.compacted()
    ))
}

/// Written around the object, which is not copied into a tree of its own first.
fn frame(kind: &str, object: &Value) -> Bytes {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").into()
}

/// An open watch, as the harness sees it.
#[derive(Clone, Debug)]
pub(crate) struct OpenWatch {
    pub(crate) connection: u64,
    pub(crate) request: Arc<Request>,
    pub(crate) fault: Option<WatchFault>,
}
