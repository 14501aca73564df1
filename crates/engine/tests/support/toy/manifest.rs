//! A workload, its revisions and its pods as the API server would show them.

use kubemend_engine::facts::template::{self, REVISION_LABEL};
use serde_json::{Value, json};

use super::super::objects::{self, millis, time};
use super::{Pod, Toy};

impl Toy {
    /// Its pods as objects.
    pub fn pods(&self) -> Vec<Value> {
        let object = |pod: &Pod| {
            let mut value = self.pod(&pod.name, pod.revision, pod.created);
            value["metadata"]["uid"] = json!(pod.uid);
            value["status"] = pod.status();
            value
        };
        self.pods.iter().map(object).collect()
    }

    /// A pod of this workload, without status.
    pub fn pod(&self, name: &str, revision: u64, created: i64) -> Value {
        let (version, kind) = self
            .kind
            .rsplit_once(' ')
            .unwrap_or(("apps/v1", &self.kind));
        let (kind, owner, uid) = if self.kind == "Deployment" {
            (
                "ReplicaSet",
                format!("{}-r{revision}", self.name),
                format!("{}-r{revision}", self.uid),
            )
        } else {
            (kind, self.name.clone(), self.uid.clone())
        };
        let mut labels = json!({ "app": self.name });
        match self.kind.as_str() {
            "StatefulSet" => labels[REVISION_LABEL] = json!(format!("{}-r{revision}", self.name)),
            "DaemonSet" => labels[REVISION_LABEL] = json!(format!("r{revision}")),
            _ => {}
        }
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": self.namespace, "uid": format!("{name}-uid"),
                "creationTimestamp": time(created), "labels": labels,
                "ownerReferences": [{ "apiVersion": version, "kind": kind, "name": owner, "uid": uid, "controller": true }],
            },
            "spec": { "containers": [{ "name": "app" }] },
        });
        objects::merge(&mut pod, &self.pod_raw);
        pod
    }

    /// The workload and its revisions, given its pods as the API server has them.
    pub fn objects(&self, pods: &[Value]) -> Vec<Value> {
        if !["Deployment", "StatefulSet", "DaemonSet"].contains(&self.kind.as_str()) {
            // Nobody watches objects of another kind.
            return Vec::new();
        }
        let is_ready = |pod: &&&Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions
                .clone()
                .any(|one| one["type"] == "Ready" && one["status"] == "True")
        };
        let of = |revision: u64| {
            let is_owned = move |pod: &&Value| self.is_of(pod, revision);
            pods.iter().filter(is_owned).collect::<Vec<_>>()
        };
        let mine: Vec<&Value> = self.releases.keys().flat_map(|one| of(*one)).collect();
        let updated = of(self.revision).len();
        let ready = mine.iter().filter(is_ready).count();
        let mut objects: Vec<_> = self
            .releases
            .iter()
            .map(|(revision, (number, created))| {
                self.kept(*revision, *number, *created, of(*revision).len())
            })
            .collect();
        let status = match self.kind.as_str() {
            "DaemonSet" => {
                json!({ "observedGeneration": 1, "desiredNumberScheduled": self.replicas, "updatedNumberScheduled": updated, "numberAvailable": ready })
            }
            kind => {
                let mut status = json!({ "observedGeneration": 1, "replicas": mine.len(), "updatedReplicas": updated, "availableReplicas": ready });
                if kind == "StatefulSet" {
                    let mut old = self.releases.keys().filter(|one| **one != self.revision);
                    let current = old.find(|one| !of(**one).is_empty());
                    let name = |revision: u64| json!(format!("{}-r{revision}", self.name));
                    status["currentRevision"] = name(*current.unwrap_or(&self.revision));
                    status["updateRevision"] = name(self.revision);
                }
                status
            }
        };
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": self.kind,
            "metadata": {
                "name": self.name, "namespace": self.namespace, "uid": self.uid, "generation": 1,
                "creationTimestamp": time(millis("-30d")), "labels": self.labels, "annotations": self.annotations,
            },
            "spec": { "replicas": self.replicas, "template": objects::template(&self.name, self.revision) },
            "status": status,
        });
        objects::merge(&mut workload, &self.raw);
        objects.push(workload);
        objects
    }

    /// Whether a pod was made from that revision.
    fn is_of(&self, pod: &Value, revision: u64) -> bool {
        let like = self.pod("", revision, 0);
        let same = |path: &str| pod.pointer(path) == like.pointer(path);
        let label = format!("/metadata/labels/{REVISION_LABEL}");
        same("/metadata/ownerReferences/0/uid") && same(&label)
    }

    /// A revision as its controller keeps it.
    fn kept(&self, revision: u64, number: u64, created: i64, pods: usize) -> Value {
        let mut template = objects::template(&self.name, revision);
        if let Some(raw) = self.raw.pointer("/spec/template") {
            objects::merge(&mut template, raw);
        }
        let mut annotations = json!({});
        if let Some(seconds) = self.proven.get(&revision) {
            let hash = template::hash(&template);
            annotations["kubemend.io/healthy"] =
                json!(format!("{hash}@{}/{seconds}", time(created)));
        }
        let mut kept = json!({
            "apiVersion": "apps/v1",
            "metadata": {
                "name": format!("{}-r{revision}", self.name), "namespace": self.namespace,
                "uid": format!("{}-r{revision}", self.uid), "creationTimestamp": time(created), "annotations": annotations,
                "ownerReferences": [{ "kind": self.kind, "name": self.name, "uid": self.uid, "controller": true }],
            },
        });
        if self.kind == "Deployment" {
            kept["kind"] = json!("ReplicaSet");
            kept["metadata"]["annotations"]["deployment.kubernetes.io/revision"] =
                json!(number.to_string());
            kept["spec"] = json!({ "replicas": pods, "template": template });
        } else {
            template["$patch"] = json!("replace");
            kept["kind"] = json!("ControllerRevision");
            kept["data"] = json!({ "spec": { "template": template } });
            kept["revision"] = json!(number);
        }
        kept
    }
}
