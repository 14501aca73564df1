//! What the template should have: a resize changes pods only, and what it did ends with them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::episode::{Episode, Outcome, Resize};
use crate::facts::Text;

/// The schema bounds the text; a pod rarely has more containers that starve.
const CONTAINERS_MAX: usize = 10;

/// A strategic merge patch of the target with the limits that its pods were given, as far as they helped
/// or may still help; `None` where no pod was given any.
pub(super) fn of(episode: &Episode) -> Option<String> {
    let mut wanted: BTreeMap<(bool, Text), Resize> = BTreeMap::new();
    let helpful = episode.resized().filter(|(attempt, ..)| {
        !matches!(
            attempt.outcome,
            Some(Outcome::NotRecovered | Outcome::Inconclusive)
        )
    });
    for (_, _, resize) in helpful {
        let key = (resize.sidecar, resize.container.clone());
        let known = wanted.get(&key).map(|one| one.limit);
        if known.is_none_or(|known| known < resize.limit) {
            wanted.insert(key, resize);
        }
    }
    if wanted.is_empty() {
        return None;
    }
    let list = |sidecar: bool| -> Vec<Value> {
        let those = wanted.values().filter(|one| one.sidecar == sidecar);
        those.take(CONTAINERS_MAX).map(container).collect()
    };
    let mut spec = json!({});
    for (name, list) in [("containers", list(false)), ("initContainers", list(true))] {
        if !list.is_empty() {
            spec[name] = Value::Array(list);
        }
    }
    Some(json!({"spec": {"template": {"spec": spec}}}).to_string())
}

fn container(resize: &Resize) -> Value {
    let memory = json!({"memory": resize.limit.to_string()});
    let mut resources = json!({"limits": memory});
    if resize.guaranteed {
        resources["requests"] = memory;
    }
    json!({"name": &*resize.container, "resources": resources})
}
