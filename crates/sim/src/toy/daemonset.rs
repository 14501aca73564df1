//! `DaemonSet`s: one pod for each node, and a `ControllerRevision` per template.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    kubelet::nodes,
    meta::{by_controller, is_going, key, name, namespace, owned_by, text, uid},
    program::ORDINAL,
    revisions::{LABEL, Revisions},
    status::insert_nonzero,
};
use crate::{
    evict::is_ready,
    objects::Objects,
    rng::{Rng, hash},
};

/// Counts the pods that each set has made.
#[derive(Default)]
pub(super) struct DaemonSets {
    made: BTreeMap<String, u64>,
}

impl DaemonSets {
    /// Act for every `DaemonSet`.
    pub(super) fn pass(&mut self, objects: &mut Objects) {
        let sets = objects.list("DaemonSet", "");
        if sets.is_empty() {
            return;
        }
        let (pods, revisions) = (by_controller(objects, "Pod"), Revisions::of(objects));
        let nodes = nodes(objects);
        // What no API server would have admitted stays as it was put.
        let whole = |set: &&Arc<Value>| !is_going(set) && set["spec"]["selector"].is_object();
        for set in sets.iter().filter(whole) {
            let mine = pods.get(uid(set)).map_or(&[][..], Vec::as_slice);
            let made = self.made.entry(uid(set).to_owned()).or_default();
            let present = revisions.present(objects, set);
            place(objects, made, (set, &present), (&nodes, mine));
            roll(objects, mine, &present, nodes.len());
            write_status(objects, set, mine, (&present, nodes.len()));
        }
    }
}

/// A pod on each node that has none; one that is over makes room.
fn place(
    objects: &mut Objects,
    made: &mut u64,
    (set, present): (&Value, &str),
    (nodes, pods): (&[String], &[Arc<Value>]),
) {
    for node in nodes {
        match pods.iter().find(|pod| pod["spec"]["nodeName"] == **node) {
            Some(pod) if is_over(pod) => {
                objects.erase(&key(pod));
            }
            Some(_) => {}
            None => make(objects, made, (set, present), node),
        }
    }
}

/// Old pods that are not ready go at once; of the others one at a time, once every pod is there and ready.
fn roll(objects: &mut Objects, pods: &[Arc<Value>], present: &str, nodes: usize) {
    let mut old = pods
        .iter()
        .filter(|pod| pod["metadata"]["labels"][LABEL] != present && !is_going(pod));
    let whole = pods.len() == nodes && pods.iter().all(|pod| is_ready(pod) && !is_going(pod));
    let broken = |pod: &&Arc<Value>| !is_ready(pod) && !is_over(pod);
    for pod in old.clone().filter(broken) {
        objects.delete(&key(pod), false);
    }
    if let (true, Some(pod)) = (whole, old.next()) {
        objects.delete(&key(pod), false);
    }
}

fn make(objects: &mut Objects, made: &mut u64, (set, present): (&Value, &str), node: &str) {
    let template = &set["spec"]["template"];
    let suffix = Rng::new(hash(uid(set)) ^ *made).suffix(5);
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": template["metadata"], "spec": template["spec"],
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    });
    pod["spec"]["nodeName"] = json!(node);
    let meta = &mut pod["metadata"];
    meta["labels"][LABEL] = json!(present);
    meta["name"] = json!(format!("{}-{suffix}", name(set)));
    meta["generateName"] = json!(format!("{}-", name(set)));
    meta["namespace"] = json!(namespace(set));
    meta["ownerReferences"] = owned_by(set);
    meta["annotations"][ORDINAL] = json!(made.to_string());
    *made += 1;
    objects.put(pod);
}

fn write_status(
    objects: &mut Objects,
    set: &Value,
    pods: &[Arc<Value>],
    (present, nodes): (&str, usize),
) {
    let new = |pod: &&Arc<Value>| pod["metadata"]["labels"][LABEL] == present;
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"], "desiredNumberScheduled": nodes,
        "currentNumberScheduled": pods.len(), "numberReady": ready, "numberMisscheduled": 0,
    });
    insert_nonzero(
        &mut status,
        "updatedNumberScheduled",
        pods.iter().filter(new).count(),
    );
    insert_nonzero(&mut status, "numberAvailable", ready);
    insert_nonzero(
        &mut status,
        "numberUnavailable",
        nodes.saturating_sub(ready),
    );
    objects.set_status(&key(set), status);
}

fn is_over(pod: &Value) -> bool {
    matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed")
}
