//! Gets and paged lists.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    objects::{Key, Objects},
    refusal::Refusal,
    request::{Request, Verb},
    scale,
    selector::Selector,
    write::{Reply, existing},
};

pub(crate) fn read(objects: &Objects, request: &Request) -> Result<Reply, Refusal> {
    match (request.verb, request.subresource.as_str()) {
        (Verb::Get, "" | "status") => existing(objects, request).map(Reply::ok),
        (Verb::Get, "scale") => existing(objects, request).map(|o| Reply::ok(scale::view(&o))),
        (Verb::List, "") => list(objects, request).map(Reply::ok),
        _ => Err(Refusal::not_allowed()),
    }
}

fn list(objects: &Objects, request: &Request) -> Result<Value, Refusal> {
    let resource = request.resource;
    let selector = Selector::from_query(&request.query)?;
    let limit = request
        .query
        .get("limit")
        .and_then(|l| l.parse().ok())
        .filter(|l| *l > 0);
    let limit: usize = limit.unwrap_or(usize::MAX);
    let (version, after) = start(objects, request)?;
    let all = objects.snapshot(resource, &request.namespace, version)?;
    let (namespace, name) = after.split_once('/').unwrap_or_default();
    let mut rest = all.iter().filter(|(key, object)| {
        (key.namespace.as_str(), key.name.as_str()) > (namespace, name) && selector.matches(object)
    });
    let page: Vec<(&Key, &Arc<Value>)> = rest.by_ref().take(limit).collect();
    let remaining = rest.count();
    let mut meta = json!({"resourceVersion": version.to_string()});
    if let (Some((last, _)), true) = (page.last(), remaining > 0) {
        meta["continue"] = json!(format!("{version}:{}/{}", last.namespace, last.name));
        meta["remainingItemCount"] = json!(remaining);
    }
    let items: Vec<Value> = page
        .into_iter()
        .map(|(_, object)| {
            let mut item = (**object).clone();
            // As in the real server's lists, items of built-in kinds do not say what they are.
            if let (false, Some(fields)) = (resource.is_custom(), item.as_object_mut()) {
                fields.remove("kind");
                fields.remove("apiVersion");
            }
            item
        })
        .collect();
    let kind = format!("{}List", resource.kind);
    Ok(json!({
        "kind": kind, "apiVersion": resource.api_version(), "metadata": meta, "items": items,
    }))
}

/// The version to list at, and the name to list after.
fn start(objects: &Objects, request: &Request) -> Result<(u64, String), Refusal> {
    if let Some(token) = request
        .query
        .get("continue")
        .filter(|token| !token.is_empty())
    {
        let parsed = token
            .split_once(':')
            .and_then(|(v, at)| Some((v.parse().ok()?, at)));
        let (version, at) =
            parsed.ok_or_else(|| Refusal::bad_request("continue key is not valid"))?;
        return Ok((version, at.to_owned()));
    }
    let wanted = request
        .query
        .get("resourceVersion")
        .map_or("", String::as_str);
    let wanted: u64 = if wanted.is_empty() {
        0
    } else {
        number(wanted)?
    };
    if wanted > objects.version() {
        let (ours, why) = (objects.version(), "Too large resource version");
        return Err(Refusal::new(
            504,
            "Timeout",
            format!("{why}: {wanted}, current: {ours}"),
        ));
    }
    let exact = request
        .query
        .get("resourceVersionMatch")
        .is_some_and(|m| m == "Exact");
    Ok((
        if exact { wanted } else { objects.version() },
        String::new(),
    ))
}

pub(crate) fn number(version: &str) -> Result<u64, Refusal> {
    version.parse().map_err(|_| {
        let why = format!("Invalid value: {version:?}: invalid resource version");
        Refusal::bad_request(why)
    })
}
