//! A Warning event, reduced to what it is about, how often it came, and whether a probe was answered.

use super::pod::moment;
use super::slim::SlimEvent;
use super::{Name, Text, Uid};
use crate::moment::Moment;

/// What one event tells. It is a hint: best effort, late, and gone after an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct EventFacts {
    pub name: Name,
    pub uid: Uid,
    /// The object that it is about: its kind, name and UID. Its namespace is the event's own, which the API
    /// server demands.
    pub kind: Text,
    pub about: Name,
    pub about_uid: Uid,
    pub warning: bool,
    pub reason: Text,
    /// How often it came, by `count` or `series.count`, whichever the writer keeps.
    pub count: u32,
    pub first: Option<Moment>,
    pub last: Option<Moment>,
    /// Why a probe got no answer, where that is what it tells.
    pub probe: Option<NoAnswer>,
}

/// How a probe over the network found nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nothing came back in time, or there is no way there.
    Silence,
    /// Something is there and refuses: its network works, and nobody listens.
    Refused,
}

/// A UUID has 36 characters.
const UID_MAX: usize = 64;
/// What the API server admits in events.k8s.io/v1.
const REASON_MAX: usize = 128;

impl EventFacts {
    /// Reads an event.
    pub fn read(event: &SlimEvent) -> Self {
        let meta = &event.metadata;
        let about = &event.involved_object;
        let series = event.series.as_ref();
        let counts = event.count.into_iter().chain(series.map(|one| one.count));
        let times = |text: &Option<String>| moment(text.as_deref());
        let last = [
            times(&event.last_timestamp),
            series.and_then(|one| times(&one.last_observed_time)),
            times(&event.event_time),
        ];
        Self {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.as_str().into(),
            kind: about.kind.as_str().into(),
            about: Name::new(&meta.namespace, &about.name),
            about_uid: about.uid.as_str().into(),
            // Nothing that Kubernetes itself writes is longer, and what is kept has a bound.
            warning: event.type_ == "Warning"
                && [&about.uid, &meta.uid]
                    .iter()
                    .all(|uid| uid.len() <= UID_MAX)
                && event.reason.len() <= REASON_MAX,
            reason: event.reason.as_str().into(),
            count: u32::try_from(counts.max().unwrap_or(1).max(1)).unwrap_or(u32::MAX),
            first: times(&event.first_timestamp).or(times(&event.event_time)),
            last: last.into_iter().flatten().max(),
            probe: (event.reason == "Unhealthy")
                .then(|| no_answer(&event.message))
                .flatten(),
        }
    }
}

/// Whether a probe of the kubelet got no answer over the network. What a command of an exec probe prints about
/// connections is about somebody else, and an answer of the wrong kind is one.
/// <https://github.com/kubernetes/kubernetes/tree/master/pkg/probe>
fn no_answer(message: &str) -> Option<NoAnswer> {
    const BY_NETWORK: [&str; 5] = [
        "Get \"",
        "dial ",
        "timeout: failed to connect service",
        "error: failed to connect service",
        "timeout: health rpc",
    ];
    const SILENCE: [&str; 6] = [
        "context deadline exceeded",
        "i/o timeout",
        "no route to host",
        "network is unreachable",
        "connection timed out",
        "timeout: health rpc",
    ];
    const REFUSED: [&str; 2] = ["connection refused", "connection reset"];
    let (_, said) = message.split_once(" probe failed: ")?;
    if !BY_NETWORK.iter().any(|start| said.starts_with(start)) {
        return None;
    }
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&SILENCE) {
        Some(NoAnswer::Silence)
    } else {
        says(&REFUSED).then_some(NoAnswer::Refused)
    }
}

/// Whether a reason is one that is asked for: `Failed`, or with asterisks `*Failed*`.
pub fn is_asked(pattern: &str, reason: &str) -> bool {
    let (open, rest) = strip(pattern, pattern.strip_prefix('*'));
    let (more, word) = strip(rest, rest.strip_suffix('*'));
    match (open, more) {
        (false, false) => reason == word,
        (false, true) => reason.starts_with(word),
        (true, false) => reason.ends_with(word),
        (true, true) => reason.contains(word),
    }
}

fn strip<'a>(whole: &'a str, stripped: Option<&'a str>) -> (bool, &'a str) {
    (stripped.is_some(), stripped.unwrap_or(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_stands_for_anything() {
        for (pattern, reason, asked) in [
            ("Failed", "Failed", true),
            ("Failed", "FailedMount", false),
            ("Failed*", "FailedMount", true),
            ("*Error", "SyncError", true),
            ("*Error*", "ErrorOfMine", true),
            ("*Error*", "Failed", false),
        ] {
            assert_eq!(is_asked(pattern, reason), asked, "{pattern} {reason}");
        }
    }

    #[test]
    fn only_a_probe_over_the_network_tells_of_the_network() {
        use NoAnswer::{Refused, Silence};
        for (said, why) in [
            (
                r#"Readiness probe failed: Get "http://10.244.1.5:80/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"#,
                Some(Silence),
            ),
            (
                r#"(combined from similar events): Liveness probe failed: Get "http://10.244.1.5:80/": dial tcp 10.244.1.5:80: i/o timeout"#,
                Some(Silence),
            ),
            (
                "Readiness probe failed: dial tcp 10.244.1.5:80: connect: no route to host",
                Some(Silence),
            ),
            (
                "Readiness probe failed: dial tcp 10.244.1.5:80: connect: connection refused",
                Some(Refused),
            ),
            (
                r#"Readiness probe failed: timeout: failed to connect service "10.244.1.5:9090" within 1s: context deadline exceeded"#,
                Some(Silence),
            ),
            (
                "Readiness probe failed: HTTP probe failed with statuscode: 504",
                None,
            ),
            (
                "Readiness probe failed: psql: could not connect: connection refused",
                None,
            ),
            (
                r#"Readiness probe failed: command timed out: "sh -c check" timed out after 1s"#,
                None,
            ),
            (
                "Readiness probe errored: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
                None,
            ),
        ] {
            assert_eq!(no_answer(said), why, "{said}");
        }
    }
}
