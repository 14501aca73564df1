//! The statuses of policies, strategies and the configuration: best effort, at most one write per object
//! and ten seconds, and none that changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use kubemend_api::{CONFIG_NAME, HealingConfigStatus};
use kubemend_engine::Source;
use kubemend_engine::facts::{Name, Text};
use kubemend_engine::report::{PolicyReport, Report, StrategyReport};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::call::{self, Request};
use crate::{Failure, Fence, Permit};

/// At most one write per object in this time.
const EVERY: Duration = Duration::from_secs(10);

/// A status is worth no longer wait: the next report tells it again.
const WITHIN: Duration = Duration::from_secs(5);

/// What is to be said now. The writer sees the newest reports only; older ones say nothing more.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// The statuses of all policies.
    pub policies: Vec<PolicyReport>,
    /// The statuses of all strategies.
    pub strategies: Vec<StrategyReport>,
    /// The status of HealingConfig, where it should say something else.
    pub config: Option<HealingConfigStatus>,
}

/// A status that waits for its turn.
struct Pending {
    uid: Option<Text>,
    status: Value,
}

type Key = (Source, Name);

/// What was written last, and when it was tried.
type Written = BTreeMap<Key, (Instant, Value)>;

/// Writes what the reports say until their sender is gone.
pub async fn write(client: Client, fence: Fence, mut reports: watch::Receiver<Reports>) {
    let mut pending: BTreeMap<Key, Pending> = BTreeMap::new();
    let mut written = Written::new();
    loop {
        let next = next_due(&pending, &written);
        tokio::select! {
            biased;
            changed = reports.changed() => {
                if changed.is_err() { return }
                pending = collect(&reports.borrow_and_update());
                // Only objects that still are reported keep their time: the map stays as small.
                written.retain(|_, (at, _)| at.elapsed() < EVERY);
            }
            () = tokio::time::sleep_until(next.unwrap_or_else(far)), if next.is_some() => {}
        }
        let Some(permit) = fence.permit() else {
            pending.clear();
            continue;
        };
        for key in due(&pending, &written) {
            let Some(one) = pending.remove(&key) else {
                continue;
            };
            // The report was made before the view showed the last write.
            if written
                .get(&key)
                .is_some_and(|(_, status)| *status == one.status)
            {
                continue;
            }
            let answer = put(&client, &permit, &key, &one).await;
            let said = if answer.is_ok() {
                one.status
            } else {
                Value::Null
            };
            written.insert(key.clone(), (Instant::now(), said));
            if let Err(failure) = answer {
                let (source, name) = &key;
                tracing::debug!(kind = source.kind(), %name, %failure, "a status could not be written");
            }
        }
    }
}

/// Never reached: stands in where nothing is pending.
fn far() -> Instant {
    Instant::now() + EVERY
}

fn collect(reports: &Reports) -> BTreeMap<Key, Pending> {
    let policies = changed(&reports.policies);
    let strategies = changed(&reports.strategies);
    let config = reports.config.iter().map(|status| {
        let pending = Pending {
            uid: None,
            status: json!(status),
        };
        ((Source::Config, Name::new("", CONFIG_NAME)), pending)
    });
    policies.chain(strategies).chain(config).collect()
}

fn changed<S: Serialize>(reports: &[Report<S>]) -> impl Iterator<Item = (Key, Pending)> {
    reports.iter().filter(|one| one.changed).map(|one| {
        let pending = Pending {
            uid: Some(one.uid.clone()),
            status: json!(one.status),
        };
        ((one.source, one.name.clone()), pending)
    })
}

/// When the object's turn comes; one that was not written lately has it `now`.
fn due_at(key: &Key, written: &Written, now: Instant) -> Instant {
    written.get(key).map_or(now, |(at, _)| *at + EVERY)
}

fn due(pending: &BTreeMap<Key, Pending>, written: &Written) -> Vec<Key> {
    let now = Instant::now();
    let due = pending
        .keys()
        .filter(|key| due_at(key, written, now) <= now);
    due.cloned().collect()
}

fn next_due(pending: &BTreeMap<Key, Pending>, written: &Written) -> Option<Instant> {
    let now = Instant::now();
    pending.keys().map(|key| due_at(key, written, now)).min()
}

/// Replaces the whole status, as a merge would keep members that are absent now. The UID keeps a
/// status off a successor of the same name.
async fn put(client: &Client, permit: &Permit, key: &Key, one: &Pending) -> Result<(), Failure> {
    permit.check()?;
    let (source, name) = key;
    let same = one
        .uid
        .iter()
        .map(|uid| json!({"op": "test", "path": "/metadata/uid", "value": &**uid}));
    let set = json!({"op": "add", "path": "/status", "value": one.status});
    let patch: Vec<Value> = same.chain([set]).collect();
    let request = Request::json_patch(
        &format!("{}/status", call::path(*source, name)),
        &json!(patch),
    );
    call::send(client, request, WITHIN).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
