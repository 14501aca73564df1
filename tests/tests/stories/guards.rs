//! What somebody else owns is left alone, and a disruption budget is never bypassed.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::ResourceExt as _;
use kubemend_api::HealingEvent;
use kubemend_tests::namespace::{Namespace, uids, writers};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{Policy, RESTART, ROLLBACK, SCALE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{
    AUTOSCALER, App, CRASHES_ON_NODE1, DISRUPTION_BUDGET, HEALTHY, crashes_until_replaced,
};
use serde_json::Value;

use crate::release::proves_itself;

/// Replicas belong to the autoscaler.
pub(crate) async fn an_autoscaled_workload_is_not_scaled(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    namespace.apply(AUTOSCALER).await?;
    is_left_alone(&namespace, one_of_two_fails(), "OwnedByHPA").await
}

/// What Git says comes back: Argo CD would revert the scale.
pub(crate) async fn an_argo_tracked_workload_is_not_scaled(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let tracked = format!("shop:apps/Deployment:{}/web", namespace.name);
    let app = one_of_two_fails().annotated("argocd.argoproj.io/tracking-id", &tracked);
    is_left_alone(&namespace, app, "OwnedByArgoCD").await
}

/// Git keeps the template: nothing is written, the record says what to change, and that change in Git heals.
pub(crate) async fn what_git_keeps_is_proposed_as_a_patch(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let tracked = format!("shop:apps/Deployment:{}/web", namespace.name);
    let release = |image, port| {
        let app = App::running(HEALTHY).replicas(2).image(image);
        app.annotated("argocd.argoproj.io/tracking-id", &tracked)
            .with(port)
    };
    let policy = Policy::with_steps(&[ROLLBACK]).when("image", "{imagePull: {for: 5s}}");
    namespace.apply(&policy.yaml()).await?;
    let good = release("lab.local/busybox:1", "ports: [{containerPort: 80}]");
    namespace.apply(&good.yaml()).await?;
    let proven = proves_itself(&namespace).await?;
    let bad = release("lab.local/nothing:9", "ports: [{containerPort: 81}]");
    namespace.apply(&bad.yaml()).await?;

    let record = namespace.record_in("Exhausted", 120).await?;

    ensure!(record::skips(&record) == "rollback OwnedByArgoCD");
    ensure!(record::attempts(&record).is_empty());
    let proposal = record::status(&record).proposal.context("no proposal")?;
    ensure!(proposal.revision == proven.name_any() && proposal.left_out.is_empty());
    let kept: Value = serde_json::from_str(&proposal.patch.context("no patch")?)?;
    let containers = &kept["spec"]["template"]["spec"]["containers"];
    ensure!(containers[0]["image"] == "lab.local/busybox:1", "{kept:#}");
    let deployment = namespace.deployment("web").await?;
    ensure!(deployment.metadata.generation == Some(2));
    ensure!(!writers(&deployment).contains(&"kubemend".to_owned()));

    let fixed = in_git(&namespace, &record, &bad).await?;
    namespace.apply(&fixed).await?;

    let ended = |record: &HealingEvent| record::status(record).ended_at.is_some();
    let record = namespace.record_when("it ends", 60, ended).await?;
    ensure!(record::reason(&record) == "RevisionChanged");
    namespace.ready_pods("web", 2, 60).await?;
    // The very template: its ReplicaSet is used again.
    let current = namespace.current_revision("web").await?;
    ensure!(
        current.uid() == proven.uid(),
        "the patch made another template"
    );
    Ok(())
}

/// What kustomize makes of the release in Git and the patch that the record proposes.
async fn in_git(namespace: &Namespace, record: &HealingEvent, release: &App) -> Result<String> {
    let cluster = &namespace.cluster;
    let asked = format!("hev/{}", record.name_any());
    let patch = cluster
        .kubemend(&["patch", &asked, "-n", &namespace.name])
        .await?;
    // The namespace's name is nobody else's.
    let git = std::env::temp_dir().join(&namespace.name);
    std::fs::create_dir(&git)?;
    let write = |name: &str, text: &str| std::fs::write(git.join(name), text);
    write("release.yaml", &release.yaml())?;
    write("patch.yaml", &patch)?;
    write(
        "kustomization.yaml",
        "resources: [release.yaml]\npatches: [{path: patch.yaml}]\n",
    )?;
    let folder = git.display().to_string();
    let file = git.join("patch.yaml").display().to_string();
    let rehearsed = ["patch", "deployment", "web", "-n", &namespace.name];
    let dry = ["--patch-file", &file, "--dry-run=server", "-o", "json"];
    let patched = cluster
        .kubectl(&[&rehearsed[..], &dry[..]].concat())
        .await?;
    let patched: Value = serde_json::from_str(&patched)?;
    let container = &patched["spec"]["template"]["spec"]["containers"][0];
    ensure!(container["image"] == "lab.local/busybox:1", "{container:#}");
    ensure!(
        container["ports"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    );
    let made = cluster.kubectl(&["kustomize", &folder]).await;
    std::fs::remove_dir_all(&git)?;
    made
}

async fn is_left_alone(namespace: &Namespace, app: App, why: &str) -> Result<()> {
    namespace.apply(&scale_alone().yaml()).await?;
    namespace.apply(&app.yaml()).await?;
    let pods = namespace.pods_when("web", 2).await?;

    let record = namespace.record_in("Exhausted", 120).await?;

    ensure!(record::reason(&record) == why);
    ensure!(record::skips(&record) == format!("scale {why}"));
    ensure!(record::attempts(&record).is_empty());
    let deployment = namespace.deployment("web").await?;
    ensure!(deployment.metadata.generation == Some(1));
    ensure!(!writers(&deployment).contains(&"kubemend".to_owned()));
    ensure!(uids(&namespace.pods("web").await?) == uids(&pods));
    Ok(())
}

/// Where nobody else owns the replicas one is added, and taken back as soon as it did not help.
pub(crate) async fn a_scale_that_did_not_help_is_undone(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let other = scene.namespace().await?;
    namespace.apply(&scale_alone().yaml()).await?;
    namespace.apply(&one_of_two_fails().yaml()).await?;
    other
        .apply(&scale_alone().kind("StatefulSet").yaml())
        .await?;
    other
        .apply(&one_of_two_fails().kind("StatefulSet").yaml())
        .await?;

    scaled_and_undone(&namespace).await?;
    let web = namespace.api::<Deployment>().get("web").await?;
    ensure!((web.metadata.generation, web.spec.replicas) == (Some(3), Some(2)));
    scaled_and_undone(&other).await?;
    let web = other.api::<StatefulSet>().get("web").await?;
    ensure!((web.metadata.generation, web.spec.replicas) == (Some(3), Some(2)));
    Ok(())
}

async fn scaled_and_undone(namespace: &Namespace) -> Result<()> {
    let undone = |record: &HealingEvent| {
        let undo = record::status(record).undo;
        undo.is_some_and(|undo| undo.done_at.is_some()) && record::phase(record) == "Exhausted"
    };
    let record = namespace
        .record_when("the scale is undone", 150, undone)
        .await?;
    ensure!(record::chain(&record) == "scale NotRecovered");
    let undo = record::status(&record).undo.context("no undo")?;
    ensure!((undo.from, undo.to) == (2, 3));
    ensure!(undo.result.as_deref() == Some("Undone"));
    Ok(())
}

/// A pod under a disruption budget is evicted when the budget allows it, and not before.
pub(crate) async fn a_disruption_budget_holds(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    namespace.apply(DISRUPTION_BUDGET).await?;
    namespace
        .apply(&Policy::with_steps(&[RESTART]).yaml())
        .await?;
    let app = App::running(&crashes_until_replaced(20)).ready_when_ok();
    namespace.apply(&app.yaml()).await?;
    let pods = namespace.pods_when("web", 1).await?;
    let blocked = |record: &HealingEvent| {
        record::phase(record) == "Held" && record::reason(record) == "PDBBlocked"
    };
    namespace
        .record_when("the disruption budget holds it", 90, blocked)
        .await?;
    namespace.restarted("web", 3, 60).await?;
    ensure!(uids(&namespace.pods("web").await?) == uids(&pods));
    policy_tells_the_hold(&namespace).await?;

    let lenient = DISRUPTION_BUDGET.replace("IfHealthyBudget", "AlwaysAllow");
    namespace.apply(&lenient).await?;

    let record = namespace.record_in("Recovered", 90).await?;
    ensure!(record::chain(&record) == "restart Recovered");
    let verbs: Vec<&str> = record::applied(&record)
        .iter()
        .map(|one| one.verb.as_str())
        .collect();
    ensure!(verbs == ["Evict"]);
    Ok(())
}

async fn policy_tells_the_hold(namespace: &Namespace) -> Result<()> {
    let look = async || {
        let status = namespace.policy("web").await?.status.unwrap_or_default();
        Ok(
            if status.held == 1 && status.holds.get("PDBBlocked") == Some(&1) {
                Look::Found(())
            } else {
                Look::NotYet(format!("{} held: {:?}", status.held, status.holds))
            },
        )
    };
    await_condition("the policy tells the hold", Duration::from_secs(25), look).await
}

/// A pod that crashes beside one that stays up, long enough before the crash loop is one.
fn one_of_two_fails() -> App {
    App::running(CRASHES_ON_NODE1).replicas(2).spread()
}

fn scale_alone() -> Policy {
    Policy::with_steps(&[SCALE]).restarts(3)
}
