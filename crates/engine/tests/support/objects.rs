//! Kubernetes objects as JSON, built from a few words.

use kubemend_engine::Moment;
use kubemend_engine::facts::template;
use kubemend_engine::source::Source;
use serde_json::{Value, json};

/// Second zero of every scenario: 2026-03-01T00:00:00Z.
pub const ZERO: i64 = 1_772_323_200_000;

/// A moment so many milliseconds after second zero.
pub fn moment(millis: i64) -> Moment {
    Moment::from_millis(ZERO + millis)
}

/// A time as Kubernetes objects carry it: whole seconds.
pub fn time(millis: i64) -> String {
    let at = kubemend_api::event::Timestamp::from_millis(ZERO + millis.div_euclid(1000) * 1000);
    at.to_string().replace(".000Z", "Z")
}

/// `1m30s` in milliseconds; a leading minus is before second zero.
pub fn millis(text: &str) -> i64 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<i64>().ok());
    if let Some(days) = days {
        return sign * days * 86_400_000;
    }
    let parsed: Result<kubemend_api::Duration, _> = text.parse();
    sign * parsed.unwrap_or_else(|error| panic!("{error}")).as_millis()
}

/// Milliseconds as people write them.
pub fn span(millis: i64) -> String {
    let text = kubemend_api::Duration::from_millis(millis.abs()).to_string();
    if millis < 0 { format!("-{text}") } else { text }
}

/// Merges a patch into a value as JSON merge patch does: null removes.
pub fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    for (key, member) in members {
        if member.is_null() {
            value.as_object_mut().and_then(|map| map.remove(key));
        } else {
            merge(&mut value[key], member);
        }
    }
}

/// The pod template of a revision: only its image differs.
pub fn template(name: &str, revision: u64) -> Value {
    json!({
        "metadata": { "labels": { "app": name } },
        "spec": { "containers": [{ "name": "app", "image": format!("{name}:{revision}"), "resources": memory("64Mi") }] },
    })
}

/// The resources of a container with that memory limit.
pub fn memory(limit: &str) -> Value {
    json!({ "limits": { "memory": limit } })
}

/// The engine's hash of a revision.
pub fn hash(name: &str, revision: u64) -> String {
    template::hash(&template(name, revision))
}

/// The policy of every scenario: restart, scale, then rollback, for the whole namespace.
pub fn policy() -> Value {
    json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingPolicy",
        "metadata": { "name": "shop", "namespace": "shop", "uid": "policy-shop" },
        "spec": {
            "mode": "Enforce",
            "targets": { "all": true },
            "rules": [{
                "name": "crash-loop",
                "when": { "crashLoop": { "restarts": 3, "window": "10m" } },
                "strategyRef": { "kind": "ClusterRecoveryStrategy", "name": "crash-loop" },
            }],
        },
    })
}

/// The strategy that ships with the operator.
pub fn strategy() -> Value {
    json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "ClusterRecoveryStrategy",
        "metadata": { "name": "crash-loop", "uid": "strategy-crash-loop", "generation": 1 },
        "spec": { "steps": [
            { "name": "restart", "action": { "restartPod": {} },
              "attempts": { "max": 3, "backoff": { "initial": "30s", "factor": 1, "max": "5m" } } },
            { "name": "scale", "action": { "scale": { "by": 1, "max": 10 } } },
            { "name": "rollback", "action": { "rollback": { "to": "LastHealthy", "provenFor": "10m" } },
              "onlyIf": { "releasedWithin": "24h" } },
        ] },
    })
}

/// The configuration of every scenario: everything may act.
pub fn config() -> Value {
    json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingConfig",
        "metadata": { "name": "cluster", "uid": "config" },
        "spec": { "modeCeiling": "Enforce" },
    })
}

/// The collection of a kind.
pub fn source(kind: &str) -> Source {
    Source::ALL
        .into_iter()
        .find(|one| one.kind() == kind)
        .unwrap_or_else(|| panic!("kind {kind:?} is not watched"))
}

/// Whether objects of this collection have a namespace.
pub fn namespaced(source: Source) -> bool {
    !matches!(
        source,
        Source::Namespaces
            | Source::Nodes
            | Source::ClusterPolicies
            | Source::ClusterStrategies
            | Source::Config
    )
}
