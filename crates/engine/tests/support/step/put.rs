//! Workloads, objects and pods that a step puts on the stage or takes from it.

use kubemend_engine::source::Source;
use serde_json::{Value, json};

use super::super::app::App;
use super::super::objects::{self, merge, millis, time};
use super::super::stage::{self, Stage};
use super::super::toy::Toy;
use super::{PodPatch, Workload};

pub(super) fn workload(stage: &mut Stage, name: &str, patch: &Workload) {
    let now = stage.now;
    if patch.gone {
        delete_workload(stage, name);
        return;
    }
    let namespace = patch.namespace.as_deref().unwrap_or("shop");
    let kind = patch.kind.as_deref().unwrap_or("Deployment");
    let toy = stage
        .toys
        .entry(name.to_owned())
        .or_insert_with(|| Toy::new(namespace, name, kind));
    if let Some(kind) = &patch.kind {
        toy.kind.clone_from(kind);
    }
    if let Some(uid) = &patch.uid {
        toy.uid.clone_from(uid);
        toy.clear();
    }
    if let Some(proven) = &patch.proven {
        toy.proven.clone_from(proven);
    }
    for (revision, app) in &patch.apps {
        toy.behave(*revision, &App::parse(app), now);
    }
    toy.replicas = patch.replicas.unwrap_or(toy.replicas);
    if let Some(revision) = patch.revision
        && revision != toy.revision
    {
        toy.release(revision, now);
    }
    for (revision, ago) in &patch.released {
        if let Some(release) = toy.releases.get_mut(revision) {
            release.1 = now - millis(ago);
        }
    }
    if let Some(labels) = &patch.labels {
        merge(&mut toy.labels, labels);
    }
    if let Some(annotations) = &patch.annotations {
        merge(&mut toy.annotations, annotations);
    }
    if let Some(raw) = &patch.raw {
        merge(&mut toy.raw, raw);
    }
    if let Some(raw) = &patch.pod_raw {
        merge(&mut toy.pod_raw, raw);
    }
}

/// A workload goes with its revisions and pods.
pub(super) fn delete_workload(stage: &mut Stage, name: &str) {
    let Some(toy) = stage.toys.remove(name) else {
        return;
    };
    let prefix = format!("{name}-");
    let own: Vec<_> = stage
        .store
        .keys()
        .filter(|(source, one)| {
            *one.namespace == *toy.namespace
                && match source {
                    Source::Pods | Source::ReplicaSets | Source::ControllerRevisions => {
                        one.name.starts_with(&prefix)
                    }
                    Source::Deployments | Source::StatefulSets | Source::DaemonSets => {
                        *one.name == *name
                    }
                    _ => false,
                }
        })
        .cloned()
        .collect();
    for (source, name) in own {
        stage.delete(source, &name);
    }
}

pub(super) fn object(stage: &mut Stage, patch: &Value) {
    let source = objects::source(patch["kind"].as_str().unwrap_or_default());
    let mut patch = patch.clone();
    if objects::namespaced(source) && patch["metadata"]["namespace"].is_null() {
        patch["metadata"]["namespace"] = json!("shop");
    }
    if let Some(name) = patch["metadata"]["name"]
        .as_str()
        .filter(|name| name.contains('#'))
    {
        let name = stage
            .record_name(&name.replace("web#", "#"))
            .expect("a record of that ordinal");
        patch["metadata"]["name"] = json!(&*name.name);
    }
    let known = stage.store.get(&(source, stage::name_of(&patch)));
    let mut object = known.cloned().unwrap_or_else(|| json!({}));
    merge(&mut object, &patch);
    stage.put(object);
}

#[allow(clippy::similar_names)] // pod and the words of its patch
pub(super) fn pod(stage: &mut Stage, patch: &PodPatch) {
    let now = stage.now;
    let toy = stage
        .toys
        .get_mut(patch.of.as_deref().unwrap_or("web"))
        .expect("a workload");
    // From now on the scenario writes this workload's pods itself.
    toy.alive = false;
    let created = now - patch.age.as_deref().map_or(3_600_000, millis);
    let mut pod = toy.pod(&patch.name, patch.revision.unwrap_or(toy.revision), created);
    let ready = patch.ready.as_deref().map(millis);
    let state = match &patch.waiting {
        Some(reason) => json!({ "waiting": { "reason": reason } }),
        None if ready.is_none() && patch.ran.is_some() => {
            json!({ "waiting": { "reason": "CrashLoopBackOff" } })
        }
        None => json!({ "running": { "startedAt": time(now - ready.unwrap_or(1000)) } }),
    };
    let mut container = json!({ "name": "app", "restartCount": patch.restarts, "ready": ready.is_some(), "state": state });
    let ended = now - patch.ended.as_deref().map_or(0, millis);
    if let Some(ran) = &patch.ran {
        container["lastState"] = json!({ "terminated": {
            "exitCode": if patch.starved { 137 } else { patch.exit },
            "reason": if patch.starved { "OOMKilled" } else if patch.exit == 0 { "Completed" } else { "Error" },
            "startedAt": time(ended - millis(ran)), "finishedAt": time(ended) } });
    }
    if let Some(limit) = &patch.memory {
        pod["spec"]["containers"][0]["resources"] = objects::memory(limit);
        container["resources"] = objects::memory(limit);
    }
    let changed = ready.map_or(ended, |ready| now - ready);
    pod["status"] = json!({
        "phase": "Running",
        "conditions": [{ "type": "Ready", "status": if ready.is_some() { "True" } else { "False" }, "lastTransitionTime": time(changed) }],
        "containerStatuses": [container],
    });
    if let Some(raw) = &patch.raw {
        merge(&mut pod, raw);
    }
    stage.put(pod);
}
