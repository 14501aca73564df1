//! The resize subresource of pods: resources and nothing else.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    objects::Objects,
    refusal::Refusal,
    request::{Request, Verb},
    write::{Reply, existing, key},
};

/// The lists of containers whose resources may change.
const LISTS: [&str; 2] = ["containers", "initContainers"];

/// PATCH of a pod's resources; whatever else the patch says stays as it is.
pub(crate) fn write(objects: &mut Objects, request: &Request) -> Result<Reply, Refusal> {
    let old = existing(objects, request)?;
    if request.verb != Verb::Patch {
        return Err(Refusal::not_allowed());
    }
    let wanted = request.patch.apply(&old, &request.body)?;
    let (resource, name) = (request.resource, request.name.as_str());
    if wanted["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"] {
        return Err(Refusal::stale(resource, name));
    }
    let mut new = (*old).clone();
    for list in LISTS {
        // An index would put a null where there is no such list.
        let all = new["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in all.into_iter().flatten() {
            let mut all = wanted["spec"][list].as_array().into_iter().flatten();
            let same = all.find(|one| one["name"] == container["name"]);
            if let Some(same) = same.filter(|one| !one["resources"].is_null()) {
                container["resources"] = same["resources"].clone();
            }
        }
    }
    if quality(&new) != quality(&old) {
        let why = "Invalid value: Pod QOS Class may not change as a result of resizing";
        return Err(Refusal::invalid(resource, name, "spec", why));
    }
    if request.dry_run() {
        return Ok(Reply::ok(new));
    }
    let stored: Arc<Value> = objects.replace(&key(request), &old, new);
    Ok(Reply::ok(stored))
}

/// Whether every container requests exactly what it is limited to, as a Guaranteed pod does.
fn quality(pod: &Value) -> bool {
    let mut all = pod["spec"]["containers"].as_array().into_iter().flatten();
    all.all(|one| {
        let resources = &one["resources"];
        !resources["limits"]["memory"].is_null() && resources["limits"] == resources["requests"]
    })
}
