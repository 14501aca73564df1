//! Small readings of metadata that all controllers share.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::objects::{Key, Objects};

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

pub(super) fn name(object: &Value) -> &str {
    text(&object["metadata"], "name")
}

pub(super) fn namespace(object: &Value) -> &str {
    text(&object["metadata"], "namespace")
}

pub(super) fn uid(object: &Value) -> &str {
    text(&object["metadata"], "uid")
}

pub(super) fn key(object: &Value) -> Key {
    Key::of(object).expect("objects on the server say what they are")
}

pub(super) fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or(0)
}

pub(super) fn wanted(workload: &Value) -> i64 {
    workload["spec"]["replicas"].as_i64().unwrap_or(1)
}

pub(super) fn is_going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// The UID of the object that controls this one.
pub(super) fn controller(object: &Value) -> Option<&str> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)?["uid"].as_str()
}

/// An `ownerReferences` list that makes `owner` the controller.
pub(super) fn owned_by(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name(owner),
        "uid": uid(owner), "controller": true, "blockOwnerDeletion": true,
    }])
}

/// All objects of a kind that have a controller, by its UID.
pub(super) fn by_controller(objects: &Objects, kind: &str) -> BTreeMap<String, Vec<Arc<Value>>> {
    let mut by_controller: BTreeMap<String, Vec<Arc<Value>>> = BTreeMap::new();
    for object in objects.list(kind, "") {
        if let Some(uid) = controller(&object).map(str::to_owned) {
            by_controller.entry(uid).or_default().push(object);
        }
    }
    by_controller
}

/// A number, or a share of `total`, as in `maxSurge`.
pub(super) fn resolve(value: &Value, default: &str, total: i64, round_up: bool) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let share = value.as_str().unwrap_or(default).trim_end_matches('%');
    let share = share.parse::<i64>().unwrap_or(0) * total;
    if round_up {
        (share + 99) / 100
    } else {
        share / 100
    }
}
