//! The admin server: is the process alive, does it see, and what has it counted.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

/// What the server asks of the rest of the process; each error says what is wrong.
pub trait Vitals: Send + Sync + 'static {
    /// The event loop turns.
    fn alive(&self) -> Result<(), String>;
    /// Every source is synced and watched, whoever leads.
    fn ready(&self) -> Result<(), String>;
}

struct Shared<V> {
    vitals: V,
    registry: Arc<Registry>,
}

/// Binds the address: a port in use is an error at the start, not a log line later.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    let what = || format!("--admin-address {address}");
    TcpListener::bind(address).await.with_context(what)
}

/// Serves until the task is dropped.
pub async fn serve<V: Vitals>(
    listener: TcpListener,
    vitals: V,
    registry: Arc<Registry>,
) -> std::io::Result<()> {
    axum::serve(listener, routes(vitals, registry)).await
}

fn routes<V: Vitals>(vitals: V, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/healthz", get(healthz::<V>))
        .route("/health", get(healthz::<V>))
        .route("/readyz", get(readyz::<V>))
        .route("/ready", get(readyz::<V>))
        .route("/metrics", get(metrics::<V>))
        .with_state(Arc::new(Shared { vitals, registry }))
}

async fn healthz<V: Vitals>(State(shared): State<Arc<Shared<V>>>) -> impl IntoResponse {
    verdict(shared.vitals.alive())
}

async fn readyz<V: Vitals>(State(shared): State<Arc<Shared<V>>>) -> impl IntoResponse {
    verdict(shared.vitals.ready())
}

fn verdict(result: Result<(), String>) -> (StatusCode, String) {
    match result {
        Ok(()) => (StatusCode::OK, "ok\n".into()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn metrics<V: Vitals>(State(shared): State<Arc<Shared<V>>>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &shared.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(error) => {
            let kind = "text/plain; charset=utf-8";
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                [(header::CONTENT_TYPE, kind)],
                error.to_string(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    struct Blind;

    impl Vitals for Blind {
        fn alive(&self) -> Result<(), String> {
            Ok(())
        }
        fn ready(&self) -> Result<(), String> {
            Err("not synced: pods".into())
        }
    }

    async fn ask(path: &str) -> (StatusCode, String, String) {
        let mut registry = Registry::default();
        registry.register(
            "rounds",
            "Rounds",
            prometheus_client::metrics::counter::Counter::<u64>::default(),
        );
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = routes(Blind, Arc::new(registry))
            .oneshot(request)
            .await
            .unwrap();
        let (status, kind) = (
            response.status(),
            response.headers()[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .to_owned(),
        );
        let body = axum::body::to_bytes(response.into_body(), 1 << 16)
            .await
            .unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_blind_process_is_alive_but_not_ready() {
        for path in ["/healthz", "/health"] {
            assert_eq!(ask(path).await.0, StatusCode::OK);
        }
        for path in ["/readyz", "/ready"] {
            let (status, _, body) = ask(path).await;
            assert_eq!(
                (status, body.as_str()),
                (StatusCode::SERVICE_UNAVAILABLE, "not synced: pods\n")
            );
        }
    }

    #[tokio::test]
    async fn metrics_are_openmetrics() {
        let (status, kind, body) = ask("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"));
        assert!(
            body.contains("rounds_total 0") && body.ends_with("# EOF\n"),
            "{body}"
        );
    }
}
