//! Objects that no well-meaning client writes, in namespace `bog`.

#![allow(unreachable_pub, reason = "a module of one test")]

use serde_json::{Value, json};

/// A node whose kubelet does nothing, so that it puts no pod right.
pub const DEAD: &str = "node-dead";

fn object(kind: &str, name: &str, rest: &Value) -> Value {
    let group = match kind {
        "Pod" => "v1",
        "DaemonSet" | "ReplicaSet" => "apps/v1",
        "PodDisruptionBudget" => "policy/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        _ => "kubemend.io/v1alpha1",
    };
    let mut object =
        json!({"apiVersion": group, "kind": kind, "metadata": {"namespace": "bog", "name": name}});
    if kind == "Pod" {
        object["spec"]["nodeName"] = json!(DEAD);
    }
    for (key, value) in rest.as_object().into_iter().flatten() {
        if key == "metadata" {
            for (key, value) in value.as_object().into_iter().flatten() {
                object["metadata"][key] = value.clone();
            }
        } else {
            object[key] = value.clone();
        }
    }
    object
}

/// What cannot be read, each under its own name.
pub fn unreadable() -> Vec<Value> {
    let long = "\u{1b}[2J".repeat(300_000);
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "u", "templateHash": "h"});
    let record = |failed_at: &str| {
        json!({"target": target, "targetRef": "Deployment/x", "policyRef": "HealingPolicy/all", "rule": "loops",
            "symptom": "CrashLoop", "ttl": "1h", "failedAt": failed_at, "detectedAt": failed_at})
    };
    vec![
        object(
            "Pod",
            "huge",
            &json!({"status": {"containerStatuses": [{"restartCount": long}]}}),
        ),
        object(
            "Pod",
            "many-restarts",
            &json!({"status": {"containerStatuses": [{"restartCount": u64::MAX}]}}),
        ),
        object("Pod", "phase-seven", &json!({"status": {"phase": 7}})),
        object(
            "DaemonSet",
            "fraction",
            &json!({"spec": {}, "status": {"desiredNumberScheduled": 1.5}}),
        ),
        object(
            "ReplicaSet",
            "replicas-word",
            &json!({"spec": {"replicas": "two"}}),
        ),
        object(
            "PodDisruptionBudget",
            "no-number",
            &json!({"status": {"disruptionsAllowed": "1e999"}}),
        ),
        object(
            "HorizontalPodAutoscaler",
            "word",
            &json!({"spec": {"scaleTargetRef": "web"}}),
        ),
        object(
            "HealingPolicy",
            "unknown-words",
            &json!({"spec": {"mode": "Enforced", "rules": [{"when": {"moonPhase": {}}}]}}),
        ),
        object(
            "RecoveryStrategy",
            "explodes",
            &json!({"spec": {"steps": 7}}),
        ),
        object(
            "HealingEvent",
            "x-000000-1",
            &json!({"spec": record("2026-01-01T00:00:00Z"), "status": {"phase": "Healing"}}),
        ),
        object(
            "HealingEvent",
            "x-000000-2",
            &json!({"spec": record("9999-12-31T23:59:59Z")}),
        ),
    ]
}

/// What can be read, and is absurd.
pub fn absurd() -> Vec<Value> {
    let owner = |kind: &str, name: &str, uid: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]);
    let end = |started: &str, finished: &str| {
        json!({"phase": "Exploded", "conditions": [{"type": "Ready", "status": "Perhaps", "lastTransitionTime": "9999-12-31T23:59:59Z"}],
            "containerStatuses": [{"name": "app", "restartCount": -5, "lastState": {"terminated":
                {"exitCode": i64::MAX, "startedAt": started, "finishedAt": finished}}}]})
    };
    vec![
        object(
            "Pod",
            "large",
            &json!({"metadata": {"annotations": {"note": "x".repeat(1_500_000)}}}),
        ),
        object(
            "Pod",
            "future",
            &json!({"metadata": {"creationTimestamp": "9999-12-30T21:59:59Z"}, "status": end("9999-12-30T21:00:00Z", "9999-12-30T21:00:01Z")}),
        ),
        object(
            "Pod",
            "past",
            &json!({"metadata": {"creationTimestamp": "0001-01-01T00:00:00Z"}, "status": end("9999-12-30T21:00:00Z", "0001-01-01T00:00:00Z")}),
        ),
        object(
            "Pod",
            "no-time",
            &json!({"metadata": {"creationTimestamp": "soon"}, "status": end("yesterday", "2026-02-30T25:61:61Z")}),
        ),
        object(
            "Pod",
            "orphan",
            &json!({"metadata": {"ownerReferences": owner("ReplicaSet", "nobody", "nobody")}, "status": end("", "")}),
        ),
        object(
            "Pod",
            "own-child",
            &json!({"metadata": {"uid": "own-child", "ownerReferences": owner("Pod", "own-child", "own-child")}}),
        ),
        object(
            "ReplicaSet",
            "hen",
            &json!({"metadata": {"uid": "hen", "ownerReferences": owner("ReplicaSet", "egg", "egg")}, "spec": {"replicas": 0}}),
        ),
        object(
            "ReplicaSet",
            "egg",
            &json!({"metadata": {"uid": "egg", "ownerReferences": owner("ReplicaSet", "hen", "hen")}, "spec": {"replicas": 0}}),
        ),
        object(
            "DaemonSet",
            "negative",
            &json!({"spec": {"template": {}}, "status": {"observedGeneration": i64::MIN,
            "desiredNumberScheduled": -3, "updatedNumberScheduled": i64::MAX, "numberAvailable": -1}}),
        ),
        object(
            "PodDisruptionBudget",
            "negative",
            &json!({"spec": {"selector": {"matchExpressions": [{"key": "", "operator": "Perhaps"}]}},
            "status": {"disruptionsAllowed": -1, "desiredHealthy": i64::MAX}}),
        ),
    ]
}
