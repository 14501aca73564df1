//! The status of disruption budgets.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::meta::{controller, is_going, key, name, namespace, resolve, uid, wanted};
use crate::{evict::is_ready, objects::Objects, selector::selects};

pub(super) fn pass(objects: &mut Objects) {
    let budgets = objects.list("PodDisruptionBudget", "");
    if budgets.is_empty() {
        return;
    }
    let workloads: BTreeMap<String, Arc<Value>> = ["ReplicaSet", "Deployment", "StatefulSet"]
        .iter()
        .flat_map(|kind| objects.list(kind, ""))
        .map(|workload| (uid(&workload).to_owned(), workload))
        .collect();
    for budget in budgets {
        let mut pods = objects.list("Pod", namespace(&budget));
        pods.retain(|pod| selects(&budget["spec"]["selector"], &pod["metadata"]["labels"]));
        let status = status(&budget, &pods, expected(&pods, &workloads));
        objects.set_status(&key(&budget), status);
    }
}

/// The pods that the top controllers of these pods want.
fn expected(pods: &[Arc<Value>], workloads: &BTreeMap<String, Arc<Value>>) -> i64 {
    let mut tops: BTreeMap<&str, i64> = BTreeMap::new();
    for pod in pods {
        let mut top = (uid(pod), 1);
        let mut next = controller(pod);
        while let Some(workload) = next.and_then(|uid| workloads.get(uid)) {
            top = (uid(workload), wanted(workload));
            next = controller(workload);
        }
        tops.insert(top.0, top.1);
    }
    tops.values().sum()
}

fn status(budget: &Value, pods: &[Arc<Value>], expected: i64) -> Value {
    let spec = &budget["spec"];
    let desired = if spec["maxUnavailable"].is_null() {
        resolve(&spec["minAvailable"], "0%", expected, true)
    } else {
        (expected - resolve(&spec["maxUnavailable"], "0%", expected, true)).max(0)
    };
    // An eviction that was granted counts until its pod is seen to go.
    let mut disrupted = Map::new();
    for (pod, since) in budget["status"]["disruptedPods"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if pods.iter().any(|p| name(p) == pod && !is_going(p)) {
            disrupted.insert(pod.clone(), since.clone());
        }
    }
    let counts =
        |pod: &&Arc<Value>| is_ready(pod) && !is_going(pod) && !disrupted.contains_key(name(pod));
    let healthy = i64::try_from(pods.iter().filter(counts).count()).unwrap_or(i64::MAX);
    let allowed = if expected > 0 {
        (healthy - desired).max(0)
    } else {
        0
    };
    let mut status = json!({
        "observedGeneration": budget["metadata"]["generation"],
        "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired,
        "expectedPods": expected,
    });
    if !disrupted.is_empty() {
        status["disruptedPods"] = disrupted.into();
    }
    status
}
