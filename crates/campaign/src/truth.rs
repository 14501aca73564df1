//! Facts as the server has them, read without any of the operator's own code.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kubemend_sim::toy::PROGRAM;
use kubemend_sim::{Key, Objects};
use serde_json::Value;

/// Text of a field, or nothing.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Items of a list, or none.
pub(crate) fn items<'a>(
    object: &'a Value,
    pointer: &str,
) -> impl DoubleEndedIterator<Item = &'a Value> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

/// Is a record open, and one that acts?
pub(crate) fn is_open(record: &Value) -> bool {
    text(record, "/status/endedAt").is_empty() && !text(record, "/metadata/name").ends_with("-dry")
}

/// The pods of a workload: the toy labels them with its name.
pub(crate) fn pods(objects: &Objects, namespace: &str, workload: &str) -> Vec<Arc<Value>> {
    let mut pods = objects.list("Pod", namespace);
    pods.retain(|pod| text(pod, "/metadata/labels/app") == workload);
    pods
}

/// Did a container of the pod ever end by itself?
pub(crate) fn has_failed(pod: &Value) -> bool {
    let restarted = |one: &Value| one["restartCount"].as_i64().unwrap_or(0) > 0;
    let ended = |one: &Value| {
        !one["state"]["terminated"].is_null() || !one["lastState"]["terminated"].is_null()
    };
    text(pod, "/status/phase") == "Failed"
        || items(pod, "/status/containerStatuses").any(|one| restarted(one) || ended(one))
}

/// Does a container of the pod wait for its restart, or has it just ended?
pub(crate) fn is_down(pod: &Value) -> bool {
    items(pod, "/status/containerStatuses").any(|one| {
        !one["state"]["terminated"].is_null()
            || one["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    })
}

/// Since when a pod is ready, if it is.
pub(crate) fn ready_since(pod: &Value) -> Option<Timestamp> {
    let mut conditions = items(pod, "/status/conditions");
    let ready = conditions.find(|one| one["type"] == "Ready" && one["status"] == "True")?;
    text(ready, "/lastTransitionTime").parse().ok()
}

/// Is the pod ready?
pub(crate) fn is_ready(pod: &Value) -> bool {
    items(pod, "/status/conditions").any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// When the pod's containers ended last.
pub(crate) fn last_end(pod: &Value) -> Option<Timestamp> {
    let ends = items(pod, "/status/containerStatuses").flat_map(|one| {
        let at = |state: &Value| text(state, "/terminated/finishedAt").parse().ok();
        [at(&one["state"]), at(&one["lastState"])]
    });
    ends.flatten().max()
}

/// Was the pod made from the workload's present template? The toy's programs tell releases apart.
pub(crate) fn is_current(pod: &Value, workload: &Value) -> bool {
    let program = |meta: &Value| meta["annotations"][PROGRAM].clone();
    program(&pod["metadata"]) == program(&workload["spec"]["template"]["metadata"])
}

/// Does a policy enforce over a workload?
pub(crate) fn enforcing(objects: &Objects, kind: &str, namespace: &str, name: &str) -> bool {
    !policies(objects, kind, namespace, name).is_empty()
}

/// The policies that enforce over a workload.
pub(crate) fn policies(
    objects: &Objects,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Vec<Arc<Value>> {
    let names = |policy: &Value| {
        policy["spec"]["targets"]["all"] == true
            || items(policy, "/spec/targets/names")
                .any(|one| one["kind"] == kind && one["name"] == name)
    };
    let enforces = |policy: &Arc<Value>| policy["spec"]["mode"] == "Enforce" && names(policy);
    let mut over = objects.list("HealingPolicy", namespace);
    over.extend(
        objects
            .list("ClusterHealingPolicy", "")
            .into_iter()
            .filter(|policy| items(policy, "/spec/namespaces/names").any(|one| one == namespace)),
    );
    over.retain(enforces);
    over
}

/// May nothing act at all: the configuration is missing or paused?
pub(crate) fn is_stopped(objects: &Objects) -> bool {
    objects
        .get(&Key::new("HealingConfig", "", "cluster"))
        .is_none_or(|config| !config["spec"]["pause"].is_null())
}
