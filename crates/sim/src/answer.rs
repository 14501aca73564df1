//! HTTP answers.

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use serde_json::{Value, json};
use tower::BoxError;

use crate::{clock::Clock, refusal::Refusal};

/// A response with a body that may be a stream.
pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

fn with_head(clock: &Clock, code: u16, body: UnsyncBoxBody<Bytes, BoxError>) -> Answer {
    let date = HeaderValue::from_str(&clock.http_date()).expect("a date is plain ASCII");
    Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::DATE, date)
        .body(body)
        .expect("codes come from tests and this crate")
}

fn whole(clock: &Clock, code: u16, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    with_head(clock, code, body)
}

pub(crate) fn json(clock: &Clock, code: u16, body: &Value) -> Answer {
    whole(clock, code, body.to_string())
}

pub(crate) fn garbage(clock: &Clock) -> Answer {
    whole(clock, 200, "{\"kind\":\"Po")
}

pub(crate) fn refused(clock: &Clock, refusal: &Refusal) -> Answer {
    let mut answer = json(clock, refusal.code, &refusal.status());
    if let Some(seconds) = refusal.retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

pub(crate) fn version(clock: &Clock) -> Answer {
    let version = json!({"major": "1", "minor": "37", "gitVersion": "v1.37.0-fake"});
    json(clock, 200, &version)
}

pub(crate) fn stream(
    clock: &Clock,
    frames: impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static,
) -> Answer {
    with_head(clock, 200, StreamBody::new(frames).boxed_unsync())
}
