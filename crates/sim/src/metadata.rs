//! The metadata that the server owns.

use serde_json::{Value, json};

use crate::{clock::Clock, objects::Key, rng::Rng};

/// Fill in what the server owns on a new object.
pub(crate) fn fill(object: &mut Value, key: &Key, clock: &Clock, rng: &mut Rng) {
    let meta = &mut object["metadata"];
    meta["name"] = json!(key.name);
    if key.resource.namespaced {
        meta["namespace"] = json!(key.namespace);
    }
    if meta["uid"].is_null() {
        meta["uid"] = json!(rng.uid());
    }
    if meta["creationTimestamp"].is_null() {
        meta["creationTimestamp"] = json!(clock.stamp());
    }
    if key.resource.status && meta["generation"].is_null() {
        meta["generation"] = json!(1);
    }
}

/// Carry over what a write cannot change, and count the generation.
pub(crate) fn keep_metadata(key: &Key, old: &Value, new: &mut Value) {
    const KEPT: [&str; 6] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "resourceVersion",
    ];
    const MARKS: [&str; 2] = ["deletionTimestamp", "deletionGracePeriodSeconds"];
    for field in KEPT {
        if !old["metadata"][field].is_null() {
            new["metadata"][field] = old["metadata"][field].clone();
        }
    }
    for field in MARKS {
        if !old["metadata"][field].is_null() {
            new["metadata"][field] = old["metadata"][field].clone();
        }
    }
    for field in ["apiVersion", "kind"] {
        new[field] = old[field].clone();
    }
    if key.resource.status && intent(old) != intent(new) {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
        new["metadata"]["generation"] = json!(generation + 1);
    }
}

/// An object without its metadata and status: a change to it is a new generation.
fn intent(object: &Value) -> Vec<(&String, &Value)> {
    let fields = object.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status"))
        .collect()
}
