//! Each failure that a real kubelet can show: what is detected, what answers it, and in what time.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use kubemend_api::HealingEvent;
use kubemend_tests::namespace::uids;
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{CLEAN, Policy, RESTART_ONCE, ROLL, ROLLBACK, SCALE, WAIT};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{
    App, EATS_MEMORY, HEALTHY, NEVER_READY, crashes_until_replaced, until_replaced,
};
use serde_json::json;

use crate::release::proves_itself;

/// The replaced system claims 30 s at the least for a pod that ran out of memory.
const OOM_CLAIM_MS: i64 = 30_000;

/// Killed by the kernel at the limit of its cgroup, three times; a new pod needs less.
pub(crate) async fn out_of_memory(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE]).when("memory", "{oomKilled: {kills: 3}}");
    namespace.apply(&policy.yaml()).await?;
    let app =
        App::running(&until_replaced(12, EATS_MEMORY)).with("resources: {limits: {memory: 32Mi}}");
    namespace.apply(&app.yaml()).await?;

    let record = namespace.record_in("Recovered", 180).await?;

    ensure!(
        record.spec.symptom == "OomKilled",
        "{}",
        record.spec.symptom
    );
    ensure!(record::chain(&record) == "restart Recovered");
    ensure!(record::applied(&record).len() == 1);
    let evidence = record::status(&record).evidence;
    let killed = evidence
        .iter()
        .find(|one| one.reason.as_deref() == Some("OOMKilled"));
    ensure!(killed.context("no evidence of the kill")?.exit_code == Some(137));
    recovered_below(&record, OOM_CLAIM_MS)
}

/// A release names an image that nobody has: no restart fetches it, the release before comes back.
pub(crate) async fn wrong_image(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE, SCALE, ROLLBACK])
        .when("image", "{imagePull: {for: 5s}}");
    namespace.apply(&policy.yaml()).await?;
    let good = App::running(HEALTHY).replicas(2);
    namespace.apply(&good.yaml()).await?;
    let proven = proves_itself(&namespace).await?;
    let bad = App::running(HEALTHY)
        .replicas(2)
        .image("lab.local/nothing:9");
    namespace.apply(&bad.yaml()).await?;

    let record = namespace.record_in("Recovered", 120).await?;

    ensure!(
        record.spec.symptom == "ImagePull",
        "{}",
        record.spec.symptom
    );
    ensure!(record::chain(&record) == "rollback Recovered");
    ensure!(record::skips(&record) == "restart CannotHelp, scale CannotHelp");
    let [request] = record::applied(&record)[..] else {
        anyhow::bail!("wanted one request: {}", record::summary(&record));
    };
    ensure!(request.name == proven.name_any());
    let deployment = namespace.deployment("web").await?;
    let pod = deployment.spec.template.spec;
    let image = pod.and_then(|pod| pod.containers[0].image.clone());
    ensure!(image.as_deref() == Some("lab.local/busybox:1"), "{image:?}");
    recovered_below(&record, 30_000)
}

/// A `ConfigMap` is missing: nothing is done, and the record closes by itself when it is there.
pub(crate) async fn missing_config(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE, WAIT])
        .when("configuration", "{containerConfig: {for: 5s}}");
    namespace.apply(&policy.yaml()).await?;
    let app = App::running(HEALTHY).with("envFrom: [{configMapRef: {name: settings}}]");
    namespace.apply(&app.yaml()).await?;
    let waits = |one: &HealingEvent| record::phase(one) == "Verifying";
    let record = namespace.record_when("it waits", 60, waits).await?;
    ensure!(
        record.spec.symptom == "ContainerConfig",
        "{}",
        record.spec.symptom
    );
    ensure!(record::skips(&record) == "restart CannotHelp");
    let said = record::status(&record).evidence;
    let missing = said
        .iter()
        .filter_map(|one| one.message.as_deref())
        .any(|one| one.contains("configmap \"settings\" not found"));
    ensure!(
        missing,
        "the evidence does not name what is missing: {said:?}"
    );
    let before = uids(&namespace.pods("web").await?);

    namespace
        .apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n")
        .await?;

    let record = namespace.record_in("SelfRecovered", 90).await?;
    ensure!(record::applied(&record).is_empty());
    ensure!(record::reason(&record) == "SymptomGone");
    let after = uids(&namespace.pods("web").await?);
    ensure!(before == after, "the pod was replaced");
    let maps = namespace.all::<ConfigMap>().await?;
    ensure!(maps.iter().any(|one| one.name_any() == "settings"));
    Ok(())
}

/// The process runs and its readiness probe says no; a new pod serves.
pub(crate) async fn not_ready(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE])
        .when("probes", "{probeFailing: {probes: [Readiness], for: 15s}}");
    namespace.apply(&policy.yaml()).await?;
    let app = App::running(&until_replaced(10, NEVER_READY)).ready_when_ok();
    namespace.apply(&app.yaml()).await?;

    let record = namespace.record_in("Recovered", 120).await?;

    ensure!(
        record.spec.symptom == "ProbeFailing",
        "{}",
        record.spec.symptom
    );
    ensure!(record::chain(&record) == "restart Recovered");
    ensure!(record::applied(&record).len() == 1);
    recovered_below(&record, 15_000)
}

/// The kubelet kills it for its liveness probe, again and again; a new pod is well.
pub(crate) async fn not_alive(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE])
        .when("probes", "{probeFailing: {probes: [Liveness], kills: 3}}");
    namespace.apply(&policy.yaml()).await?;
    let probe =
        "livenessProbe: {exec: {command: [cat, /tmp/ok]}, periodSeconds: 1, failureThreshold: 2}";
    let app = App::running(&until_replaced(15, NEVER_READY)).with(probe);
    namespace.apply(&app.yaml()).await?;

    let record = namespace.record_in("Recovered", 180).await?;

    ensure!(
        record.spec.symptom == "ProbeFailing",
        "{}",
        record.spec.symptom
    );
    ensure!(record::chain(&record) == "restart Recovered");
    recovered_below(&record, 15_000)
}

/// No node has the label: a person is told, nothing is done, and it closes when there is a place.
pub(crate) async fn no_node(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy =
        Policy::with_steps(&[RESTART_ONCE, SCALE]).when("pending", "{pending: {for: 10s}}");
    namespace.apply(&policy.yaml()).await?;
    let app = App::running(HEALTHY).placed("nodeSelector: {kubemend.io/no-such: node}");
    namespace.apply(&app.yaml()).await?;

    let record = namespace.record_in("Exhausted", 60).await?;

    ensure!(record.spec.symptom == "Pending", "{}", record.spec.symptom);
    ensure!(record::skips(&record) == "restart CannotHelp, scale CannotHelp");
    ensure!(record::attempts(&record).is_empty());
    Ok(())
}

/// A finalizer keeps a deleted pod: it is told, nothing is done, and the record ends when it goes.
pub(crate) async fn kept_by_a_finalizer(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE, ROLLBACK])
        .when("terminating", "{stuckTerminating: {for: 10s}}");
    namespace.apply(&policy.yaml()).await?;
    namespace.apply(&App::running(HEALTHY).yaml()).await?;
    let pod = namespace.ready_pods("web", 1, 60).await?.remove(0);
    let pods = namespace.api::<Pod>();
    let finalizers = |all: serde_json::Value| json!({"metadata": {"finalizers": all}});
    let keep = finalizers(json!(["example.com/backup"]));
    let (name, how) = (pod.name_any(), PatchParams::default());
    pods.patch(&name, &how, &Patch::Merge(&keep)).await?;
    pods.delete(&name, &DeleteParams::default()).await?;

    let record = namespace.record_in("Exhausted", 90).await?;

    ensure!(
        record.spec.symptom == "StuckTerminating",
        "{}",
        record.spec.symptom
    );
    ensure!(record::skips(&record) == "restart CannotHelp, rollback CannotHelp");
    pods.get(&name).await.context("the pod is gone")?;
    let free = finalizers(json!(null));
    pods.patch(&name, &how, &Patch::Merge(&free)).await?;
    let ended = |one: &HealingEvent| record::reason(one) == "SymptomGone";
    let record = namespace.record_when("it has ended", 120, ended).await?;
    ensure!(record::attempts(&record).is_empty());
    Ok(())
}

/// A rollout that never gets ready passes its deadline and is taken back.
pub(crate) async fn stalled_rollout(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[SCALE, ROLLBACK]).when("rollout", "{rolloutStalled: {}}");
    namespace.apply(&policy.yaml()).await?;
    let release = |script: &str| {
        let app = App::running(script).replicas(2).ready_when_ok();
        app.spec("progressDeadlineSeconds: 10").yaml()
    };
    namespace.apply(&release(HEALTHY)).await?;
    let proven = proves_itself(&namespace).await?;
    namespace.apply(&release(NEVER_READY)).await?;

    let record = namespace.record_in("Recovered", 120).await?;

    ensure!(
        record.spec.symptom == "RolloutStalled",
        "{}",
        record.spec.symptom
    );
    ensure!(record::chain(&record) == "rollback Recovered");
    ensure!(record::applied(&record)[0].name == proven.name_any());
    recovered_below(&record, 30_000)
}

/// A `DaemonSet` that crashes on every node is restarted node by node.
pub(crate) async fn daemon_set(scene: Rc<Scene>) -> Result<()> {
    is_rolled(scene, "DaemonSet", "tolerations: []").await
}

/// A `StatefulSet` that crashes is restarted by its own controller.
pub(crate) async fn stateful_set(scene: Rc<Scene>) -> Result<()> {
    is_rolled(
        scene,
        "StatefulSet",
        "nodeSelector: {kubemend.io/backoff-cap: 10s}",
    )
    .await
}

async fn is_rolled(scene: Rc<Scene>, kind: &'static str, place: &str) -> Result<()> {
    let namespace = scene.namespace().await?;
    // The third restart comes after some thirty seconds, when new pods are well.
    let policy = Policy::with_steps(&[ROLL]).kind(kind).restarts(3);
    namespace.apply(&policy.yaml()).await?;
    let app = App::running(&crashes_until_replaced(20))
        .kind(kind)
        .placed(place);
    namespace.apply(&app.yaml()).await?;

    let record = namespace.record_in("Recovered", 240).await?;

    ensure!(record.spec.target_ref == format!("{kind}/web"));
    ensure!(
        record::chain(&record) == "roll Recovered",
        "{}",
        record::summary(&record)
    );
    let [request] = record::applied(&record)[..] else {
        anyhow::bail!("wanted one request: {}", record::summary(&record));
    };
    ensure!(request.verb == "Restart" && request.to.is_some());
    recovered_below(&record, 60_000)
}

/// The kubelet evicts a pod that fills its volume; what is left of it is removed, and nothing else.
pub(crate) async fn evicted(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE, CLEAN]).when("garbage", "{evicted: {}}");
    namespace.apply(&policy.yaml()).await?;
    let fills = "dd if=/dev/zero of=/state/full bs=1M count=8 2>/dev/null; exec sleep 100000";
    let app = App::running(&until_replaced(8, fills)).volume("emptyDir: {sizeLimit: 1Mi}");
    namespace.apply(&app.yaml()).await?;

    let record = namespace.record_in("Recovered", 240).await?;

    ensure!(record.spec.symptom == "Evicted", "{}", record.spec.symptom);
    ensure!(record::skips(&record) == "restart CannotHelp");
    ensure!(
        record::chain(&record) == "clean Recovered",
        "{}",
        record::summary(&record)
    );
    let look = async || {
        let pods = namespace.pods("web").await?;
        let failed =
            |pod: &&Pod| pod.status.as_ref().and_then(|one| one.phase.as_deref()) == Some("Failed");
        Ok(match pods.iter().filter(failed).count() {
            0 if pods.len() == 1 => Look::Found(()),
            failed => Look::NotYet(format!("{failed} of {} pods are Failed", pods.len())),
        })
    };
    await_condition(
        "only the pod that runs is left",
        Duration::from_secs(30),
        look,
    )
    .await
}

/// From detection to healthy in less than that; said, so that the documents can repeat it.
pub(crate) fn recovered_below(record: &HealingEvent, most: i64) -> Result<()> {
    let status = record::status(record);
    let took = record::millis(status.recovery.as_ref()).context("no recovery")?;
    let (symptom, chain) = (&record.spec.symptom, record::chain(record));
    let detection = record::millis(status.detection.as_ref()).unwrap_or_default();
    println!("  {symptom}: {chain}; detected after {detection} ms, recovered after {took} ms");
    ensure!(
        took < most,
        "recovered after {took} ms, wanted less than {most}"
    );
    Ok(())
}
