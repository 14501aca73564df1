//! What became of a request that did not succeed, and whether it may have taken effect.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use kube::core::Status;
use thiserror::Error;

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// 409: the object moved on, or a precondition does not hold.
    #[error("conflict: {0}")]
    Conflict(String),
    /// 409: an object of that name is there already.
    #[error("an object of that name exists already")]
    AlreadyExists,
    /// 422: the object would be invalid, or a JSON patch's `test` does not hold.
    #[error("invalid: {0}")]
    Invalid(String),
    /// 404: there is no such object, or its kind is not installed.
    #[error("not found: {0}")]
    NotFound(String),
    /// 410: the version is too old to go on from.
    #[error("the resourceVersion is too old")]
    Expired,
    /// 403: no right, or an admission policy says no.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// 401: the credentials are not accepted.
    #[error("unauthorized")]
    Unauthorized,
    /// 429 of the server's own flow control.
    #[error("throttled")]
    Throttled {
        /// When to ask again, where the server says so.
        retry_after: Option<Duration>,
    },
    /// 429 of a PodDisruptionBudget, or the 500 for a pod under several of them.
    #[error("blocked by a PodDisruptionBudget: {0}")]
    PdbBlocked(String),
    /// Another 4xx: the request is refused as it stands.
    #[error("refused with {code}: {message}")]
    Refused {
        /// The HTTP code.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// 5xx: it may or may not have taken effect.
    #[error("server error {code}: {message}")]
    Server {
        /// The HTTP code.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The answer cannot be read.
    #[error("unreadable answer: {0}")]
    Garbage(String),
    /// The answer is larger than its bound.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It never left: no connection, no credentials.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It never left: the lease is not held.
    #[error("the lease is not held")]
    Fenced,
}

impl Failure {
    /// The failure in a word, for metrics, logs and records.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "Conflict",
            Self::AlreadyExists => "AlreadyExists",
            Self::Invalid(_) => "Invalid",
            Self::NotFound(_) => "NotFound",
            Self::Expired => "Expired",
            Self::Forbidden(_) => "Forbidden",
            Self::Unauthorized => "Unauthorized",
            Self::Throttled { .. } => "Throttled",
            Self::PdbBlocked(_) => "PDBBlocked",
            Self::Refused { .. } => "Refused",
            Self::Server { .. } => "ServerError",
            Self::Timeout => "Timeout",
            Self::Lost(_) => "ConnectionLost",
            Self::Garbage(_) => "UnreadableAnswer",
            Self::TooLarge(_) => "AnswerTooLarge",
            Self::NotSent(_) => "NotSent",
            Self::Fenced => "LeaseLost",
        }
    }

    /// The request certainly had no effect; otherwise only looking can tell.
    pub fn certainly_not_applied(&self) -> bool {
        match self {
            Self::Conflict(_)
            | Self::AlreadyExists
            | Self::Invalid(_)
            | Self::NotFound(_)
            | Self::Expired
            | Self::Forbidden(_)
            | Self::Unauthorized
            | Self::Throttled { .. }
            | Self::PdbBlocked(_)
            | Self::Refused { .. }
            | Self::NotSent(_)
            | Self::Fenced => true,
            Self::Server { .. }
            | Self::Timeout
            | Self::Lost(_)
            | Self::Garbage(_)
            | Self::TooLarge(_) => false,
        }
    }

    /// When the server wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// Classifies an answer that is no success.
    pub fn from_answer(code: u16, status: &Status, retry_after: Option<Duration>) -> Self {
        let message = cut(&status.message);
        let details = status.details.as_ref();
        let says = |reason: &str| {
            details.is_some_and(|all| all.causes.iter().any(|one| one.reason == reason))
        };
        match code {
            409 if status.reason == "AlreadyExists" => Self::AlreadyExists,
            409 => Self::Conflict(message),
            410 => Self::Expired,
            422 => Self::Invalid(message),
            404 => Self::NotFound(message),
            403 => Self::Forbidden(message),
            401 => Self::Unauthorized,
            429 if says("DisruptionBudget") => Self::PdbBlocked(message),
            429 => Self::Throttled {
                retry_after: retry_after.or_else(|| {
                    let seconds = details.map_or(0, |all| all.retry_after_seconds);
                    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
                }),
            },
            500 if message.contains("more than one PodDisruptionBudget") => {
                Self::PdbBlocked(message)
            }
            // The server gave up on the request in the middle of it.
            408 => Self::Timeout,
            400..500 => Self::Refused { code, message },
            _ => Self::Server { code, message },
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) => Self::from_answer(status.code, status, None),
            kube::Error::Auth(_) | kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => {
                Self::NotSent(cut(&error.to_string()))
            }
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                Self::Garbage(cut(&error.to_string()))
            }
            _ if never_connected(&error) => Self::NotSent(cut(&error.to_string())),
            _ => Self::Lost(cut(&error.to_string())),
        }
    }
}

/// Nobody listened, so nothing was sent.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let kind = error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        if matches!(
            kind,
            Some(
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
            )
        ) {
            return true;
        }
        next = error.source();
    }
    false
}

/// A server's words may be long; logs and records hold a sentence or two.
fn cut(text: &str) -> String {
    const MOST: usize = 256;
    text.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(json: serde_json::Value) -> Status {
        serde_json::from_value(json).expect("a Status")
    }

    #[test]
    fn a_budget_and_a_throttle_are_told_apart() {
        let budget = status(serde_json::json!({
            "message": "no", "reason": "TooManyRequests",
            "details": {"causes": [{"reason": "DisruptionBudget", "message": "web needs 2"}]},
        }));
        let failure = Failure::from_answer(429, &budget, None);
        assert_eq!(failure.label(), "PDBBlocked");
        let throttle = status(
            serde_json::json!({"reason": "TooManyRequests", "details": {"retryAfterSeconds": 3}}),
        );
        let failure = Failure::from_answer(429, &throttle, None);
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(3)));
        assert!(failure.certainly_not_applied());
        let several = status(serde_json::json!({
            "message": "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        }));
        assert_eq!(
            Failure::from_answer(500, &several, None).label(),
            "PDBBlocked"
        );
    }

    #[test]
    fn only_a_refusal_certainly_had_no_effect() {
        let empty = Status::default();
        for code in [400, 401, 403, 404, 405, 409, 410, 415, 422, 429] {
            assert!(
                Failure::from_answer(code, &empty, None).certainly_not_applied(),
                "{code}"
            );
        }
        for code in [408, 500, 502, 503, 504] {
            assert!(
                !Failure::from_answer(code, &empty, None).certainly_not_applied(),
                "{code}"
            );
        }
        assert!(!Failure::Timeout.certainly_not_applied());
        assert!(!Failure::Lost(String::new()).certainly_not_applied());
        let refused = std::io::Error::new(ErrorKind::ConnectionRefused, "nobody");
        let failure = Failure::from(kube::Error::Service(refused.into()));
        assert!(matches!(failure, Failure::NotSent(_)));
    }
}
