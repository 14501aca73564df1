//! The admin server: is the process alive, does it see, and what has it counted.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use kubemend_reconciler::{Health, Metrics};
use tokio::net::TcpListener;

/// What Prometheus recognises as `OpenMetrics`.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Binds the address: a port in use is an error at the start, not a log line later.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    let what = || format!("--admin-address {address}");
    TcpListener::bind(address).await.with_context(what)
}

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, metrics: Metrics, health: Health) -> std::io::Result<()> {
    axum::serve(listener, routes(metrics, health)).await
}

fn routes(metrics: Metrics, health: Health) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/health", get(alive))
        .route("/readyz", get(ready))
        .route("/ready", get(ready))
        .route("/metrics", get(count))
        .with_state((metrics, health))
}

type Shared = State<(Metrics, Health)>;

async fn alive(State((_, health)): Shared) -> impl IntoResponse {
    verdict(health.alive())
}

/// Whoever leads: a process that stands by must see as much, to act at once when it is its turn.
async fn ready(State((_, health)): Shared) -> impl IntoResponse {
    verdict(health.ready())
}

fn verdict(result: Result<(), String>) -> (StatusCode, String) {
    match result {
        Ok(()) => (StatusCode::OK, "ok\n".into()),
        Err(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{}\n", why.trim_end()),
        ),
    }
}

async fn count(State((metrics, health)): Shared) -> impl IntoResponse {
    match metrics.render(&health) {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, OPENMETRICS)], text),
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

    async fn ask(path: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let routes = routes(Metrics::default(), Health::default());
        let response = routes.oneshot(request).await.unwrap();
        let kind = response.headers()[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .to_owned();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 16)
            .await
            .unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_process_that_sees_nothing_yet_is_alive_but_not_ready() {
        for path in ["/healthz", "/health"] {
            assert_eq!(ask(path).await.0, StatusCode::OK);
        }
        for path in ["/readyz", "/ready"] {
            let (status, _, body) = ask(path).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(body.contains("pods: not listed yet"), "{body}");
        }
    }

    #[tokio::test]
    async fn metrics_are_openmetrics() {
        let (status, kind, body) = ask("/metrics").await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, OPENMETRICS));
        assert!(body.ends_with("# EOF\n"), "{body}");
    }
}
