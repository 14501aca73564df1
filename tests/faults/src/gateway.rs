//! The gateway: an HTTPS server between the operator and the API server that forwards, writes down and fails by plan.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::asked::Asked;
use crate::plan::Plan;
use crate::process::Process;
use crate::trace::Trace;

/// How far the plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The trigger did not come yet.
    Armed,
    /// The fault is in force.
    Active,
    /// The fault is over.
    Over,
}

/// What is sent back to the operator.
pub(crate) type Answer = Response<BoxBody<Bytes, std::io::Error>>;

/// One run's gateway.
pub struct Gateway {
    /// With the rights of the operator's `ServiceAccount`, and nothing more.
    pub(crate) client: Client,
    /// With the rights of whoever edits beside the operator.
    pub(crate) user: Client,
    /// The only namespace that the operator sees.
    pub(crate) namespace: String,
    pub(crate) plan: Option<Plan>,
    /// How far the plan is; the runner ends faults that last.
    pub phase: watch::Sender<Phase>,
    /// What went through.
    pub trace: Trace,
    /// How often a fault that strikes several times has still to strike.
    pub(crate) strikes: AtomicU32,
    /// A collection as it was before the trigger.
    pub(crate) old: Mutex<Bytes>,
    processes: Mutex<Vec<Process>>,
}

impl Gateway {
    /// A gateway for one namespace, with its trace in that file.
    pub fn new(
        (client, user): (Client, Client),
        namespace: &str,
        plan: Option<Plan>,
        trace: &Path,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            client,
            user,
            namespace: namespace.to_owned(),
            plan,
            phase: watch::Sender::new(Phase::Armed),
            trace: Trace::create(trace)?,
            strikes: AtomicU32::new(3),
            old: Mutex::default(),
            processes: Mutex::default(),
        }))
    }

    /// Serves on loopback with the certificate of the lab's API server, until the runtime ends.
    pub async fn serve(self: &Arc<Self>, pki: &Path) -> Result<SocketAddr> {
        let acceptor = acceptor(pki)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let gateway = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(gateway) = gateway.upgrade() else {
                    return;
                };
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    // A request that came is answered to its end, and traced, though its process has died.
                    let service = service_fn(move |request| {
                        let answer = tokio::spawn(gateway.clone().answer(request));
                        async move { answer.await? }
                    });
                    // A connection that is dropped on purpose ends here with the error that dropped it.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(address)
    }

    /// The operator's processes; the first is the one that leads.
    pub fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the fault in force concern this collection?
    pub(crate) fn hits(&self, resource: &str) -> bool {
        let source = self.plan.as_ref().map(|plan| plan.source.as_str());
        source.is_some_and(|source| source.is_empty() || source == resource)
    }

    /// Takes one strike; false when none is left, and the fault is over with the last one.
    pub(crate) fn strike(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        let Ok(left) = self
            .strikes
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        else {
            return false;
        };
        if left == 1 {
            self.phase.send_replace(Phase::Over);
        }
        true
    }

    /// Waits until the fault is over.
    pub(crate) async fn over(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self
            .phase
            .subscribe()
            .wait_for(|phase| *phase == Phase::Over)
            .await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer> {
        let asked = Asked::of(request.method(), request.uri());
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut onward = Request::builder()
            .method(parts.method)
            .uri(asked.within(&self.namespace));
        for name in [http::header::CONTENT_TYPE, http::header::ACCEPT] {
            if let Some(value) = parts.headers.get(&name) {
                onward = onward.header(name, value);
            }
        }
        let onward = onward.body(Body::from(body.to_vec()))?;
        if asked.is_lease() {
            self.lease(asked, onward).await
        } else if asked.verb == "watch" {
            self.watch(asked, onward).await
        } else if asked.writes() {
            self.write(asked, body, onward).await
        } else {
            self.read(asked, onward).await
        }
    }

    /// Asks the API server; status and body.
    pub(crate) async fn forward(
        &self,
        request: Request<Body>,
    ) -> Result<(http::response::Parts, Bytes)> {
        let answer = self.client.send(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .context("the API server's answer")?
            .to_bytes();
        Ok((parts, body))
    }

    /// Reads a path as the administrator.
    pub(crate) async fn get(&self, path: &str) -> Result<Bytes> {
        let request = Request::get(path).body(Body::empty())?;
        let (parts, body) = self.forward(request).await?;
        ensure!(parts.status.is_success(), "{path}: {}", parts.status);
        Ok(body)
    }
}

/// Hangs up without an answer.
pub(crate) fn hang_up() -> Result<Answer> {
    bail!("hung up by plan")
}

/// An answer with the head of the API server's own.
pub(crate) fn reply(parts: &http::response::Parts, body: Bytes) -> Result<Answer> {
    let mut answer = Response::builder().status(parts.status);
    for name in [
        http::header::CONTENT_TYPE,
        http::header::DATE,
        http::header::RETRY_AFTER,
    ] {
        if let Some(value) = parts.headers.get(&name) {
            answer = answer.header(name, value);
        }
    }
    Ok(answer.body(full(body))?)
}

/// A whole body.
pub(crate) fn full(body: Bytes) -> BoxBody<Bytes, std::io::Error> {
    Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed()
}

/// A refusal as the API server words it.
pub(crate) fn refusal(code: u16, reason: &str, message: &str, wait: Option<u32>) -> Result<Answer> {
    let status = status_object(code, reason, message, wait);
    let mut answer = Response::builder()
        .status(StatusCode::from_u16(code)?)
        .header("content-type", "application/json");
    if let Some(seconds) = wait {
        answer = answer.header("retry-after", seconds);
    }
    Ok(answer.body(full(status.to_string().into()))?)
}

/// The Status object of a refusal.
pub(crate) fn status_object(
    code: u16,
    reason: &str,
    message: &str,
    wait: Option<u32>,
) -> serde_json::Value {
    let details = wait.map_or(json!({}), |seconds| json!({"retryAfterSeconds": seconds}));
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message, "details": details
    })
}

fn acceptor(pki: &Path) -> Result<TlsAcceptor> {
    let file = |name: &str| -> PathBuf { pki.join(name) };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(file("admin.crt"))?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(file("admin.key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
