//! The engine's own hash of a pod template.

use std::fmt::Write as _;

use kubemend_api::targets::WorkloadKind;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The label of a StatefulSet's or DaemonSet's pod that names its revision.
pub const REVISION_LABEL: &str = "controller-revision-hash";

/// Where a revision of a workload of that kind holds the template.
pub const fn pointer(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment | WorkloadKind::Pod => "/spec/template",
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => "/data/spec/template",
    }
}

/// A hash over the stored template without `pod-template-hash` and restart annotations: two
/// revisions that differ only by a restart are one. Never the label: it depends on the API
/// server's defaulting and on collisions. Sixteen hex digits.
pub fn hash(template: &Value) -> String {
    let mut template = template.clone();
    if let Some(template) = template.as_object_mut() {
        // A ControllerRevision holds a patch, which says how it is to be applied.
        template.remove("$patch");
    }
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        without(metadata, "labels", |key| {
            key == "pod-template-hash" || key == REVISION_LABEL
        });
        without(metadata, "annotations", |key| key.ends_with("/restartedAt"));
        metadata.remove("creationTimestamp");
    }
    let mut hasher = Sha256::new();
    feed(&template, &mut hasher);
    hex(&hasher.finalize()[..8])
}

/// The template as it was released: what its controller and restarts added is left out.
pub fn as_released(mut template: Value) -> Value {
    if let Some(template) = template.as_object_mut() {
        template.remove("$patch");
    }
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove("pod-template-hash");
        }
        if let Some(marks) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            marks.retain(|key, _| !key.ends_with("/restartedAt"));
        }
        metadata.retain(|_, map| map.as_object().is_none_or(|map| !map.is_empty()));
    }
    template
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Removes the keys that `drop` names, and the map itself when nothing is left in it.
fn without(metadata: &mut Map<String, Value>, member: &str, drop: fn(&str) -> bool) {
    let Some(map) = metadata.get_mut(member).and_then(Value::as_object_mut) else {
        return;
    };
    map.retain(|key, _| !drop(key));
    if map.is_empty() {
        metadata.remove(member);
    }
}

/// Feeds a value with its keys in order, so that the order in which a server wrote them counts for nothing.
fn feed(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<_> = members.keys().collect();
            keys.sort();
            hasher.update([b'{']);
            for key in keys {
                hasher.update(key.as_bytes());
                hasher.update([0]);
                feed(&members[key], hasher);
            }
            hasher.update([b'}']);
        }
        Value::Array(items) => {
            hasher.update([b'[']);
            for item in items {
                feed(item, hasher);
            }
            hasher.update([b']']);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            hasher.update(value.to_string().as_bytes());
            hasher.update([0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_restart_is_no_release_and_an_image_is() {
        let good = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"image": "a:1"}]}});
        let restarted = json!({"metadata": {"labels": {"app": "a", "pod-template-hash": "x"},
            "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}, "creationTimestamp": null},
            "spec": {"containers": [{"image": "a:1"}]}});
        let kept = json!({"$patch": "replace", "metadata": {"creationTimestamp": null, "labels": {"app": "a"}},
            "spec": {"containers": [{"image": "a:1"}]}});
        let released = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"image": "a:2"}]}});
        assert_eq!(hash(&good), hash(&restarted));
        assert_eq!(hash(&good), hash(&kept));
        assert_ne!(hash(&good), hash(&released));
        assert_eq!(hash(&good).len(), 16);
    }
}
