//! Deployments: a `ReplicaSet` per template, revisions, and the status.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    earliest,
    meta::{by_controller, is_going, key, name, namespace, number, owned_by, text, uid, wanted},
    rollout::{Limits, roll, scale},
    status::{condition, insert_nonzero, transition},
};
use crate::{
    objects::Objects,
    rng::{Rng, hash},
};

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Act for every Deployment; returns when the next progress deadline is.
pub(super) fn pass(objects: &mut Objects) -> Option<Duration> {
    let mut sets = by_controller(objects, "ReplicaSet");
    let mut next = None;
    for deployment in objects.list("Deployment", "") {
        if !is_going(&deployment) {
            let mine = sets.remove(uid(&deployment)).unwrap_or_default();
            next = earliest(next, one(objects, &deployment, mine));
        }
    }
    next
}

fn one(objects: &mut Objects, deployment: &Value, mut sets: Vec<Arc<Value>>) -> Option<Duration> {
    sets.retain(|set| !is_going(set));
    let limits = Limits::of(deployment);
    let hash = template_hash(&deployment["spec"]["template"]);
    // Oldest first, as the real controller scales them down.
    sets.sort_by_key(|set| revision(set));
    let at = sets
        .iter()
        .position(|set| set["metadata"]["labels"][HASH] == hash.as_str());
    if deployment["spec"]["paused"] == true {
        let mut active = sets.iter().filter(|set| wanted(set) > 0);
        // In the middle of a rollout, a paused Deployment stays as it is.
        if let (Some(set), None) = (active.next().or(sets.last()), active.next()) {
            scale(objects, &limits, set, limits.replicas);
        }
        let new = at.map(|at| sets.remove(at));
        return write_status(objects, deployment, &limits, new.as_deref(), &sets);
    }
    let Some(at) = at else {
        let set = make(objects, deployment, &hash);
        promote(objects, deployment, &set, &sets, "NewReplicaSetCreated");
        return None;
    };
    let new = sets.remove(at);
    if sets.iter().any(|old| revision(old) >= revision(&new)) {
        promote(objects, deployment, &new, &sets, "FoundNewReplicaSet");
        return None;
    }
    copy_annotations(objects, deployment, &new);
    roll(objects, &limits, &new, &sets);
    write_status(objects, deployment, &limits, Some(&*new), &sets)
}

/// The hash in a `ReplicaSet`'s name: the same template always gives the same one.
fn template_hash(template: &Value) -> String {
    Rng::new(hash(&template.to_string())).suffix(10)
}

fn revision(set: &Value) -> u64 {
    set["metadata"]["annotations"][REVISION]
        .as_str()
        .and_then(|r| r.parse().ok())
        .unwrap_or(0)
}

fn make(objects: &mut Objects, deployment: &Value, hash: &str) -> Arc<Value> {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    objects.put(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", name(deployment)),
            "namespace": namespace(deployment),
            "labels": template["metadata"]["labels"],
            "ownerReferences": owned_by(deployment),
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
        "status": {"replicas": 0},
    }))
}

/// Give a `ReplicaSet` the top revision, and start to watch the rollout's progress.
fn promote(
    objects: &mut Objects,
    deployment: &Value,
    set: &Value,
    others: &[Arc<Value>],
    reason: &str,
) {
    let top = others.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let before = revision(set);
    objects.update(&key(set), |set| {
        let annotations = &mut set["metadata"]["annotations"];
        annotations[REVISION] = json!(top.to_string());
        if before > 0 {
            let history = annotations[HISTORY]
                .as_str()
                .map(|old| format!("{old},{before}"));
            annotations[HISTORY] = json!(history.unwrap_or_else(|| before.to_string()));
        }
    });
    let (now, set) = (objects.clock.stamp(), name(set).to_owned());
    objects.update(&key(deployment), |deployment| {
        deployment["metadata"]["annotations"][REVISION] = json!(top.to_string());
        let verb = if before > 0 { "Found" } else { "Created" };
        let message = format!("{verb} new replica set \"{set}\"");
        let progressing = progressing("True", reason, &message, &now);
        transition(&mut deployment["status"]["conditions"], progressing, &now);
    });
}

fn progressing(status: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({
        "type": "Progressing", "status": status, "reason": reason, "message": message,
        "lastUpdateTime": now,
    })
}

/// The real controller copies a Deployment's annotations to its newest `ReplicaSet`.
fn copy_annotations(objects: &mut Objects, deployment: &Value, set: &Value) {
    let annotations = deployment["metadata"]["annotations"].as_object();
    let ours = |name: &str| matches!(name, REVISION | HISTORY | LAST_APPLIED);
    let copied: Vec<_> = annotations
        .into_iter()
        .flatten()
        .filter(|(n, _)| !ours(n))
        .collect();
    if copied
        .iter()
        .any(|(name, value)| set["metadata"]["annotations"][name] != **value)
    {
        objects.update(&key(set), |set| {
            for (name, value) in copied {
                set["metadata"]["annotations"][name] = value.clone();
            }
        });
    }
}

fn write_status(
    objects: &mut Objects,
    deployment: &Value,
    limits: &Limits,
    new: Option<&Value>,
    olds: &[Arc<Value>],
) -> Option<Duration> {
    let old_status = &deployment["status"];
    let sum = |field: &str| -> i64 {
        new.map_or(0, |new| number(&new["status"], field))
            + olds
                .iter()
                .map(|set| number(&set["status"], field))
                .sum::<i64>()
    };
    let replicas = sum("replicas");
    let updated = new.map_or(0, |new| number(&new["status"], "replicas"));
    let (ready, available) = (sum("readyReplicas"), sum("availableReplicas"));
    let mut status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "conditions": old_status["conditions"],
    });
    insert_nonzero(&mut status, "replicas", replicas);
    insert_nonzero(&mut status, "updatedReplicas", updated);
    insert_nonzero(&mut status, "readyReplicas", ready);
    insert_nonzero(&mut status, "availableReplicas", available);
    insert_nonzero(
        &mut status,
        "unavailableReplicas",
        (limits.replicas - available).max(0),
    );
    let now = objects.clock.now();
    let enough = available >= limits.replicas - limits.unavailable;
    set_available(&mut status["conditions"], enough, &objects.clock.stamp());
    // Without a set for its template, a Deployment is paused, and no progress is due.
    let left =
        new.and_then(|new| set_progress(objects, deployment, limits, name(new), &mut status));
    let due = left.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
    objects.set_status(&key(deployment), status);
    due.map(|wait| objects.clock.elapsed() + wait)
}

fn set_available(conditions: &mut Value, enough: bool, now: &str) {
    let (status, reason, verb) = if enough {
        ("True", "MinimumReplicasAvailable", "has")
    } else {
        ("False", "MinimumReplicasUnavailable", "does not have")
    };
    if condition(conditions, "Available")["status"] != status {
        let message = format!("Deployment {verb} minimum availability.");
        let available = json!({
            "type": "Available", "status": status, "reason": reason, "message": message,
            "lastUpdateTime": now,
        });
        transition(conditions, available, now);
    }
}

/// The condition `Progressing`; returns the moment at which it will say that it does not.
fn set_progress(
    objects: &Objects,
    deployment: &Value,
    limits: &Limits,
    set: &str,
    status: &mut Value,
) -> Option<Timestamp> {
    let before = &deployment["status"];
    let old = condition(&status["conditions"], "Progressing").clone();
    let count = |of: &Value, field: &str| number(of, field);
    let all_new = count(status, "replicas") == count(status, "updatedReplicas");
    // Once a rollout is complete, pods that crash do not undo that.
    if all_new && old["reason"] == "NewReplicaSetAvailable" {
        return None;
    }
    let now = objects.clock.stamp();
    let complete = ["replicas", "updatedReplicas", "availableReplicas"]
        .iter()
        .all(|field| count(status, field) == limits.replicas);
    let old_pods = |of: &Value| count(of, "replicas") - count(of, "updatedReplicas");
    let moved = ["updatedReplicas", "readyReplicas", "availableReplicas"]
        .iter()
        .any(|field| count(status, field) > count(before, field))
        || old_pods(status) < old_pods(before);
    let new = if complete {
        let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
        progressing("True", "NewReplicaSetAvailable", &message, &now)
    } else if moved {
        let message = format!("ReplicaSet \"{set}\" is progressing.");
        progressing("True", "ReplicaSetUpdated", &message, &now)
    } else {
        let seconds = deployment["spec"]["progressDeadlineSeconds"]
            .as_i64()
            .unwrap_or(600);
        let since: Timestamp = text(&old, "lastUpdateTime").parse().ok()?;
        let end = since
            .saturating_add(SignedDuration::from_secs(seconds))
            .ok()?;
        if old["reason"] == "ProgressDeadlineExceeded" {
            return None;
        }
        if objects.clock.now() < end {
            return Some(end);
        }
        let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
        progressing("False", "ProgressDeadlineExceeded", &message, &now)
    };
    transition(&mut status["conditions"], new, &now);
    None
}
