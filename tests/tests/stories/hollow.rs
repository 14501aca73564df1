//! Two hundred workloads turn unready in one moment, on a node whose kubelet is the story itself: no machine needs to
//! run them, and everything that Kubemend reads and writes is real.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use kubemend_api::HealingEvent;
use kubemend_tests::install::GRANT;
use kubemend_tests::namespace::{Namespace, uids};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use serde_json::json;

use crate::storm::{EAGER, grant, records};

const APPS: usize = 200;
const NODE: &str = "hollow";

/// Under the storm limits that hold where nobody wrote any: nothing is acted on, each has its record that says why,
/// and all close by themselves.
pub(crate) async fn two_hundred_at_once(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    grant(&scene, "{release: 10s}").await?;
    let node = Hollow::create(&scene).await?;
    let told = tokio::select! {
        told = unready(&namespace) => told,
        ended = node.beat() => ended,
    };
    node.delete().await?;
    scene.cluster.apply(None, GRANT).await?;
    told
}

async fn unready(namespace: &Namespace) -> Result<()> {
    namespace.apply(&apps()).await?;
    let pods = all_pods(namespace).await?;
    play(namespace, &pods, true).await?;
    available(namespace).await?;

    play(namespace, &pods, false).await?;
    let held = |one: &HealingEvent| record::reason(one) == "StormActive";
    records(namespace, APPS, "the storm holds all", held).await?;

    play(namespace, &pods, true).await?;
    let over = |one: &HealingEvent| record::phase(one) == "SelfRecovered";
    let ended = records(namespace, APPS, "all got well by themselves", over).await?;
    for one in &ended {
        ensure!(record::attempts(one).is_empty(), "{}", record::summary(one));
    }
    let after = all_pods(namespace).await?;
    ensure!(uids(&after) == uids(&pods), "a pod was replaced");
    Ok(())
}

/// A Node that no machine stands behind, with a taint so that nothing else comes here.
struct Hollow {
    nodes: Api<Node>,
    leases: Api<Lease>,
}

impl Hollow {
    async fn create(scene: &Scene) -> Result<Self> {
        let client = scene.cluster.client();
        let hollow = Self {
            nodes: Api::all(client.clone()),
            leases: Api::namespaced(client, "kube-node-lease"),
        };
        hollow.delete().await?;
        let taint = json!({"key": "kubemend.io/hollow", "effect": "NoSchedule"});
        let node = json!({"metadata": {"name": NODE}, "spec": {"taints": [taint]}});
        let how = PostParams::default();
        hollow
            .nodes
            .create(&how, &serde_json::from_value(node)?)
            .await?;
        let ready = json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": Timestamp::now(), "lastTransitionTime": Timestamp::now()}
        ]}});
        let how = PatchParams::default();
        hollow
            .nodes
            .patch_status(NODE, &how, &Patch::Merge(&ready))
            .await?;
        Ok(hollow)
    }

    /// Renews the node's lease as a kubelet does; ends only with an error.
    async fn beat(&self) -> Result<()> {
        let mut clock = tokio::time::interval(Duration::from_secs(10));
        loop {
            clock.tick().await;
            let spec = json!({"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": MicroTime(Timestamp::now())});
            let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NODE}, "spec": spec});
            let how = PatchParams::apply("kubemend-tests").force();
            let renewed = self.leases.patch(NODE, &how, &Patch::Apply(&lease)).await;
            renewed.context("the node's heart stopped")?;
        }
    }

    /// Harmless if it is not there.
    async fn delete(&self) -> Result<()> {
        let how = DeleteParams::default();
        for gone in [
            self.nodes.delete(NODE, &how).await.map(drop),
            self.leases.delete(NODE, &how).await.map(drop),
        ] {
            match gone {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                told => told?,
            }
        }
        Ok(())
    }
}

/// As the storm's apps, without containers that run.
fn apps() -> String {
    let mut all = EAGER.to_owned();
    for number in 0..APPS {
        // Writing into a String cannot fail.
        let _ = write!(
            all,
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}}}
spec:
  selector: {{matchLabels: {{number: \"{number}\"}}}}
  template:
    metadata: {{labels: {{app: hollow, number: \"{number}\"}}}}
    spec:
      nodeName: {NODE}
      terminationGracePeriodSeconds: 0
      containers:
      - {{name: app, image: \"lab.local/busybox:1\", readinessProbe: {{exec: {{command: [\"true\"]}}}}}}
"
        );
    }
    all
}

async fn all_pods(namespace: &Namespace) -> Result<Vec<Pod>> {
    let look = async || {
        let pods = namespace.pods("hollow").await?;
        Ok(match pods.len() {
            APPS => Look::Found(pods),
            other => Look::NotYet(format!("{other} pods")),
        })
    };
    await_condition("every app has its pod", Duration::from_mins(3), look).await
}

/// What a kubelet would say of them.
async fn play(namespace: &Namespace, pods: &[Pod], ready: bool) -> Result<()> {
    let (now, api) = (Timestamp::now(), namespace.api::<Pod>());
    let says = |kind, so| {
        let status = if so { "True" } else { "False" };
        json!({"type": kind, "status": status, "lastTransitionTime": now})
    };
    let status = json!({"status": {
        "phase": "Running",
        "conditions": [says("Initialized", true), says("ContainersReady", ready), says("Ready", ready)],
        "containerStatuses": [{
            "name": "app", "image": "lab.local/busybox:1", "imageID": "sha256:0", "containerID": "containerd://0",
            "restartCount": 0, "started": true, "ready": ready, "state": {"running": {"startedAt": now}},
        }],
    }});
    for pod in pods {
        let how = PatchParams::default();
        api.patch_status(&pod.name_any(), &how, &Patch::Merge(&status))
            .await?;
    }
    Ok(())
}

/// Waits until the controllers have seen that all are ready.
async fn available(namespace: &Namespace) -> Result<()> {
    let look = async || {
        let all = namespace
            .all::<k8s_openapi::api::apps::v1::Deployment>()
            .await?;
        let up = all.iter().filter(|one| {
            let status = one.status.as_ref();
            status.and_then(|status| status.available_replicas) == Some(1)
        });
        Ok(match up.count() {
            APPS => Look::Found(()),
            other => Look::NotYet(format!("{other} of {} are available", all.len())),
        })
    };
    await_condition("all are available", Duration::from_mins(3), look).await
}
