//! Raw requests, so that tests see codes, headers and bodies as they are.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use kubemend_sim::{Server, Settings};
use serde_json::{Value, json};

pub fn server() -> Server {
    Server::new(Settings::default())
}

pub async fn send(
    client: &kube::Client,
    method: Method,
    path: &str,
    content_type: &str,
    body: &Value,
) -> Result<Response<Body>, kube::Error> {
    let body = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("Content-Type", content_type)
        .body(Body::from(body));
    client.send(request.expect("a valid request")).await
}

/// Code and body of the answer.
pub async fn ask(client: &kube::Client, method: &str, path: &str, body: Value) -> (u16, Value) {
    let (method, content_type) = match method {
        "JSONPATCH" => (Method::PATCH, "application/json-patch+json"),
        "PATCH" => (Method::PATCH, "application/merge-patch+json"),
        other => (other.parse().expect("a method"), "application/json"),
    };
    let answer = send(client, method, path, content_type, &body)
        .await
        .expect("an answer");
    let code = answer.status().as_u16();
    let bytes = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (code, serde_json::from_slice(&bytes).expect("JSON"))
}

/// Read frames of a watch.
pub struct Frames {
    body: Body,
    buffer: Vec<u8>,
}

impl Frames {
    pub async fn open(client: &kube::Client, path: &str) -> Self {
        let answer = send(client, Method::GET, path, "", &Value::Null)
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
        Self {
            body: answer.into_body(),
            buffer: Vec::new(),
        }
    }

    /// The next frame; `None` at a clean end.
    pub async fn next(&mut self) -> Option<Value> {
        let line = self.next_line().await?;
        Some(serde_json::from_slice(&line).expect("a frame of JSON"))
    }

    pub async fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                return Some(self.buffer.drain(..=end).collect());
            }
            let frame = self.body.frame().await?.expect("no broken stream");
            self.buffer
                .extend_from_slice(&frame.into_data().expect("data"));
        }
    }

    /// Does the watch stay silent this long?
    pub async fn silent(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.next_line()).await.is_err()
    }
}

/// A frame as `TYPE name`.
pub fn brief(frame: &Value) -> String {
    let (kind, name) = (&frame["type"], &frame["object"]["metadata"]["name"]);
    format!(
        "{} {}",
        kind.as_str().unwrap_or("?"),
        name.as_str().unwrap_or("-")
    )
}

pub fn map(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": name}, "data": {"colour": "red"},
    })
}

pub fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "shop", "name": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "node-0", "containers": [{"name": "main", "image": "web"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

pub fn policy(name: &str) -> Value {
    json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingPolicy",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"mode": "Observe"}, "status": {"phase": "Stale"},
    })
}

pub const MAPS: &str = "/api/v1/namespaces/shop/configmaps";
pub const PODS: &str = "/api/v1/namespaces/shop/pods";
pub const POLICIES: &str = "/apis/kubemend.io/v1alpha1/namespaces/shop/healingpolicies";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";
