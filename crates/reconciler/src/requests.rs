//! Counts every request to the API server, as a layer under kube's client.

use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt};
use http::{Method, Request, Response};
use tower::{Layer, Service};

use crate::metrics::{Asked, Metrics};

/// Counts requests into `kubemend_api_requests_total{verb,resource,code}`.
#[derive(Clone)]
pub struct CountRequests {
    metrics: Metrics,
}

/// The layer that the operator puts under its clients.
pub fn layer(metrics: &Metrics) -> CountRequests {
    CountRequests {
        metrics: metrics.clone(),
    }
}

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// A service whose requests are counted.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    metrics: Metrics,
}

impl<S, B, R> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (verb, resource) = asked(request.method(), request.uri());
        let requests = self.metrics.requests.clone();
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            let code = answer.as_ref().map_or_else(
                |_| "error".to_owned(),
                |answer| answer.status().as_str().to_owned(),
            );
            let labels = Asked {
                verb,
                resource,
                code,
            };
            requests.get_or_create(&labels).inc();
            answer
        }
        .boxed()
    }
}

/// Verb and resource, names left out. Only this program's own paths come here, so they are few.
fn asked(method: &Method, uri: &http::Uri) -> (&'static str, String) {
    let parts: Vec<&str> = uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let rest = match parts.as_slice() {
        ["api", _, "namespaces", _, rest @ ..] | ["apis", _, _, "namespaces", _, rest @ ..]
            if !rest.is_empty() =>
        {
            rest
        }
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => &[],
    };
    let (resource, named) = match rest {
        [plural] => ((*plural).to_owned(), false),
        [plural, _] => ((*plural).to_owned(), true),
        [plural, _, subresource, ..] => (format!("{plural}/{subresource}"), true),
        [] => ("other".to_owned(), true),
    };
    let watch = uri
        .query()
        .is_some_and(|query| query.contains("watch=true"));
    let verb = match *method {
        Method::GET if watch => "watch",
        Method::GET if named => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    };
    (verb, resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out() {
        let asked = |method: Method, path: &str| asked(&method, &path.parse().unwrap());
        let owned = |verb, resource: &str| (verb, resource.to_owned());
        assert_eq!(
            asked(Method::GET, "/api/v1/pods?limit=500"),
            owned("list", "pods")
        );
        assert_eq!(
            asked(Method::GET, "/api/v1/pods?watch=true"),
            owned("watch", "pods")
        );
        assert_eq!(
            asked(Method::POST, "/api/v1/namespaces/shop/pods/a/eviction"),
            owned("create", "pods/eviction")
        );
        assert_eq!(
            asked(Method::GET, "/api/v1/namespaces/shop"),
            owned("get", "namespaces")
        );
        assert_eq!(
            asked(
                Method::PUT,
                "/apis/kubemend.io/v1alpha1/namespaces/shop/healingevents/a-1/status"
            ),
            owned("update", "healingevents/status")
        );
        assert_eq!(asked(Method::GET, "/version"), owned("get", "other"));
    }
}
