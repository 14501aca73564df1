//! The scheduler and the kubelet: pods get a node, run, exit and wait for their restart.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Settings, earliest,
    meta::{is_going, key, text, uid},
    podstatus,
    program::Program,
    run::Run,
    status::{condition, transition},
};
use crate::objects::{Key, Objects};

pub(super) struct Kubelet {
    settings: Settings,
    runs: BTreeMap<String, Run>,
    scheduled: usize,
}

impl Kubelet {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            runs: BTreeMap::new(),
            scheduled: 0,
        }
    }

    /// Move every pod to where it should be now; returns when the next one moves.
    pub(super) fn pass(&mut self, objects: &mut Objects) -> Option<Duration> {
        let now = objects.clock.elapsed();
        let pods = objects.list("Pod", "");
        let living: BTreeSet<&str> = pods.iter().map(|pod| uid(pod)).collect();
        self.runs.retain(|uid, _| living.contains(uid.as_str()));
        let nodes = nodes(objects);
        let mut next = None;
        for pod in &pods {
            let over = matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed");
            if is_going(pod) || over && !self.runs.contains_key(uid(pod)) {
                continue;
            }
            let Some(node) = pod["spec"]["nodeName"].as_str() else {
                self.schedule(objects, &key(pod), &Program::of(pod), &nodes);
                continue;
            };
            if objects.dead_nodes.contains(node) {
                continue;
            }
            let start = now + self.settings.start;
            let run = self
                .runs
                .entry(uid(pod).to_owned())
                .or_insert_with(|| Run::new(start));
            if !run.rests(version(pod), now) {
                run.advance(pod, &Program::of(pod), &self.settings, now);
                let status = podstatus::render(run, pod, &objects.clock, now);
                let shown = objects.set_status(&key(pod), status);
                run.shown = shown.map(|pod| version(&pod).to_owned());
            }
            next = earliest(next, run.due);
        }
        next
    }

    fn schedule(&mut self, objects: &mut Objects, pod: &Key, program: &Program, nodes: &[String]) {
        let now = objects.clock.stamp();
        let fits = program.fits && !nodes.is_empty();
        let node = nodes.get(self.scheduled % nodes.len().max(1));
        if fits {
            self.scheduled += 1;
        }
        objects.update(pod, |pod| {
            let scheduled = if fits {
                pod["spec"]["nodeName"] = json!(node);
                json!({"type": "PodScheduled", "status": "True"})
            } else {
                let message = "0 nodes are available.";
                let (status, reason) = ("False", "Unschedulable");
                json!({
                    "type": "PodScheduled", "status": status, "reason": reason, "message": message,
                })
            };
            transition(&mut pod["status"]["conditions"], scheduled, &now);
        });
    }
}

fn version(object: &Value) -> &str {
    text(&object["metadata"], "resourceVersion")
}

/// The nodes that take pods; without any Node on the server, one that needs no object.
pub(super) fn nodes(objects: &Objects) -> Vec<String> {
    let all = objects.list("Node", "");
    if all.is_empty() {
        return vec!["node-0".to_owned()];
    }
    let open = all.iter().filter(|node| {
        let ready = condition(&node["status"]["conditions"], "Ready");
        node["spec"]["unschedulable"] != true && (ready.is_null() || ready["status"] == "True")
    });
    open.map(|node| super::meta::name(node).to_owned())
        .collect()
}
