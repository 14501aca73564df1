//! The scale subresource.

use serde_json::{Value, json};

use crate::{
    objects::Objects,
    refusal::Refusal,
    request::{Request, Verb},
    write::{Reply, existing, key, uid_mismatch},
};

/// The `Scale` that stands for a workload.
pub(crate) fn view(object: &Value) -> Value {
    let meta = &object["metadata"];
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
            "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"].as_i64().unwrap_or(1)},
        "status": {
            "replicas": object["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector.join(","),
        },
    })
}

/// PUT or PATCH of a scale: only the replicas count, under the preconditions in its metadata.
pub(crate) fn write(objects: &mut Objects, request: &Request) -> Result<Reply, Refusal> {
    let old = existing(objects, request)?;
    let before = view(&old);
    let after = match request.verb {
        Verb::Update => request.body.clone(),
        Verb::Patch => request.patch.apply(&before, &request.body)?,
        _ => return Err(Refusal::not_allowed()),
    };
    let (resource, name) = (request.resource, request.name.as_str());
    if let Some(why) = uid_mismatch(&after["metadata"]["uid"], &old) {
        return Err(Refusal::conflict(resource, name, &why));
    }
    let version = after["metadata"]["resourceVersion"]
        .as_str()
        .unwrap_or_default();
    if !version.is_empty() && version != old["metadata"]["resourceVersion"] {
        return Err(Refusal::stale(resource, name));
    }
    let replicas = after["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas < 0 {
        let why = "Invalid value: must be greater than or equal to 0";
        return Err(Refusal::invalid(resource, name, "spec.replicas", why));
    }
    let mut new = (*old).clone();
    new["spec"]["replicas"] = json!(replicas);
    if request.dry_run() {
        return Ok(Reply::ok(view(&new)));
    }
    let stored = objects.replace(&key(request), &old, new);
    Ok(Reply::ok(view(&stored)))
}
