//! A hold that lasts has to be true: read off the objects, not off what the operator says.

use std::sync::Arc;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kubemend_sim::{Key, Objects};
use serde_json::Value;

use crate::manifests::{CLUSTER, NAMESPACE};
use crate::truth::{self, items, text};

/// Is it true that a record's target has to wait for the reason that it gives?
pub(crate) fn is_true(objects: &Objects, record: &Value) -> bool {
    let namespace = text(record, "/metadata/namespace");
    let (kind, name) = (
        text(record, "/spec/target/kind"),
        text(record, "/spec/target/name"),
    );
    let Some(workload) = objects.get(&Key::new(kind, namespace, name)) else {
        return false;
    };
    match text(record, "/status/reason") {
        "BudgetExhausted" => is_exhausted(objects, (kind, namespace, name)),
        // It is not well either, or the episode would end.
        "NothingFailing" => {
            let pods = truth::pods(objects, namespace, name);
            !pods.iter().any(|pod| truth::is_down(pod))
                && !pods.iter().all(|pod| truth::is_ready(pod))
        }
        "CommonCause" => shares(objects, record),
        "RolloutInProgress" => is_rolling_out(objects, namespace, workload),
        "PDBBlocked" => {
            let budget = objects.get(&Key::new("PodDisruptionBudget", namespace, name));
            budget.is_some_and(|one| one["status"]["disruptionsAllowed"] == 0)
        }
        _ => false,
    }
}

/// Two others fail, and show a sign that this one shows.
fn shares(objects: &Objects, record: &Value) -> bool {
    let signs: Vec<&Value> = items(record, "/spec/signs").collect();
    let others = objects.list("HealingEvent", "").into_iter().filter(|one| {
        let fails = truth::is_open(one) && text(one, "/status/healthyAt").is_empty();
        fails && one["spec"]["targetRef"] != record["spec"]["targetRef"]
    });
    others
        .filter(|one| items(one, "/spec/signs").any(|sign| signs.contains(&sign)))
        .count()
        >= 2
}

/// Pods of another release are there, or too few of the newest.
fn is_rolling_out(objects: &Objects, namespace: &str, workload: &Value) -> bool {
    let pods = truth::pods(objects, namespace, text(workload, "/metadata/name"));
    let count = |pointer| workload.pointer(pointer).and_then(Value::as_i64);
    let (updated, wanted) = if workload["kind"] == "DaemonSet" {
        let updated = count("/status/updatedNumberScheduled");
        (updated, count("/status/desiredNumberScheduled"))
    } else {
        (count("/status/updatedReplicas"), count("/spec/replicas"))
    };
    updated.unwrap_or(0) < wanted.unwrap_or(1)
        || pods.iter().any(|pod| !truth::is_current(pod, workload))
}

/// What a record used: acts within the hour, and whether an attempt is under way.
struct Use<'a> {
    record: &'a Value,
    acts: u64,
    slot: bool,
}

/// Some budget that counts for the target leaves nothing.
fn is_exhausted(objects: &Objects, (kind, namespace, name): (&str, &str, &str)) -> bool {
    let records = objects.list("HealingEvent", "");
    let hour = objects.clock.now() - SignedDuration::from_hours(1);
    let all: Vec<Use<'_>> = records.iter().map(|record| used(record, hour)).collect();
    let full = |counts: &dyn Fn(&Value) -> bool, (concurrent, acts): (u64, u64)| {
        let mine = || all.iter().filter(|one| counts(one.record));
        let slots = mine().filter(|one| one.slot).count() as u64;
        slots >= concurrent || mine().map(|one| one.acts).sum::<u64>() >= acts
    };
    let here = |record: &Value| text(record, "/metadata/namespace") == namespace;
    let of_policy = |policy: &Arc<Value>| {
        let budget = &policy["spec"]["budget"];
        let limits = (
            budget["concurrent"].as_u64().unwrap_or(1),
            budget["actsPerHour"].as_u64().unwrap_or(10),
        );
        let selected = |record: &Value| {
            let at = |pointer| text(record, pointer);
            let home = at("/metadata/namespace");
            let reference = format!(
                "{}/{}",
                text(policy, "/kind"),
                text(policy, "/metadata/name")
            );
            let over = truth::policies(
                objects,
                at("/spec/target/kind"),
                home,
                at("/spec/target/name"),
            );
            at("/spec/policyRef") == reference || over.contains(policy)
        };
        full(&selected, limits)
    };
    full(&|_| true, CLUSTER)
        || full(&here, NAMESPACE)
        || truth::policies(objects, kind, namespace, name)
            .iter()
            .any(of_policy)
}

fn used(record: &Value, hour: Timestamp) -> Use<'_> {
    let dry = text(record, "/metadata/name").ends_with("-dry");
    let (mut acts, mut slot) = (0, false);
    for attempt in items(record, "/status/attempts").filter(|_| !dry) {
        slot |= attempt["outcome"].is_null() && items(attempt, "/requests").next().is_some();
        let at: Option<Timestamp> = text(attempt, "/intentAt").parse().ok();
        if at.is_some_and(|at| at > hour) {
            acts += items(attempt, "/requests")
                .filter(|one| one["result"] != "NotApplied")
                .count() as u64;
        }
    }
    Use { record, acts, slot }
}
