//! `ReplicaSet`s: as many pods as wanted, and a status.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    meta::{by_controller, is_going, key, name, namespace, owned_by, text, uid, wanted},
    program::ORDINAL,
    status::insert_nonzero,
};
use crate::{
    evict::is_ready,
    objects::{Key, Objects},
    rng::{Rng, hash},
};

/// Counts the pods that each `ReplicaSet` has made.
#[derive(Default)]
pub(super) struct ReplicaSets {
    made: BTreeMap<String, u64>,
}

impl ReplicaSets {
    pub(super) fn pass(&mut self, objects: &mut Objects) {
        let pods = by_controller(objects, "Pod");
        for set in objects.list("ReplicaSet", "") {
            if is_going(&set) {
                continue;
            }
            let mut mine = pods.get(uid(&set)).cloned().unwrap_or_default();
            mine.retain(|pod| !is_going(pod) && !is_over(pod));
            self.scale(objects, &set, &mine);
            // The status tells what was there before this pass; the next one sees the rest.
            write_status(objects, &set, &mine);
        }
    }

    fn scale(&mut self, objects: &mut Objects, set: &Value, pods: &[Arc<Value>]) {
        let want = usize::try_from(wanted(set)).unwrap_or(0);
        for _ in pods.len()..want {
            self.make(objects, set);
        }
        // Those that serve least go first: unready before ready, then young before old.
        let mut by_worth: Vec<&Arc<Value>> = pods.iter().collect();
        by_worth.sort_by_key(|pod| {
            let ordinal = pod["metadata"]["annotations"][ORDINAL].as_str();
            let ordinal: u64 = ordinal.and_then(|o| o.parse().ok()).unwrap_or(0);
            (is_ready(pod), std::cmp::Reverse(ordinal))
        });
        for pod in by_worth.iter().take(pods.len().saturating_sub(want)) {
            objects.delete(&key(pod), false);
        }
    }

    fn make(&mut self, objects: &mut Objects, set: &Value) {
        let made = self.made.entry(uid(set).to_owned()).or_default();
        let ordinal = *made;
        *made += 1;
        let mut names = Rng::new(hash(uid(set)) ^ ordinal);
        let prefix = format!("{}-", name(set));
        let free = |objects: &Objects, name: &str| {
            objects
                .get(&Key::new("Pod", namespace(set), name))
                .is_none()
        };
        let mut pod_name = format!("{prefix}{}", names.suffix(5));
        while !free(objects, &pod_name) {
            pod_name = format!("{prefix}{}", names.suffix(5));
        }
        let template = &set["spec"]["template"];
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": template["metadata"], "spec": template["spec"],
            "status": {"phase": "Pending", "qosClass": "BestEffort"},
        });
        let meta = &mut pod["metadata"];
        meta["name"] = json!(pod_name);
        meta["generateName"] = json!(prefix);
        meta["namespace"] = json!(namespace(set));
        meta["ownerReferences"] = owned_by(set);
        meta["annotations"][ORDINAL] = json!(ordinal.to_string());
        objects.put(pod);
    }
}

fn is_over(pod: &Value) -> bool {
    matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed")
}

fn write_status(objects: &mut Objects, set: &Value, pods: &[Arc<Value>]) {
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let mut status = json!({
        "replicas": pods.len(), "observedGeneration": set["metadata"]["generation"],
    });
    for field in ["readyReplicas", "availableReplicas"] {
        insert_nonzero(&mut status, field, ready);
    }
    insert_nonzero(&mut status, "fullyLabeledReplicas", pods.len());
    objects.set_status(&key(set), status);
}
