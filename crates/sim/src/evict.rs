//! Evictions and the arithmetic of `PodDisruptionBudget`s.

use serde_json::{Value, json};

use crate::{
    objects::{Key, Objects},
    refusal::Refusal,
    request::Request,
    resources::Resource,
    selector::selects,
    write::{Reply, existing, key, preconditions},
};

pub(crate) fn evict(objects: &mut Objects, request: &Request) -> Result<Reply, Refusal> {
    let pod = existing(objects, request)?;
    let options = &request.body["deleteOptions"];
    preconditions(request.resource, options, &pod)?;
    if !ignores_budgets(&pod) {
        let budgets = budgets(objects, &request.namespace, &pod["metadata"]["labels"]);
        match budgets.as_slice() {
            [] => {}
            [budget] => spend(objects, budget, &pod, request.dry_run())?,
            _ => {
                let why = "This pod has more than one PodDisruptionBudget, which the eviction \
                           subresource does not support.";
                return Err(Refusal::new(500, "InternalError", why));
            }
        }
    }
    if !request.dry_run() {
        objects.delete(&key(request), options["gracePeriodSeconds"] == json!(0));
    }
    let done = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    });
    Ok(Reply {
        code: 201,
        body: done.into(),
    })
}

/// Pods that serve nobody: over, not yet started, or already going.
fn ignores_budgets(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    matches!(phase, "Succeeded" | "Failed" | "Pending")
        || !pod["metadata"]["deletionTimestamp"].is_null()
}

fn budgets(objects: &Objects, namespace: &str, labels: &Value) -> Vec<Key> {
    let budgets = objects.of(Resource::by_kind("PodDisruptionBudget"), namespace);
    budgets
        .filter(|(_, budget)| selects(&budget["spec"]["selector"], labels))
        .map(|(key, _)| key.clone())
        .collect()
}

fn spend(objects: &mut Objects, key: &Key, pod: &Value, dry: bool) -> Result<(), Refusal> {
    let budget = objects
        .get(key)
        .expect("listed a moment ago under the same lock")
        .clone();
    let (spec, status) = (&budget["spec"], &budget["status"]);
    let number = |field: &str| status[field].as_i64().unwrap_or(0);
    let (healthy, desired) = (number("currentHealthy"), number("desiredHealthy"));
    if !is_ready(pod) {
        let always = spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
        if always || healthy >= desired && desired > 0 {
            return Ok(());
        }
    }
    if number("observedGeneration") < budget["metadata"]["generation"].as_i64().unwrap_or(0)
        && !status["observedGeneration"].is_null()
    {
        let mut busy =
            Refusal::disruption_budget(&key.name, "is still being processed by the server.");
        busy.retry_after = Some(10);
        return Err(busy);
    }
    if number("disruptionsAllowed") <= 0 {
        let cause = format!("needs {desired} healthy pods and has {healthy} currently");
        return Err(Refusal::disruption_budget(&key.name, &cause));
    }
    if !dry {
        let (name, stamp) = (pod["metadata"]["name"].clone(), objects.clock.stamp());
        objects.update(key, |budget| {
            let status = &mut budget["status"];
            let left = status["disruptionsAllowed"].as_i64().unwrap_or(0) - 1;
            status["disruptionsAllowed"] = json!(left);
            status["disruptedPods"][name.as_str().unwrap_or_default()] = json!(stamp);
        });
    }
    Ok(())
}

/// Has the pod the condition `Ready` = `True`?
pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one["type"] == "Ready" && one["status"] == "True")
    })
}
