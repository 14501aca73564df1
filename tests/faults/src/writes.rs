//! What the gateway does to writes and to lists.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::channel::mpsc;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::gateway::{Answer, Gateway, Phase, hang_up, refusal, reply};
use crate::plan::Fault;

impl Gateway {
    /// One write: counted, failed if it is the plan's, and written down.
    pub(crate) async fn write(
        self: Arc<Self>,
        asked: Asked,
        body: Bytes,
        onward: Request<Body>,
    ) -> Result<Answer> {
        let what = asked.what();
        let nth = self.trace.count(&what);
        let triggered = self.plan.as_ref().filter(|plan| {
            plan.write == what && plan.nth == nth && *self.phase.borrow() == Phase::Armed
        });
        let Some(fault) = triggered.map(|plan| plan.fault) else {
            let (parts, answer) = self.forward(onward).await?;
            self.trace
                .add(&asked, &body, parts.status.as_u16(), &answer, "");
            return reply(&parts, answer);
        };
        let named = format!("{fault:?}");
        if let Some((code, reason, wait)) = fault.refusal() {
            self.phase.send_replace(Phase::Over);
            self.trace.add(&asked, &body, 0, b"", &named);
            return refusal(code, reason, "refused by plan", wait);
        }
        match fault {
            Fault::F2CrashBefore => {
                self.trace.add(&asked, &body, 0, b"", &named);
                return self.crash();
            }
            Fault::F16Denied => {
                self.phase.send_replace(Phase::Over);
                self.trace.add(&asked, &body, 0, b"", &named);
                let message = "admission webhook \"guard.example.com\" denied the request: by plan";
                return refusal(403, "Forbidden", message, None);
            }
            Fault::F20Edited => self.edit(&asked).await?,
            Fault::F4TimeTravel => self.remember().await?,
            // What the write itself brings about is to be subject to the fault.
            fault if fault.on_watch() => {
                self.phase.send_replace(Phase::Active);
            }
            Fault::F6AllFrozen | Fault::F19LeaseFails => {
                self.phase.send_replace(Phase::Active);
            }
            _ => {}
        }
        let (parts, answer) = self.forward(onward).await?;
        self.trace
            .add(&asked, &body, parts.status.as_u16(), &answer, &named);
        match fault {
            Fault::F1CrashAfter => self.crash(),
            Fault::F4TimeTravel => {
                self.phase.send_replace(Phase::Active);
                self.processes()[0].kill();
                hang_up()
            }
            Fault::F3LostReply => {
                self.phase.send_replace(Phase::Over);
                hang_up()
            }
            Fault::F3Applied504 => {
                self.phase.send_replace(Phase::Over);
                refusal(504, "Timeout", "the reply came too late", None)
            }
            Fault::F13SlowReply => {
                self.phase.send_replace(Phase::Over);
                drip(&parts, &answer)
            }
            Fault::F14GarbageReply => {
                self.phase.send_replace(Phase::Over);
                reply(&parts, answer.slice(..answer.len() / 2))
            }
            Fault::F18Paused => {
                self.processes()[0].signal("STOP")?;
                self.phase.send_replace(Phase::Active);
                reply(&parts, answer)
            }
            _ => reply(&parts, answer),
        }
    }

    /// A list or a get.
    pub(crate) async fn read(
        self: Arc<Self>,
        asked: Asked,
        onward: Request<Body>,
    ) -> Result<Answer> {
        let fault = self.active(&asked);
        match fault {
            Some(Fault::F6AllFrozen | Fault::F7OneFrozen) if asked.verb == "list" => {
                self.over().await;
                return hang_up();
            }
            Some(Fault::F9Truncated) if !asked.parameter("continue").is_empty() => {
                self.strike();
                return hang_up();
            }
            _ => {}
        }
        let (parts, mut answer) = self.forward(onward).await?;
        if asked.verb == "list" {
            match fault {
                Some(Fault::F4TimeTravel) => {
                    answer = self
                        .old
                        .lock()
                        .map_err(|_| anyhow::anyhow!("poisoned"))?
                        .clone();
                }
                Some(Fault::F9Truncated) => answer = truncated(&answer)?,
                _ => {}
            }
            let fault = fault.map(|fault| format!("{fault:?}")).unwrap_or_default();
            self.trace
                .add(&asked, b"", parts.status.as_u16(), &answer, &fault);
        }
        reply(&parts, answer)
    }

    /// The fault in force, if it concerns this collection.
    pub(crate) fn active(&self, asked: &Asked) -> Option<Fault> {
        let active = *self.phase.borrow() == Phase::Active
            && !asked.is_lease()
            && self.hits(&asked.resource);
        self.plan.as_ref().filter(|_| active).map(|plan| plan.fault)
    }

    /// A request about the election. Each run has a Lease of its own, and the operator's role names only the usual one.
    pub(crate) async fn lease(&self, asked: Asked, onward: Request<Body>) -> Result<Answer> {
        let fault = self.plan.as_ref().map(|plan| plan.fault);
        let fails = fault == Some(Fault::F19LeaseFails) && *self.phase.borrow() == Phase::Active;
        if fails && asked.writes() {
            return refusal(500, "InternalError", "refused by plan", None);
        }
        let answer = self.user.send(onward).await?;
        let (parts, body) = answer.into_parts();
        reply(&parts, body.collect().await?.to_bytes())
    }

    fn crash(&self) -> Result<Answer> {
        self.processes()[0].kill();
        self.phase.send_replace(Phase::Over);
        hang_up()
    }

    /// Keeps the collection as it is now, before the write.
    async fn remember(&self) -> Result<()> {
        let source = self
            .plan
            .as_ref()
            .map(|plan| plan.source.clone())
            .unwrap_or_default();
        let body = self.get(&path(&source, &self.namespace)?).await?;
        *self.old.lock().map_err(|_| anyhow::anyhow!("poisoned"))? = body;
        Ok(())
    }

    /// A user's edit of the very object that the operator is about to change.
    async fn edit(&self, asked: &Asked) -> Result<()> {
        let plural = asked.resource.split('/').next().unwrap_or_default();
        let object = format!("{}/{}", path(plural, &asked.namespace)?, asked.name);
        let edited = json!({"metadata": {"annotations": {"example.com/edited": "by a user"}}});
        let request = Request::patch(object)
            .header("content-type", "application/merge-patch+json")
            .body(Body::from(edited.to_string().into_bytes()))?;
        self.user.send(request).await?;
        self.phase.send_replace(Phase::Over);
        Ok(())
    }
}

/// The path of one of the operator's collections in a namespace.
fn path(plural: &str, namespace: &str) -> Result<String> {
    let source = kubemend_engine::Source::ALL
        .into_iter()
        .find(|one| one.plural() == plural);
    let whole = source
        .with_context(|| format!("no collection {plural}"))?
        .path();
    let start = whole.trim_end_matches(plural);
    Ok(format!("{start}namespaces/{namespace}/{plural}"))
}

/// The first half of a list, which promises a second page.
fn truncated(body: &[u8]) -> Result<Bytes> {
    let mut list: Value = serde_json::from_slice(body)?;
    if let Some(items) = list["items"].as_array_mut() {
        items.truncate(items.len() / 2);
    }
    list["metadata"]["continue"] = "never".into();
    Ok(list.to_string().into())
}

/// A body that takes four seconds.
fn drip(parts: &http::response::Parts, body: &Bytes) -> Result<Answer> {
    let size = body.len().div_ceil(20).max(1);
    let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let (sender, receiver) = mpsc::unbounded();
    tokio::spawn(async move {
        for piece in pieces {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if sender.unbounded_send(Ok(Frame::data(piece))).is_err() {
                return;
            }
        }
    });
    let answer = Response::builder()
        .status(parts.status)
        .header("content-type", "application/json");
    Ok(answer.body(StreamBody::new(receiver).boxed())?)
}
