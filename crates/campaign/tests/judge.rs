//! The judge sees what it is there to see: each of these breaks one invariant, and is accused of it.

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
};
use kubemend_campaign::stage::Stage;
use kubemend_sim::{Settings, toy};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

/// A culprit that calls itself an operator, on a cluster with one crash loop.
struct Scene {
    stage: Stage,
    client: kube::Client,
}

impl Scene {
    async fn new() -> Self {
        let stage = Stage::new(Settings::default());
        stage
            .server
            .put(toy::deployment("shop", "app0", 1, "exit-after:2s"));
        let client = stage.server.client_as("kubemend-culprit");
        sleep(Duration::from_secs(30)).await;
        Self { stage, client }
    }

    fn api(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), "shop", &resource)
    }

    fn records(&self) -> Api<DynamicObject> {
        self.api("kubemend.io", "v1alpha1", "HealingEvent")
    }

    async fn record(&self, name: &str, status: Value) {
        let record = json!({
            "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingEvent", "metadata": {"name": name},
            "spec": {"targetRef": "Deployment/app0", "policyRef": "HealingPolicy/policy0",
                "target": {"kind": "Deployment", "name": "app0"}},
        });
        let record = serde_json::from_value(record).expect("a record");
        self.records()
            .create(&PostParams::default(), &record)
            .await
            .expect("created");
        self.status(name, status).await;
    }

    async fn status(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        let records = self.records();
        records
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .expect("patched");
    }

    async fn delete_pod(&self) {
        let pods = self.api("", "v1", "Pod");
        pods.delete(&self.pod().0, &DeleteParams::default())
            .await
            .expect("deleted");
    }

    /// Name and UID of the pod.
    fn pod(&self) -> (String, String) {
        let pods = self.stage.server.list("Pod", "shop");
        let text = |field: &str| {
            pods[0]["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (text("name"), text("uid"))
    }

    /// An attempt that announces the deletion of the pod.
    fn intent(&self) -> Value {
        let (name, uid) = self.pod();
        json!({"step": "restart", "intentAt": "2026-01-01T00:00:30Z",
            "requests": [{"verb": "Delete", "name": name, "uid": uid}]})
    }

    /// Waits until the container is in that state.
    async fn until(&self, state: &str) {
        let is = |pod: &Value| pod["status"]["containerStatuses"][0]["state"][state].is_object();
        while !is(&self.stage.server.list("Pod", "shop")[0]) {
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn accused(&self, rule: &str) {
        let violation = self.stage.judge.violation();
        assert_eq!(
            violation.as_ref().map(|one| one.rule),
            Some(rule),
            "{violation:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_act_that_no_record_announced() {
    let scene = Scene::new().await;
    scene.delete_pod().await;
    scene.accused("S4 unannounced");
}

#[tokio::test(start_paused = true)]
async fn of_an_act_without_the_lease() {
    let scene = Scene::new().await;
    scene
        .record(
            "one-1",
            json!({"phase": "Acting", "attempts": [scene.intent()]}),
        )
        .await;
    scene.delete_pod().await;
    scene.accused("S8 leader");
}

#[tokio::test(start_paused = true)]
async fn of_an_act_that_no_policy_asked_for() {
    let scene = Scene::new().await;
    scene
        .record(
            "one-1",
            json!({"phase": "Acting", "attempts": [scene.intent()]}),
        )
        .await;
    scene.stage.server.put(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "kubemend-system", "name": "kubemend"},
        "spec": {"holderIdentity": "kubemend-culprit"},
    }));
    scene.delete_pod().await;
    scene.accused("S6 selection");
}

#[tokio::test(start_paused = true)]
async fn of_an_act_that_nobody_approved() {
    let scene = Scene::new().await;
    let mut asked = scene.intent();
    asked["step"] = json!("asked");
    scene
        .record("one-1", json!({"phase": "Acting", "attempts": [asked]}))
        .await;
    scene.stage.server.put(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "kubemend-system", "name": "kubemend"},
        "spec": {"holderIdentity": "kubemend-culprit"},
    }));
    scene.delete_pod().await;
    scene.accused("S12 approval");
}

#[tokio::test(start_paused = true)]
async fn of_two_open_episodes() {
    let scene = Scene::new().await;
    scene.record("one-1", json!({"phase": "Pending"})).await;
    scene.record("one-2", json!({"phase": "Pending"})).await;
    scene.accused("3 one episode");
}

#[tokio::test(start_paused = true)]
async fn of_a_hold_without_a_reason() {
    let scene = Scene::new().await;
    scene.record("one-1", json!({"phase": "Held"})).await;
    scene.accused("S10 typed");
}

#[tokio::test(start_paused = true)]
async fn of_a_forgotten_attempt() {
    let scene = Scene::new().await;
    scene
        .record(
            "one-1",
            json!({"phase": "Acting", "attempts": [scene.intent()]}),
        )
        .await;
    scene.status("one-1", json!({"attempts": []})).await;
    scene.accused("1 record");
}

#[tokio::test(start_paused = true)]
async fn of_a_recovery_that_is_none() {
    let scene = Scene::new().await;
    scene.record("one-1", json!({"phase": "Verifying"})).await;
    scene.until("running").await;
    scene.until("terminated").await;
    sleep(Duration::from_secs(5)).await;
    scene.status("one-1", json!({"phase": "Recovered"})).await;
    scene.accused("4 recovered");
}

#[tokio::test(start_paused = true)]
async fn of_the_loss_of_an_open_record() {
    let scene = Scene::new().await;
    scene.record("one-1", json!({"phase": "Pending"})).await;
    scene
        .records()
        .delete("one-1", &DeleteParams::default())
        .await
        .expect("deleted");
    scene.accused("1 record");
}
