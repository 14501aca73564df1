//! What is not enforced is not done: `DryRun`, Suspended, paused, and what is gone in the middle.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use kubemend_api::{HealingEvent, HealingPolicy};
use kubemend_tests::install::GRANT;
use kubemend_tests::namespace::{Namespace, uids, writers};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{Policy, RESTART, ROLLBACK, SCALE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, CRASHES, HEALTHY, crashes_until_replaced};

/// The record says what would be done, nothing else is written, and history forgets it in time.
pub(crate) async fn dry_run_only_records(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART, SCALE, ROLLBACK])
        .mode("DryRun")
        .history("{ttl: 10s}");
    namespace.apply(&policy.yaml()).await?;
    namespace.apply(&App::running(CRASHES).yaml()).await?;
    let pods = namespace.pods_when("web", 1).await?;

    let would_act = |record: &HealingEvent| record::reason(record) == "WouldAct";
    let record = namespace
        .record_when("the record says what would be done", 90, would_act)
        .await?;

    ensure!(record.name_any().ends_with("-1-dry"));
    ensure!(record::phase(&record) == "Pending");
    ensure!(record::chain(&record) == "restart WouldAct");
    let requests = &record::attempts(&record)[0].requests;
    ensure!(requests.len() == 1 && Some(&requests[0].uid) == pods[0].uid().as_ref());
    let status = record::status(&record);
    ensure!(status.mode.as_deref() == Some("DryRun"));
    ensure!(status.later_steps == ["scale", "rollback"]);

    namespace.restarted("web", 4, 60).await?;
    ensure!(uids(&namespace.pods("web").await?) == uids(&pods));
    is_untouched(&namespace).await?;
    namespace.apply(&App::running(HEALTHY).yaml()).await?;
    let record = namespace.record_in("Superseded", 60).await?;
    ensure!(record::chain(&record) == "restart WouldAct");
    let look = async || {
        let records = namespace.records().await?;
        Ok(match records.first() {
            None => Look::Found(()),
            Some(record) => Look::NotYet(record::summary(record)),
        })
    };
    await_condition("the record is pruned", Duration::from_secs(40), look).await
}

/// A suspended policy opens no record; the same policy in Enforce acts on the same failure.
pub(crate) async fn suspended_does_nothing(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    namespace
        .apply(&Policy::with_steps(&[RESTART]).mode("Suspended").yaml())
        .await?;
    namespace.apply(&App::running(CRASHES).yaml()).await?;
    let pods = namespace.pods_when("web", 1).await?;
    effective_mode(&namespace, "Suspended").await?;
    namespace.restarted("web", 3, 90).await?;
    ensure!(namespace.records().await?.is_empty());
    ensure!(uids(&namespace.pods("web").await?) == uids(&pods));
    is_untouched(&namespace).await?;

    namespace
        .apply(&Policy::with_steps(&[RESTART]).yaml())
        .await?;
    namespace
        .record_when("a restart is recorded", 30, has_acted)
        .await?;
    Ok(())
}

/// A policy that is deleted takes its authority along.
pub(crate) async fn a_deleted_policy_aborts(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART]).yaml();
    restart_under_way(&namespace, &policy).await?;
    namespace
        .api::<HealingPolicy>()
        .delete("web", &DeleteParams::default())
        .await?;

    let record = namespace.record_in("Aborted", 60).await?;

    ensure!(record::reason(&record) == "PolicyGone");
    ensure!(record::status(&record).ended_at.is_some());
    let pods = namespace.pods_when("web", 1).await?;
    namespace.restarted("web", 3, 90).await?;
    ensure!(
        uids(&namespace.pods("web").await?) == uids(&pods),
        "it went on without a policy"
    );
    namespace.record_in("Aborted", 1).await?;
    Ok(())
}

/// A target that is deleted ends its episode.
pub(crate) async fn a_deleted_target_aborts(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    restart_under_way(&namespace, &Policy::with_steps(&[RESTART]).yaml()).await?;
    namespace
        .api::<Deployment>()
        .delete("web", &DeleteParams::foreground())
        .await?;

    let record = namespace.record_in("Aborted", 60).await?;

    ensure!(record::reason(&record) == "TargetGone");
    ensure!(record::status(&record).ended_at.is_some());
    Ok(())
}

/// A pause of the whole cluster holds what it finds and lets it go again.
pub(crate) async fn a_pause_holds_everything(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let paused = format!("{GRANT}  pause: {{reason: INC-4711}}\n");
    scene.cluster.apply(None, &paused).await?;
    let held = is_held_by_the_pause(&namespace).await;
    scene.cluster.apply(None, GRANT).await?;
    held?;

    let record = namespace.record_in("Recovered", 90).await?;
    ensure!(record::chain(&record) == "restart Recovered");
    Ok(())
}

async fn is_held_by_the_pause(namespace: &Namespace) -> Result<()> {
    namespace
        .apply(&Policy::with_steps(&[RESTART]).yaml())
        .await?;
    namespace
        .apply(&App::running(&crashes_until_replaced(20)).yaml())
        .await?;
    let pods = namespace.pods_when("web", 1).await?;
    let paused = |record: &HealingEvent| {
        record::phase(record) == "Held" && record::reason(record) == "Paused"
    };
    let record = namespace
        .record_when("the pause holds it", 90, paused)
        .await?;
    let message = record::status(&record).message.unwrap_or_default();
    ensure!(message.contains("INC-4711"), "the record says {message:?}");
    namespace.restarted("web", 3, 60).await?;
    ensure!(
        uids(&namespace.pods("web").await?) == uids(&pods),
        "it acted in spite of the pause"
    );
    Ok(())
}

/// A crash loop of `web` under that policy, whose first restart is recorded.
async fn restart_under_way(namespace: &Namespace, policy: &str) -> Result<()> {
    namespace.apply(policy).await?;
    namespace.apply(&App::running(CRASHES).yaml()).await?;
    namespace
        .record_when("a restart is recorded", 90, has_acted)
        .await?;
    Ok(())
}

fn has_acted(record: &HealingEvent) -> bool {
    !record::attempts(record).is_empty()
}

async fn effective_mode(namespace: &Namespace, mode: &str) -> Result<()> {
    let look = async || {
        let status = namespace.policy("web").await?.status.unwrap_or_default();
        Ok(if status.effective_mode.as_deref() == Some(mode) {
            Look::Found(())
        } else {
            Look::NotYet(format!("{:?}", status.effective_mode))
        })
    };
    await_condition("the policy says its mode", Duration::from_secs(30), look).await
}

/// Nobody but the story and the cluster's own controllers ever wrote the workload.
async fn is_untouched(namespace: &Namespace) -> Result<()> {
    let deployment = namespace.deployment("web").await?;
    ensure!(deployment.metadata.generation == Some(1));
    let sets: Vec<ReplicaSet> = namespace.all().await?;
    let pods = namespace.pods("web").await?;
    let mut all = writers(&deployment);
    all.extend(sets.iter().flat_map(writers));
    all.extend(pods.iter().flat_map(writers));
    ensure!(!all.contains(&"kubemend".to_owned()), "written by {all:?}");
    Ok(())
}
