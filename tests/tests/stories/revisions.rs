//! A bad release of a `StatefulSet` or `DaemonSet` is rolled back, and what blocks their controllers is removed.

use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::ResourceExt as _;
use kubemend_api::{HealingEvent, annotations};
use kubemend_tests::namespace::{Namespace, uids};
use kubemend_tests::policy::{Policy, ROLLBACK};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, CRASHES, HEALTHY};

use crate::failures::recovered_below;

/// A release of a `StatefulSet` whose pods go one after the other names an image that nobody has. Its controller waits for
/// the broken pod for ever, with the old template back too.
pub(crate) async fn deadlocked_stateful_set(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[ROLLBACK])
        .kind("StatefulSet")
        .when("image", "{imagePull: {for: 5s}}");
    namespace.apply(&policy.yaml()).await?;
    let app = || {
        let app = App::running(HEALTHY).kind("StatefulSet").replicas(2);
        app.spec("podManagementPolicy: OrderedReady")
    };
    namespace.apply(&app().yaml()).await?;
    let good = proves_itself(&namespace, 2).await?;
    let before = uids(&namespace.pods("web").await?);
    namespace
        .apply(&app().image("lab.local/nothing:9").yaml())
        .await?;

    let record = namespace.record_in("Recovered", 120).await?;

    ensure!(
        record::chain(&record) == "rollback Partial, rollback Recovered",
        "{}",
        record::summary(&record)
    );
    let [rollback, removal] = record::applied(&record)[..] else {
        anyhow::bail!("wanted two requests: {}", record::summary(&record));
    };
    ensure!(rollback.verb == "Rollback" && rollback.name == good.name_any());
    ensure!(removal.verb == "Delete" && removal.name == "web-1");
    let after = uids(&namespace.ready_pods("web", 2, 1).await?);
    ensure!(after[0] == before[0], "a healthy pod was replaced");
    ensure!(
        after[1] != before[1] && after[1] != removal.uid,
        "the broken pod is still there"
    );
    let web: StatefulSet = namespace.api().get("web").await?;
    is_back(&web.metadata, &web.spec.template, &record)?;
    good_is_newest(&namespace, &good).await?;
    recovered_below(&record, 30_000)
}

/// A release of a `DaemonSet` crashes; its controller replaces broken pods itself, so the template is all that is put back.
pub(crate) async fn daemon_set(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[ROLLBACK]).kind("DaemonSet");
    namespace.apply(&policy.yaml()).await?;
    let app = |script: &str| {
        let app = App::running(script).kind("DaemonSet");
        app.placed("tolerations: []").ready_when_ok()
    };
    namespace.apply(&app(HEALTHY).yaml()).await?;
    let good = proves_itself(&namespace, nodes(&scene)).await?;
    namespace.apply(&app(CRASHES).yaml()).await?;

    let record = namespace.record_in("Recovered", 180).await?;

    ensure!(
        record::chain(&record) == "rollback Recovered",
        "{}",
        record::summary(&record)
    );
    let [rollback] = record::applied(&record)[..] else {
        anyhow::bail!("wanted one request: {}", record::summary(&record));
    };
    ensure!(rollback.verb == "Rollback" && rollback.name == good.name_any());
    let web: DaemonSet = namespace.api().get("web").await?;
    is_back(&web.metadata, &web.spec.template, &record)?;
    good_is_newest(&namespace, &good).await?;
    recovered_below(&record, 30_000)
}

/// How many pods a `DaemonSet` has in the lab.
fn nodes(scene: &Scene) -> usize {
    scene.cluster.lab().nodes().len()
}

/// Waits until the present revision has proven itself.
async fn proves_itself(namespace: &Namespace, pods: usize) -> Result<ControllerRevision> {
    namespace.ready_pods("web", pods, 60).await?;
    namespace.proven_revision("web", 60).await
}

/// The release before stands in the workload, written once and by the operator.
fn is_back(
    meta: &kube::core::ObjectMeta,
    template: &PodTemplateSpec,
    record: &HealingEvent,
) -> Result<()> {
    ensure!(
        meta.generation == Some(3),
        "wanted create, release and rollback"
    );
    let marks = meta.annotations.as_ref().context("no annotations")?;
    ensure!(marks.get(annotations::HEALED_BY) == Some(&record.name_any()));
    let pod = template.spec.as_ref().context("no pod spec")?;
    let container = &pod.containers[0];
    ensure!(container.image.as_deref() == Some("lab.local/busybox:1"));
    let script = container.command.as_ref().and_then(|words| words.last());
    ensure!(script.map(String::as_str) == Some(HEALTHY));
    Ok(())
}

/// The controller took the old revision up again instead of making another one.
async fn good_is_newest(namespace: &Namespace, good: &ControllerRevision) -> Result<()> {
    let newest = namespace.newest_revision("web").await?;
    ensure!(newest.uid() == good.uid() && newest.revision == Some(3));
    Ok(())
}
