//! `StatefulSet`s: numbered pods, one after the other, and a `ControllerRevision` per template.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    meta::{by_controller, is_going, key, name, namespace, owned_by, text, uid, wanted},
    program::ORDINAL,
    revisions::{LABEL, Revisions},
    status::insert_nonzero,
};
use crate::{evict::is_ready, objects::Objects};

/// Counts the pods that each set has made: one that comes back under its name is not the first.
#[derive(Default)]
pub(super) struct StatefulSets {
    made: BTreeMap<String, u64>,
}

impl StatefulSets {
    /// Act for every `StatefulSet`.
    pub(super) fn pass(&mut self, objects: &mut Objects) {
        let sets = objects.list("StatefulSet", "");
        if sets.is_empty() {
            return;
        }
        let (pods, revisions) = (by_controller(objects, "Pod"), Revisions::of(objects));
        for set in sets {
            if !is_going(&set) {
                let mut mine = pods.get(uid(&set)).cloned().unwrap_or_default();
                mine.sort_by_key(|pod| ordinal(pod));
                let made = self.made.entry(uid(&set).to_owned()).or_default();
                // A pod names its revision in full here.
                let present = format!("{}-{}", name(&set), revisions.present(objects, &set));
                one(objects, made, (&set, &present), &mine);
            }
        }
    }
}

/// One pod at a time, as `OrderedReady` has it: the lowest missing one is made once all below it are
/// ready; then surplus ones go from the top; then old revisions are replaced from the top. So a
/// broken pod blocks a rollout, even the one that would mend it: the real controller's trap.
fn one(
    objects: &mut Objects,
    made: &mut u64,
    (set, revision): (&Value, &str),
    pods: &[Arc<Value>],
) {
    write_status(objects, set, pods, revision);
    let want = usize::try_from(wanted(set)).unwrap_or(0);
    for at in 0..want {
        match pods.iter().find(|pod| ordinal(pod) == at) {
            None => return make(objects, made, set, (at, revision)),
            // A failed pod's place is filled anew under the same name.
            Some(pod) if is_over(pod) => {
                objects.erase(&key(pod));
                return;
            }
            Some(pod) if !is_ready(pod) || is_going(pod) => return,
            Some(_) => {}
        }
    }
    match pods.iter().rev().find(|pod| ordinal(pod) >= want) {
        Some(pod) if !is_going(pod) => {
            objects.delete(&key(pod), false);
        }
        Some(_) => {}
        None => roll(objects, pods, revision),
    }
}

/// Replaces the topmost pod of an old revision; a broken one of the new revision above it blocks.
fn roll(objects: &mut Objects, pods: &[Arc<Value>], revision: &str) {
    for pod in pods.iter().rev() {
        if pod["metadata"]["labels"][LABEL] != revision {
            if !is_going(pod) {
                objects.delete(&key(pod), false);
            }
            return;
        }
        if !is_ready(pod) || is_going(pod) {
            return;
        }
    }
}

fn make(objects: &mut Objects, made: &mut u64, set: &Value, (at, revision): (usize, &str)) {
    let template = &set["spec"]["template"];
    let pod_name = format!("{}-{at}", name(set));
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": template["metadata"], "spec": template["spec"],
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    });
    let meta = &mut pod["metadata"];
    meta["labels"][LABEL] = json!(revision);
    meta["labels"]["statefulset.kubernetes.io/pod-name"] = json!(pod_name);
    meta["labels"]["apps.kubernetes.io/pod-index"] = json!(at.to_string());
    meta["name"] = json!(pod_name);
    meta["namespace"] = json!(namespace(set));
    meta["ownerReferences"] = owned_by(set);
    meta["annotations"][ORDINAL] = json!(made.to_string());
    *made += 1;
    objects.put(pod);
}

fn write_status(objects: &mut Objects, set: &Value, pods: &[Arc<Value>], revision: &str) {
    let living: Vec<_> = pods.iter().filter(|pod| !is_over(pod)).collect();
    let new = |pod: &&&Arc<Value>| pod["metadata"]["labels"][LABEL] == revision;
    let ready = living.iter().filter(|pod| is_ready(pod)).count();
    let updated = living.iter().filter(new).count();
    let done = living
        .iter()
        .filter(new)
        .filter(|pod| is_ready(pod))
        .count();
    let whole = i64::try_from(done).is_ok_and(|done| done == wanted(set));
    let before = text(&set["status"], "currentRevision");
    let current = if whole || before.is_empty() {
        revision
    } else {
        before
    };
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"], "replicas": living.len(),
        "currentRevision": current, "updateRevision": revision, "collisionCount": 0,
        "availableReplicas": ready,
    });
    insert_nonzero(&mut status, "readyReplicas", ready);
    insert_nonzero(&mut status, "updatedReplicas", updated);
    let old = living.len() - updated;
    insert_nonzero(
        &mut status,
        "currentReplicas",
        if whole { living.len() } else { old },
    );
    objects.set_status(&key(set), status);
}

fn is_over(pod: &Value) -> bool {
    matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed")
}

fn ordinal(pod: &Value) -> usize {
    name(pod)
        .rsplit_once('-')
        .and_then(|(_, at)| at.parse().ok())
        .unwrap_or(usize::MAX)
}
