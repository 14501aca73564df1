//! What the failing pods say, read between the intent and the act: best effort, bounded, and
//! never from container logs, which may hold secrets.

use std::time::Duration;

use kube::Client;
use kubemend_api::event::EventEvidence;
use kubemend_engine::Source;
use kubemend_engine::episode::{Attempt, Verb};
use kubemend_engine::facts::Name;
use kubemend_engine::plan::Pods;
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde::Deserialize;
use tokio::time::timeout;

/// The act waits no longer than this; whatever was read by then counts.
const WITHIN: Duration = Duration::from_secs(3);

/// The record's schema holds as many entries, of this many characters.
const ENTRIES_MAX: usize = 20;
const TEXT_MAX: usize = 512;

/// Of pods that no request names so many are asked: more say the same.
const PODS_MAX: usize = 3;

/// The newest Warning events of one pod; more say the same.
const EVENTS_MAX: usize = 2;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pod {
    metadata: Meta,
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    uid: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    reason: Option<String>,
    message: Option<String>,
    container_statuses: Vec<Container>,
    init_container_statuses: Vec<Container>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    restart_count: i64,
    state: State,
    last_state: State,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Waiting {
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    exit_code: i64,
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Events {
    items: Vec<Event>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
    message: Option<String>,
    #[serde(rename = "lastTimestamp")]
    last: Option<String>,
    #[serde(rename = "eventTime")]
    at: Option<String>,
}

/// Reads what the pods say that an attempt replaces, or else those that fail; what was known before stays behind it.
pub(crate) async fn read(
    client: &Client,
    namespace: &str,
    attempt: &Attempt,
    failing: &Pods,
    before: &[EventEvidence],
) -> Vec<EventEvidence> {
    let mut found = Vec::new();
    let replaced = attempt
        .requests
        .iter()
        .filter(|one| matches!(one.verb, Verb::Evict | Verb::Delete))
        .map(|one| (&one.name, &one.uid));
    let mut pods: Vec<_> = replaced.collect();
    if pods.is_empty() {
        let failing = failing.iter().map(|(name, uid)| (name, uid));
        pods.extend(failing.take(PODS_MAX));
    }
    let reading = async {
        for (pod, uid) in pods {
            let name = Name::new(namespace, pod);
            if let Err(failure) = one(client, &name, uid, &mut found).await {
                tracing::debug!(pod = %name, %failure, "no evidence");
            }
            if found.len() >= ENTRIES_MAX {
                break;
            }
        }
    };
    if timeout(WITHIN, reading).await.is_err() {
        tracing::debug!(namespace, "reading evidence took too long");
    }
    for old in before {
        if !found.contains(old) {
            found.push(old.clone());
        }
    }
    found.truncate(ENTRIES_MAX);
    found
}

async fn one(
    client: &Client,
    name: &Name,
    uid: &str,
    found: &mut Vec<EventEvidence>,
) -> Result<(), Failure> {
    let json = call::send(client, Request::get(call::path(Source::Pods, name)), WITHIN).await?;
    let pod: Pod = parse(&json)?;
    if pod.metadata.uid == uid {
        found.extend(of_pod(name, pod.status));
    }
    let uri = format!(
        "/api/v1/namespaces/{}/events?limit=50&fieldSelector=involvedObject.uid%3D{uid}%2Ctype%3DWarning",
        name.namespace
    );
    let json = call::send(client, Request::get(uri), WITHIN).await?;
    found.extend(of_events(name, parse(&json)?));
    Ok(())
}

fn of_pod(name: &Name, status: Status) -> Vec<EventEvidence> {
    let whole = EventEvidence {
        pod: name.name.to_string(),
        reason: cut(status.reason, 64),
        message: cut(status.message, TEXT_MAX),
        ..EventEvidence::default()
    };
    let whole = whole.reason.is_some().then_some(whole);
    let containers = status
        .init_container_statuses
        .into_iter()
        .chain(status.container_statuses);
    let said = containers.flat_map(|one| of_container(name, one));
    whole.into_iter().chain(said).collect()
}

/// How a container ended last, and what it waits for where it says more than that it waits.
fn of_container(name: &Name, one: Container) -> Vec<EventEvidence> {
    let mut said = Vec::new();
    let tells = |waits: &Waiting| {
        waits.message.is_some() && waits.reason.as_deref() != Some("CrashLoopBackOff")
    };
    let waits = one.state.waiting.filter(tells);
    said.extend(waits.map(|waits| EventEvidence {
        pod: name.name.to_string(),
        container: Some(one.name.clone()),
        reason: cut(waits.reason, 64),
        message: cut(waits.message, TEXT_MAX),
        ..EventEvidence::default()
    }));
    let end = one.state.terminated.or(one.last_state.terminated);
    said.extend(end.map(|end| EventEvidence {
        pod: name.name.to_string(),
        container: Some(one.name),
        reason: cut(end.reason, 64),
        exit_code: Some(end.exit_code),
        restarts: Some(one.restart_count),
        message: cut(end.message, TEXT_MAX),
    }));
    said
}

fn of_events(name: &Name, events: Events) -> impl Iterator<Item = EventEvidence> {
    let mut events = events.items;
    // A server that knows no such selector returns all types.
    events.retain(|one| one.kind == "Warning");
    let when = |one: &Event| one.last.clone().or_else(|| one.at.clone());
    events.sort_by_key(|one| std::cmp::Reverse(when(one)));
    let pod = name.name.to_string();
    events
        .into_iter()
        .take(EVENTS_MAX)
        .map(move |one| EventEvidence {
            pod: pod.clone(),
            reason: cut(one.reason, 64),
            message: cut(one.message, TEXT_MAX),
            ..EventEvidence::default()
        })
}

fn cut(text: Option<String>, most: usize) -> Option<String> {
    let text: String = text?.trim().chars().take(most).collect();
    Some(text).filter(|text| !text.is_empty())
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| Failure::Garbage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_container_and_its_words() {
        let status: Status = parse(
            br#"{"containerStatuses": [{"name": "app", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "message": " no db\n"}}}]}"#,
        )
        .unwrap();
        let found = of_pod(&Name::new("shop", "web-1"), status);
        assert_eq!(found.len(), 1);
        let one = &found[0];
        assert_eq!(
            (one.exit_code, one.restarts, one.message.as_deref()),
            (Some(3), Some(4), Some("no db"))
        );
        let status: Status = parse(
            br#"{"containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "CreateContainerConfigError",
                "message": "configmap \"settings\" not found"}}}]}"#,
        )
        .unwrap();
        let found = of_pod(&Name::new("shop", "web-1"), status);
        let message = found[0].message.as_deref();
        assert_eq!(message, Some("configmap \"settings\" not found"));
        assert_eq!(
            cut(Some("x".repeat(600)), TEXT_MAX).map(|text| text.len()),
            Some(TEXT_MAX)
        );
    }
}
