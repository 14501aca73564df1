//! Conditions and counts, as controllers write them.

use serde_json::{Value, json};

/// Counts of zero are left out of statuses.
pub(super) fn insert_nonzero(status: &mut Value, field: &str, count: impl TryInto<i64>) {
    if let Some(count) = count.try_into().ok().filter(|count| *count != 0) {
        status[field] = json!(count);
    }
}

/// The condition of a type in a list of conditions; null if there is none.
pub(super) fn condition<'a>(conditions: &'a Value, kind: &str) -> &'a Value {
    let found = conditions
        .as_array()
        .and_then(|all| all.iter().find(|one| one["type"] == kind));
    found.unwrap_or(&Value::Null)
}

/// Set a condition; its transition time moves only with its status.
pub(super) fn transition(conditions: &mut Value, mut new: Value, now: &str) {
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let all = conditions.as_array_mut().expect("made a list above");
    if let Some(old) = all.iter_mut().find(|one| one["type"] == new["type"]) {
        let same = old["status"] == new["status"];
        new["lastTransitionTime"] = if same {
            old["lastTransitionTime"].clone()
        } else {
            json!(now)
        };
        *old = new;
    } else {
        new["lastTransitionTime"] = json!(now);
        all.push(new);
    }
}
