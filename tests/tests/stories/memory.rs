//! Out of memory at the limit of a real cgroup: cured by more memory in place, and by more replicas.

use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kubemend_api::HealingEvent;
use kubemend_tests::namespace::{restart_count, uids};
use kubemend_tests::policy::{Policy, RESIZE, RESTART_ONCE, SCALE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, HOLDS_36_MB, SHARES_SESSIONS};

use crate::failures::recovered_below;

/// The replaced system claims 30 s at the least for a pod that ran out of memory.
const CLAIM_MS: i64 = 30_000;

/// It needs 36 MB and has 32Mi: the very same pod gets 48Mi and lives, and the record says what the template needs.
pub(crate) async fn is_resized(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESIZE, RESTART_ONCE]).when("memory", "{oomKilled: {}}");
    namespace.apply(&policy.yaml()).await?;
    let app = App::running(HOLDS_36_MB).with("resources: {limits: {memory: 32Mi}}");
    namespace.apply(&app.yaml()).await?;
    let before = uids(&namespace.pods_when("web", 1).await?);

    let record = namespace.record_in("Recovered", 180).await?;

    ensure!(
        record.spec.symptom == "OomKilled",
        "{}",
        record.spec.symptom
    );
    ensure!(
        record::chain(&record) == "resize Recovered",
        "{}",
        record::summary(&record)
    );
    let [request] = record::applied(&record)[..] else {
        anyhow::bail!("wanted one request: {}", record::summary(&record));
    };
    ensure!(request.verb == "Resize" && request.from.as_deref() == Some("app limit 32Mi"));
    ensure!(
        request.to.as_deref() == Some("app limit 48Mi"),
        "{:?}",
        request.to
    );
    let pods = namespace.pods("web").await?;
    ensure!(uids(&pods) == before, "the pod was replaced");
    ensure!(given(&pods[0])? == "48Mi");
    let proposal = record::status(&record)
        .template_patch
        .context("no proposal")?;
    ensure!(
        proposal
            == r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","resources":{"limits":{"memory":"48Mi"}}}]}}}}"#,
        "{proposal}"
    );
    is_as_proposed(&scene, &namespace.name, &proposal).await?;
    recovered_below(&record, CLAIM_MS)
}

/// What the kubelet says that it has given.
fn given(pod: &Pod) -> Result<&str> {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|one| one.container_statuses.as_ref());
    let resources = statuses.and_then(|all| all.first()?.resources.as_ref());
    let limit = resources.and_then(|one| one.limits.as_ref()?.get("memory"));
    Ok(&limit.context("no limit is told")?.0)
}

/// The record's patch fits the Deployment as kubectl takes it.
async fn is_as_proposed(scene: &Scene, namespace: &str, proposal: &str) -> Result<()> {
    let arguments = [
        "patch",
        "deployment",
        "web",
        "-n",
        namespace,
        "--dry-run=server",
    ];
    let patched = [&arguments[..], &["--patch", proposal, "-o", "yaml"]].concat();
    let patched = scene.cluster.kubectl(&patched).await?;
    ensure!(
        patched.contains("memory: 48Mi") && !patched.contains("memory: 32Mi"),
        "{patched}"
    );
    Ok(())
}

/// Two replicas share the load, and the one with the old sessions has too much of it; a third takes its part.
pub(crate) async fn is_shared(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    // The other replica must have stayed up for a while before it proves that more of them would.
    let policy = Policy::with_steps(&[SCALE]).when("memory", "{oomKilled: {kills: 3}}");
    namespace.apply(&policy.yaml()).await?;
    let folder = std::env::temp_dir().join(&namespace.name);
    let app = App::running(SHARES_SESSIONS)
        .replicas(2)
        .with("resources: {limits: {memory: 37Mi}}")
        .volume(&format!(
            "hostPath: {{path: {}, type: DirectoryOrCreate}}",
            folder.display()
        ));
    namespace.apply(&app.yaml()).await?;

    let record = namespace.record_in("Recovered", 180).await;

    let killed = namespace.pods("web").await?;
    let _ = std::fs::remove_dir_all(&folder);
    let record = record?;
    is_cured_by_a_third(&record)?;
    ensure!(killed.len() == 3, "{} pods", killed.len());
    let hit = killed.iter().filter(|pod| restart_count(pod) > 0).count();
    ensure!(hit == 1, "{hit} pods were restarted");
    recovered_below(&record, CLAIM_MS)
}

fn is_cured_by_a_third(record: &HealingEvent) -> Result<()> {
    ensure!(
        record.spec.symptom == "OomKilled",
        "{}",
        record.spec.symptom
    );
    ensure!(
        record::chain(record) == "scale Recovered",
        "{}",
        record::summary(record)
    );
    let [request] = record::applied(record)[..] else {
        anyhow::bail!("wanted one request: {}", record::summary(record));
    };
    ensure!(request.from.as_deref() == Some("2") && request.to.as_deref() == Some("3"));
    Ok(())
}
