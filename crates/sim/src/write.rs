//! Creates, updates, patches and deletes, with the rules of the real server.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    evict,
    metadata::{fill, keep_metadata},
    objects::{Key, Objects},
    patch::PatchKind,
    refusal::Refusal,
    request::{Request, Verb},
    resize,
    resources::Resource,
    scale,
};

/// A successful answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) body: Arc<Value>,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Arc<Value>>) -> Self {
        Self {
            code: 200,
            body: body.into(),
        }
    }
}

/// Carry out a writing request.
pub(crate) fn write(objects: &mut Objects, request: &Request) -> Result<Reply, Refusal> {
    match (request.verb, request.subresource.as_str()) {
        (Verb::Create, "eviction") => evict::evict(objects, request),
        (_, "resize") => resize::write(objects, request),
        (_, "scale") => scale::write(objects, request),
        (Verb::Create, _) => create(objects, request, request.body.clone()),
        (Verb::Update, _) => update(objects, request),
        (Verb::Patch, _) => patch(objects, request),
        (Verb::Delete, "") => delete(objects, request),
        _ => Err(Refusal::not_allowed()),
    }
}

pub(crate) fn key(request: &Request) -> Key {
    let (resource, namespace) = (request.resource, request.namespace.clone());
    Key {
        resource,
        namespace,
        name: request.name.clone(),
    }
}

pub(crate) fn existing(objects: &Objects, request: &Request) -> Result<Arc<Value>, Refusal> {
    let found = objects.get(&key(request)).cloned();
    found.ok_or_else(|| Refusal::not_found(request.resource, &request.name))
}

fn create(objects: &mut Objects, request: &Request, mut object: Value) -> Result<Reply, Refusal> {
    let resource = request.resource;
    check_type(resource, &mut object)?;
    let name = new_name(objects, resource, &object["metadata"])?;
    let asked = object["metadata"]["namespace"]
        .as_str()
        .unwrap_or(&request.namespace);
    if asked != request.namespace {
        let why = "the namespace of the provided object does not match the namespace sent on the \
                   request";
        return Err(Refusal::bad_request(why));
    }
    if !object["metadata"]["resourceVersion"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        let why = "resourceVersion should not be set on objects to be created";
        return Err(Refusal::bad_request(why));
    }
    let key = Key {
        name,
        ..key(request)
    };
    if objects.get(&key).is_some() {
        return Err(Refusal::exists(resource, &key.name));
    }
    prepare(resource, &mut object);
    for owned in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
    ] {
        object["metadata"]
            .as_object_mut()
            .and_then(|meta| meta.remove(owned));
    }
    let body = if request.dry_run() {
        let mut rng = objects.rng.clone();
        fill(&mut object, &key, &objects.clock, &mut rng);
        Arc::new(object)
    } else {
        objects.insert(key, object)
    };
    Ok(Reply { code: 201, body })
}

fn new_name(objects: &mut Objects, resource: &Resource, meta: &Value) -> Result<String, Refusal> {
    if let Some(name) = meta["name"].as_str().filter(|name| !name.is_empty()) {
        return Ok(name.to_owned());
    }
    let prefix = meta["generateName"].as_str().ok_or_else(|| {
        let why = "Required value: name or generateName is required";
        Refusal::invalid(resource, "", "metadata.name", why)
    })?;
    Ok(format!("{prefix}{}", objects.rng.suffix(5)))
}

/// A status in a POST is dropped, but a kubelet's node keeps its own.
fn prepare(resource: &Resource, object: &mut Value) {
    let Some(fields) = object.as_object_mut().filter(|_| resource.status) else {
        return;
    };
    if resource.kind != "Node" {
        fields.remove("status");
    }
    if resource.kind == "Pod" {
        object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
    }
    if resource.scales() && object["spec"]["replicas"].is_null() {
        object["spec"]["replicas"] = json!(1);
    }
}

fn check_type(resource: &Resource, object: &mut Value) -> Result<(), Refusal> {
    if !object.is_object() || !object["metadata"].is_object() && !object["metadata"].is_null() {
        return Err(Refusal::bad_request(
            "the body is not an object with metadata",
        ));
    }
    for (field, ours) in [
        ("apiVersion", resource.api_version()),
        ("kind", resource.kind.into()),
    ] {
        match object[field].as_str() {
            // Clients may leave the type out; the URL says it.
            None => object[field] = json!(ours),
            Some(theirs) if theirs == ours => {}
            Some(theirs) => {
                let why = format!("the {field} in the data ({theirs}) does not match {ours}");
                return Err(Refusal::bad_request(why));
            }
        }
    }
    Ok(())
}

fn update(objects: &mut Objects, request: &Request) -> Result<Reply, Refusal> {
    let old = existing(objects, request)?;
    let (resource, name) = (request.resource, request.name.as_str());
    let mut new = request.body.clone();
    check_type(resource, &mut new)?;
    let meta = &new["metadata"];
    if meta["name"].as_str().is_some_and(|theirs| theirs != name) {
        let why = "the name of the object does not match the name on the URL";
        return Err(Refusal::bad_request(why));
    }
    if let Some(why) = uid_mismatch(&meta["uid"], &old) {
        return Err(Refusal::conflict(resource, name, &why));
    }
    let version = meta["resourceVersion"].as_str().unwrap_or_default();
    let strict = resource.is_custom() || resource.kind == "Lease";
    if version.is_empty() && strict {
        let why = "Invalid value: 0: must be specified for an update";
        return Err(Refusal::invalid(
            resource,
            name,
            "metadata.resourceVersion",
            why,
        ));
    }
    if !version.is_empty() && version != old["metadata"]["resourceVersion"] {
        return Err(Refusal::stale(resource, name));
    }
    Ok(store(objects, request, &old, new))
}

fn patch(objects: &mut Objects, request: &Request) -> Result<Reply, Refusal> {
    let old = match existing(objects, request) {
        Err(_) if request.patch == PatchKind::Apply && request.subresource.is_empty() => {
            let mut object = request.body.clone();
            object["metadata"]["name"] = json!(request.name);
            return create(objects, request, object);
        }
        found => found?,
    };
    let new = request.patch.apply(&old, &request.body)?;
    let (resource, name) = (request.resource, request.name.as_str());
    let (theirs, ours) = (&new["metadata"], &old["metadata"]);
    if theirs["uid"] != ours["uid"] {
        let why = "Invalid value: field is immutable";
        return Err(Refusal::invalid(resource, name, "metadata.uid", why));
    }
    if theirs["name"] != ours["name"] {
        let why = "Invalid value: field is immutable";
        return Err(Refusal::invalid(resource, name, "metadata.name", why));
    }
    if theirs["resourceVersion"] != ours["resourceVersion"] {
        return Err(Refusal::stale(resource, name));
    }
    Ok(store(objects, request, &old, new))
}

/// Store what the request may change: all but the status, or nothing but the status.
fn store(objects: &mut Objects, request: &Request, old: &Arc<Value>, mut new: Value) -> Reply {
    if request.subresource == "status" {
        let status = new["status"].take();
        new = (**old).clone();
        set_status(&mut new, status);
    } else if request.resource.status {
        set_status(&mut new, old["status"].clone());
    }
    let key = key(request);
    if request.dry_run() {
        keep_metadata(&key, old, &mut new);
        return Reply::ok(new);
    }
    Reply::ok(objects.replace(&key, old, new))
}

fn set_status(object: &mut Value, status: Value) {
    match (status, object.as_object_mut()) {
        (Value::Null, Some(fields)) => {
            fields.remove("status");
        }
        (status, _) => object["status"] = status,
    }
}

pub(crate) fn uid_mismatch(theirs: &Value, object: &Value) -> Option<String> {
    let (theirs, ours) = (
        theirs.as_str()?,
        object["metadata"]["uid"].as_str().unwrap_or_default(),
    );
    (!theirs.is_empty() && theirs != ours).then(|| {
        format!("Precondition failed: UID in precondition: {theirs}, UID in object meta: {ours}")
    })
}

/// `DeleteOptions.preconditions`.
pub(crate) fn preconditions(
    resource: &Resource,
    options: &Value,
    object: &Value,
) -> Result<(), Refusal> {
    let (wanted, meta) = (&options["preconditions"], &object["metadata"]);
    for (field, word) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let Some(theirs) = wanted[field].as_str() else {
            continue;
        };
        let ours = meta[field].as_str().unwrap_or_default();
        if theirs != ours {
            let why = format!(
                "the {word} in the precondition ({theirs}) does not match the {word} in record \
                 ({ours}). The object might have been deleted and then recreated"
            );
            let name = meta["name"].as_str().unwrap_or_default();
            return Err(Refusal::conflict(resource, name, &why));
        }
    }
    Ok(())
}

fn delete(objects: &mut Objects, request: &Request) -> Result<Reply, Refusal> {
    let old = existing(objects, request)?;
    let resource = request.resource;
    preconditions(resource, &request.body, &old)?;
    if request.dry_run() {
        return Ok(Reply::ok(old));
    }
    let grace = request.body["gracePeriodSeconds"].as_i64();
    let grace = grace.or_else(|| request.query.get("gracePeriodSeconds")?.parse().ok());
    let (last, gone) = objects
        .delete(&key(request), grace == Some(0))
        .ok_or_else(|| Refusal::not_found(resource, &request.name))?;
    if resource.kind == "Pod" || !gone {
        return Ok(Reply::ok(last));
    }
    Ok(Reply::ok(json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {
            "name": request.name, "group": resource.group, "kind": resource.plural,
            "uid": last["metadata"]["uid"],
        },
    })))
}
