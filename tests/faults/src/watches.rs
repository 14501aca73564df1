//! What the gateway does to watches: frames held, doubled, garbled or stopped while the connection stays open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::gateway::{Answer, Gateway, Phase, hang_up, refusal, reply, status_object};
use crate::plan::Fault;

type Sender = UnboundedSender<Result<Frame<Bytes>, std::io::Error>>;

impl Gateway {
    /// Opens a watch.
    pub(crate) async fn watch(
        self: Arc<Self>,
        asked: Asked,
        onward: Request<Body>,
    ) -> Result<Answer> {
        match self.active(&asked) {
            Some(Fault::F6AllFrozen | Fault::F7OneFrozen) => {
                self.over().await;
                return hang_up();
            }
            Some(Fault::F8Gone) if self.strike() => {
                return refusal(410, "Expired", "too old", None);
            }
            Some(Fault::F15WatchForbidden) if self.strike() => {
                return refusal(403, "Forbidden", "forbidden by plan", None);
            }
            _ => {}
        }
        let answer = self.client.send(onward).await?;
        let (parts, mut body) = answer.into_parts();
        if !parts.status.is_success() {
            return reply(&parts, body.collect().await?.to_bytes());
        }
        let (sender, receiver) = unbounded();
        let mut answer = Response::builder()
            .status(parts.status)
            .header("content-type", "application/json");
        if let Some(date) = parts.headers.get(http::header::DATE) {
            answer = answer.header(http::header::DATE, date);
        }
        let version = asked.parameter("resourceVersion").to_owned();
        let mut stream = Stream {
            gateway: self,
            asked,
            sender,
            version,
            held: BTreeMap::new(),
            last: BTreeMap::new(),
        };
        tokio::spawn(async move {
            // It ends when either side does; both then open a new one.
            let _ = stream.pump(&mut body).await;
        });
        Ok(answer.body(StreamBody::new(receiver).boxed())?)
    }
}

/// One open watch.
struct Stream {
    gateway: Arc<Gateway>,
    asked: Asked,
    sender: Sender,
    version: String,
    /// The newest frame of each object while frames are held.
    held: BTreeMap<String, Bytes>,
    /// The newest frame of each object that was sent.
    last: BTreeMap<String, Bytes>,
}

impl Stream {
    /// Passes frames on until an end; an error is one, too.
    async fn pump(&mut self, body: &mut Body) -> Result<()> {
        let mut phases = self.gateway.phase.subscribe();
        let mut rest = BytesMut::new();
        loop {
            if *phases.borrow_and_update() == Phase::Over && !self.held.is_empty() {
                let mut frames: Vec<_> = std::mem::take(&mut self.held).into_values().collect();
                // However late, a watch tells in the order of versions.
                frames.sort_by_key(|frame| identify(frame).1.parse::<u64>().unwrap_or(0));
                for frame in frames {
                    self.send(frame)?;
                }
            }
            match self.gateway.active(&self.asked) {
                Some(Fault::F6AllFrozen | Fault::F7OneFrozen) => self.gateway.over().await,
                Some(Fault::F4TimeTravel) => return self.standstill().await,
                Some(Fault::F8Gone | Fault::F9Truncated) => {
                    let gone = status_object(410, "Expired", "too old resource version", None);
                    return self.send(frame("ERROR", &gone));
                }
                Some(Fault::F15WatchForbidden) => return Ok(()),
                Some(Fault::F14Garbage) => {
                    self.gateway.phase.send_replace(Phase::Over);
                    self.send(Bytes::from_static(
                        b"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"na\n",
                    ))?;
                }
                Some(fault @ (Fault::F14Huge | Fault::F14Unknown)) => {
                    self.gateway.phase.send_replace(Phase::Over);
                    let strange = self.strange(fault == Fault::F14Huge);
                    self.send(frame("ADDED", &strange))?;
                    self.send(frame("DELETED", &strange))?;
                }
                _ => {}
            }
            tokio::select! {
                biased;
                changed = phases.changed() => changed?,
                chunk = body.frame() => {
                    let Some(chunk) = chunk else { return Ok(()) };
                    if let Ok(data) = chunk?.into_data() {
                        rest.extend_from_slice(&data);
                    }
                    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                        let frame = rest.split_to(end + 1).freeze();
                        self.pass(frame).await?;
                    }
                }
            }
        }
    }

    /// Passes one frame on, as the fault in force wants it.
    async fn pass(&mut self, frame: Bytes) -> Result<()> {
        let (key, version) = identify(&frame);
        if !version.is_empty() {
            self.version = version;
        }
        match self.gateway.active(&self.asked) {
            Some(Fault::F5Coalesced) => {
                self.held.insert(key, frame);
                return Ok(());
            }
            Some(Fault::F6AllFrozen | Fault::F7OneFrozen) => self.gateway.over().await,
            Some(Fault::F10Replayed) if !key.is_empty() => {
                self.send(frame.clone())?;
                self.send(frame.clone())?;
                // Nothing of an object follows its DELETED, save the DELETED itself.
                let gone = frame.starts_with(b"{\"type\":\"DELETED\"");
                if let Some(before) = self.last.insert(key, frame).filter(|_| !gone) {
                    self.send(before)?;
                }
                return Ok(());
            }
            Some(Fault::F13SlowWatch) => {
                for piece in frame.chunks(frame.len().div_ceil(10).max(1)) {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    self.send(Bytes::copy_from_slice(piece))?;
                }
                return Ok(());
            }
            _ => {}
        }
        if !key.is_empty() {
            self.last.insert(key, frame.clone());
        }
        self.send(frame)
    }

    /// Says once a second that nothing changed since the old list, until the fault is over.
    async fn standstill(&mut self) -> Result<()> {
        let bookmark = json!({"metadata": {"resourceVersion": self.version}});
        loop {
            self.send(frame("BOOKMARK", &bookmark))?;
            tokio::select! {
                () = self.gateway.over() => return Ok(()),
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    /// An object that nobody expects.
    fn strange(&self, huge: bool) -> Value {
        let pad = "x".repeat(if huge { 1_500_000 } else { 1 });
        json!({
            "metadata": {
                "name": "strange", "namespace": self.gateway.namespace, "uid": "5712a9e0-0000-4000-8000-000000000000",
                "resourceVersion": self.version, "annotations": {"example.com/pad": pad},
                "creationTimestamp": "2026-01-01T00:00:00Z"
            },
            "spec": {"mode": "Peculiar", "type": "Peculiar", "restartPolicy": "Peculiar"},
            "status": {"phase": "Peculiar", "conditions": [{"type": "Peculiar", "status": "Perhaps"}]}
        })
    }

    fn send(&self, frame: Bytes) -> Result<()> {
        Ok(self.sender.unbounded_send(Ok(Frame::data(frame)))?)
    }
}

fn frame(kind: &str, object: &Value) -> Bytes {
    let mut text = json!({"type": kind, "object": object}).to_string();
    text.push('\n');
    text.into()
}

/// The object's name, empty for bookmarks and errors, and its version.
fn identify(frame: &[u8]) -> (String, String) {
    let event: Value = serde_json::from_slice(frame).unwrap_or_default();
    let meta = |name: &str| {
        event["object"]["metadata"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (meta("name"), meta("resourceVersion"))
}
