//! An API server of made-up objects: pages are generated as they are asked for, and a watch shows
//! nothing but can be told that its version is too old.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::pods::{REPLICAS, pod, workload};

/// So many pods, and what owns them if it shall be listed too.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) pods: usize,
    pub(crate) workloads: bool,
}

/// The running server; it ends when this is dropped.
pub(crate) struct Server {
    state: Arc<Shown>,
    task: JoinHandle<()>,
    address: SocketAddr,
}

struct Shown {
    size: Size,
    /// The version of everything; an older one is too old to be watched.
    version: watch::Sender<u64>,
    /// Watches of pods that were opened at the present version: whoever opens one has the list.
    watched: AtomicUsize,
}

impl Server {
    /// Serves on a free port of the loopback.
    pub(crate) async fn start(size: Size) -> Result<Self> {
        let state = Arc::new(Shown {
            size,
            version: watch::Sender::new(1_000_000),
            watched: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let routes = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self {
            state,
            task,
            address,
        })
    }

    /// Writes a kubeconfig for it into that folder.
    pub(crate) fn kubeconfig(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{ "name": "bench", "cluster": { "server": format!("http://{}", self.address) } }],
            "contexts": [{ "name": "bench", "context": { "cluster": "bench", "user": "bench" } }],
            "users": [{ "name": "bench", "user": {} }],
        });
        std::fs::write(&file, config.to_string())?;
        Ok(file)
    }

    /// Waits until somebody has listed all pods at the present version and watches them.
    pub(crate) async fn listed(&self) -> Result<()> {
        let watched = async {
            while self.state.watched.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let within = Duration::from_mins(10);
        timeout(within, watched)
            .await
            .context("nobody has listed the pods")
    }

    /// Makes every version that was ever shown too old: all open watches end, and all must list.
    pub(crate) fn expire(&self) {
        self.state.version.send_modify(|version| *version += 1);
        self.state.watched.store(0, Ordering::SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shown): State<Arc<Shown>>, request: Request) -> Response {
    let uri = request.uri();
    let plural = uri.path().rsplit('/').next().unwrap_or_default();
    let query = |name: &str| {
        let pairs = uri.query().unwrap_or_default().split('&');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    if uri.path().contains("/leases") {
        // Nobody leads here: only the view is measured.
        return refuse(StatusCode::FORBIDDEN, "Forbidden");
    }
    if query("watch").is_some_and(|watch| watch == "true" || watch == "1") {
        return shown.watch(plural, query("resourceVersion").as_deref());
    }
    let number = |name: &str| query(name).and_then(|text| text.parse::<usize>().ok());
    let (from, limit) = (
        number("continue").unwrap_or(0),
        number("limit").unwrap_or(500),
    );
    shown.page(plural, from, limit)
}

impl Shown {
    fn page(&self, plural: &str, from: usize, limit: usize) -> Response {
        let pods = self.size.pods;
        let workloads = if self.size.workloads {
            pods / REPLICAS
        } else {
            0
        };
        let total = if plural == "pods" { pods } else { workloads };
        let end = total.min(from + limit);
        let items: Vec<Value> = if plural == "pods" {
            (from..end).map(pod).collect()
        } else {
            (from..end)
                .filter_map(|number| workload(plural, number))
                .collect()
        };
        let next = if end < total {
            end.to_string()
        } else {
            String::new()
        };
        let version = self.version.borrow().to_string();
        let body = json!({ "kind": "List", "apiVersion": "v1", "items": items,
            "metadata": { "resourceVersion": version, "continue": next } });
        respond(StatusCode::OK, Body::from(body.to_string()))
    }

    fn watch(&self, plural: &str, version: Option<&str>) -> Response {
        let mut versions = self.version.subscribe();
        if version != Some(versions.borrow_and_update().to_string().as_str()) {
            // As an API server does: the head looks well, and the stream says that it is not.
            let error = json!({ "type": "ERROR", "object": status(StatusCode::GONE, "Expired") });
            return respond(StatusCode::OK, Body::from(format!("{error}\n")));
        }
        if plural == "pods" {
            self.watched.fetch_add(1, Ordering::SeqCst);
        }
        // It ends as a watch of fifteen seconds does, or when the version gets too old.
        let silence = futures::stream::once(async move {
            let _ = timeout(Duration::from_secs(15), versions.changed()).await;
            Ok::<_, std::io::Error>(Bytes::new())
        });
        respond(StatusCode::OK, Body::from_stream(silence))
    }
}

fn refuse(code: StatusCode, reason: &str) -> Response {
    respond(code, Body::from(status(code, reason).to_string()))
}

fn status(code: StatusCode, reason: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason,
        "reason": reason, "code": code.as_u16() })
}

fn respond(code: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
