//! Workloads on the cluster of the bench, made as their controllers would have left them.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Requests under way at once.
const ABREAST: usize = 48;

/// A Deployment with its one `ReplicaSet` and its pods.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) namespace: String,
    pub(crate) name: String,
    replicas: usize,
    revision: String,
}

/// Makes objects.
pub(crate) struct Fleet {
    client: Client,
}

impl Fleet {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Nodes that nobody plays.
    pub(crate) async fn nodes(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let made = stream::iter(numbers).map(|number| {
            let node = json!({ "metadata": { "name": format!("bench-{number}") } });
            create(&nodes, node)
        });
        made.buffer_unordered(ABREAST)
            .try_for_each(async |_| Ok(()))
            .await
    }

    /// A namespace whose pods find their `ServiceAccount`.
    pub(crate) async fn namespace(&self, name: &str) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        create(&namespaces, json!({ "metadata": { "name": name } })).await?;
        let accounts: Api<ServiceAccount> = self.api(name);
        create(&accounts, json!({ "metadata": { "name": "default" } })).await?;
        Ok(())
    }

    /// A Deployment all of whose pods are ready.
    pub(crate) async fn app(&self, namespace: &str, name: &str, replicas: usize) -> Result<App> {
        let labels = json!({ "app": name, "pod-template-hash": "6d4cf56db6" });
        let template = json!({ "metadata": { "labels": labels }, "spec": pod_spec() });
        let deployment = json!({ "metadata": { "name": name, "labels": { "app": name } },
            "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": name } },
                "template": { "metadata": { "labels": { "app": name } }, "spec": pod_spec() } } });
        let deployments: Api<Deployment> = self.api(namespace);
        let owner = create(&deployments, deployment).await?;
        let set = json!({
            "metadata": { "name": format!("{name}-6d4cf56db6"), "labels": labels, "annotations": { "deployment.kubernetes.io/revision": "1" },
                "ownerReferences": [owner_reference("Deployment", name, &owner.uid().context("no UID")?)] },
            "spec": { "replicas": replicas, "selector": { "matchLabels": labels }, "template": template } });
        let sets: Api<ReplicaSet> = self.api(namespace);
        let set = create(&sets, set).await?;
        let app = App {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            replicas,
            revision: set.uid().context("no UID")?,
        };
        for number in 0..replicas {
            self.pod(&app, &format!("{name}-6d4cf56db6-{number:05}"))
                .await?;
        }
        let status = json!({ "status": { "observedGeneration": 1, "replicas": replicas, "readyReplicas": replicas,
            "updatedReplicas": replicas, "availableReplicas": replicas } });
        patch_status(&deployments, name, &status).await?;
        Ok(app)
    }

    /// So many apps at once.
    pub(crate) async fn apps(
        &self,
        names: Vec<(String, String)>,
        replicas: usize,
    ) -> Result<Vec<App>> {
        let apps = stream::iter(names)
            .map(async |(namespace, name)| self.app(&namespace, &name, replicas).await);
        apps.buffer_unordered(ABREAST).try_collect().await
    }

    /// One more pod of an app, ready, as after an act.
    pub(crate) async fn pod(&self, app: &App, name: &str) -> Result<()> {
        let pods: Api<Pod> = self.api(&app.namespace);
        let mut spec = pod_spec();
        spec["nodeName"] = format!("bench-{}", name.len() % 50).into();
        let owner = owner_reference(
            "ReplicaSet",
            &format!("{}-6d4cf56db6", app.name),
            &app.revision,
        );
        let labels = json!({ "app": app.name, "pod-template-hash": "6d4cf56db6" });
        create(&pods, json!({ "metadata": { "name": name, "labels": labels, "ownerReferences": [owner] }, "spec": spec })).await?;
        let running = json!({ "running": { "startedAt": now(0) } });
        patch_status(&pods, name, &pod_status(true, 0, &running, &json!({}))).await
    }

    /// The names of an app's pods.
    pub(crate) fn pod_names(app: &App) -> impl Iterator<Item = (String, String)> {
        let names = (0..app.replicas).map(|number| format!("{}-6d4cf56db6-{number:05}", app.name));
        let namespace = app.namespace.clone();
        names.map(move |name| (namespace.clone(), name))
    }

    /// A kubelet says that a pod's container crashed for the fourth time.
    pub(crate) async fn crash(&self, namespace: &str, pod: &str) -> Result<()> {
        let ended = json!({ "terminated": { "exitCode": 1, "reason": "Error", "startedAt": now(5), "finishedAt": now(0) } });
        let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container" } });
        patch_status(
            &self.api::<Pod>(namespace),
            pod,
            &pod_status(false, 4, &waiting, &ended),
        )
        .await
    }

    /// Many at once.
    pub(crate) async fn crash_all(&self, pods: Vec<(String, String)>) -> Result<()> {
        let crashes =
            stream::iter(pods).map(async |(namespace, pod)| self.crash(&namespace, &pod).await);
        crashes
            .buffer_unordered(ABREAST)
            .try_for_each(async |()| Ok(()))
            .await
    }

    /// A kubelet says something of no importance.
    pub(crate) async fn touch(&self, namespace: &str, pod: &str, number: usize) -> Result<()> {
        let message = json!({ "status": { "message": format!("touched {number}") } });
        patch_status(&self.api::<Pod>(namespace), pod, &message).await
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

fn pod_spec() -> Value {
    let env: Vec<_> = (0..9).map(|index| json!({ "name": format!("SETTING_{index}"), "value": format!("value-{index}") })).collect();
    json!({ "terminationGracePeriodSeconds": 0, "containers": [{ "name": "app", "image": "registry.example/app:1", "env": env,
        "resources": { "requests": { "cpu": "100m", "memory": "128Mi" } } }] })
}

fn pod_status(ready: bool, restarts: u32, state: &Value, last: &Value) -> Value {
    let word = if ready { "True" } else { "False" };
    let condition = |name: &str, status: &str| json!({ "type": name, "status": status, "lastTransitionTime": now(0) });
    json!({ "status": { "phase": "Running", "startTime": now(60),
        "conditions": [condition("PodScheduled", "True"), condition("Initialized", "True"), condition("ContainersReady", word), condition("Ready", word)],
        "containerStatuses": [{ "name": "app", "image": "registry.example/app:1", "imageID": "app@sha256:1", "ready": ready, "started": ready,
            "restartCount": restarts, "state": state, "lastState": last }] } })
}

fn owner_reference(kind: &str, name: &str, uid: &str) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true })
}

/// So many seconds ago, as objects have it.
fn now(ago: u64) -> String {
    let at = SystemTime::now() - Duration::from_secs(ago);
    Timestamp::try_from(at).map_or_else(
        |_| String::new(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

async fn create<K>(api: &Api<K>, object: Value) -> Result<K>
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let object = serde_json::from_value(object)?;
    Ok(api.create(&PostParams::default(), &object).await?)
}

async fn patch_status<K>(api: &Api<K>, name: &str, status: &Value) -> Result<()>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(status))
        .await?;
    Ok(())
}
