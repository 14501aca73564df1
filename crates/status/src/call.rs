//! One request to the API server: its deadline, the bound of its answer, its classified failure.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use kubemend_engine::Source;
use kubemend_engine::facts::Name;
use serde_json::Value;
use tokio::time::timeout;

use crate::Failure;

/// The field manager of every write.
pub const MANAGER: &str = "kubemend";

/// An object is at most 1.5 MiB in etcd; as JSON it may be a few times that.
const OBJECT_MAX: usize = 8 * 1024 * 1024;

/// A request before it is sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    uri: String,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Request {
    fn new(method: Method, uri: String, content_type: &'static str, body: &Value) -> Self {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        Self {
            method,
            uri,
            content_type,
            body,
        }
    }

    fn write(method: Method, path: &str, content_type: &'static str, body: &Value) -> Self {
        Self::new(
            method,
            format!("{path}?fieldManager={MANAGER}"),
            content_type,
            body,
        )
    }

    /// Reads; the path may carry a query.
    pub fn get(uri: impl Into<String>) -> Self {
        Self::new(Method::GET, uri.into(), "application/json", &Value::Null)
    }

    /// Creates an object, or a subresource such as an eviction.
    pub fn create(path: &str, body: &Value) -> Self {
        Self::write(Method::POST, path, "application/json", body)
    }

    /// Replaces an object.
    pub fn replace(path: &str, body: &Value) -> Self {
        Self::write(Method::PUT, path, "application/json", body)
    }

    /// Changes an object by a merge patch.
    pub fn merge(path: &str, body: &Value) -> Self {
        Self::write(Method::PATCH, path, "application/merge-patch+json", body)
    }

    /// Changes an object by a JSON patch.
    pub fn json_patch(path: &str, body: &Value) -> Self {
        Self::write(Method::PATCH, path, "application/json-patch+json", body)
    }

    /// Deletes an object under the preconditions in `options`.
    pub fn delete(path: &str, options: &Value) -> Self {
        Self::new(Method::DELETE, path.to_owned(), "application/json", options)
    }

    /// Lets the server only rehearse it.
    #[must_use]
    pub fn dry(mut self, dry: bool) -> Self {
        if dry {
            self.uri
                .push(if self.uri.contains('?') { '&' } else { '?' });
            self.uri.push_str("dryRun=All");
        }
        self
    }
}

/// The path of one object.
pub fn path(source: Source, name: &Name) -> String {
    let (group, version, plural, _) = source.resource();
    let root = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    if name.namespace.is_empty() {
        format!("{root}/{plural}/{}", name.name)
    } else {
        format!(
            "{root}/namespaces/{}/{plural}/{}",
            name.namespace, name.name
        )
    }
}

/// Sends a request about one object and reads its whole answer within the time.
pub async fn send(client: &Client, request: Request, within: Duration) -> Result<Bytes, Failure> {
    read(client, request, within, OBJECT_MAX).await
}

/// The same for answers of another size, such as pages of lists.
pub async fn read(
    client: &Client,
    request: Request,
    within: Duration,
    most: usize,
) -> Result<Bytes, Failure> {
    let whole = async {
        let answer = open(client, request).await?;
        collect(answer.into_body(), most).await
    };
    timeout(within, whole)
        .await
        .unwrap_or(Err(Failure::Timeout))
}

/// Sends a request and waits for the head of its answer only, without a deadline of its own.
pub async fn open(client: &Client, request: Request) -> Result<Response<Body>, Failure> {
    let request = http::Request::builder()
        .method(request.method)
        .uri(request.uri)
        .header(header::CONTENT_TYPE, request.content_type)
        .header(header::ACCEPT, "application/json")
        // A server of 1.37 compresses watches into many members, which clients misread.
        .header(header::ACCEPT_ENCODING, "identity")
        .body(Body::from(request.body))
        .map_err(|error| Failure::NotSent(error.to_string()))?;
    let answer = client.send(request).await?;
    let code = answer.status();
    if code.is_success() {
        return Ok(answer);
    }
    Err(refusal(code, answer).await)
}

async fn refusal(code: StatusCode, answer: Response<Body>) -> Failure {
    /// A refusal is a Status object of a few hundred bytes.
    const STATUS_MAX: usize = 64 * 1024;
    let retry_after = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = collect(answer.into_body(), STATUS_MAX)
        .await
        .unwrap_or_default();
    let status = serde_json::from_slice::<Status>(&body).unwrap_or_else(|_| Status {
        message: String::from_utf8_lossy(&body).into_owned(),
        ..Status::default()
    });
    Failure::from_answer(code.as_u16(), &status, retry_after)
}

async fn collect(body: Body, most: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, most).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge(most)),
        Err(error) => Err(Failure::Lost(error.to_string())),
    }
}
