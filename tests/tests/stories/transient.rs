//! A crash loop that a new pod cures is healed by one restart, within its objective.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt as _;
use kubemend_api::HealingEvent;
use kubemend_tests::namespace::{Namespace, restart_count};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::Policy;
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, crashes_until_replaced};

/// Where the kubelet restarts a crashing container after 10 s at most.
pub(crate) async fn under_a_10s_cap(scene: Rc<Scene>) -> Result<()> {
    is_healed(&scene.namespace().await?, "10s").await
}

/// Where the kubelet waits longer and longer, as Kubernetes does by default.
pub(crate) async fn under_a_300s_cap(scene: Rc<Scene>) -> Result<()> {
    is_healed(&scene.namespace().await?, "300s").await
}

/// With the chain that Kubemend comes with.
pub(crate) async fn is_healed(namespace: &Namespace, cap: &str) -> Result<()> {
    let policy = Policy::with_strategy("ClusterRecoveryStrategy", "crash-loop").restarts(3);
    namespace.apply(&policy.yaml()).await?;
    let app = App::running(&crashes_until_replaced(20)).on_node_with_cap(cap);
    namespace.apply(&app.yaml()).await?;
    let first = namespace.pods_when("web", 1).await?.remove(0);

    let record = namespace.record_in("Recovered", 240).await?;

    ensure!(record::chain(&record) == "restart Recovered");
    ensure!(record::skips(&record) == "");
    let [request] = record::applied(&record)[..] else {
        anyhow::bail!("wanted one request: {}", record::summary(&record));
    };
    ensure!(request.verb == "Delete");
    ensure!(request.name == first.name_any());
    ensure!(Some(&request.uid) == first.uid().as_ref());

    let second = namespace.ready_pods("web", 1, 5).await?.remove(0);
    ensure!(second.uid() != first.uid());
    ensure!(restart_count(&second) == 0);
    says_what_happened(&record)?;
    prints_what_happened(namespace, &record).await?;
    policy_counts_it(namespace).await
}

/// The record holds the symptom, the evidence, and the times against the objective.
fn says_what_happened(record: &HealingEvent) -> Result<()> {
    ensure!(record.name_any().starts_with("web-") && record.name_any().ends_with("-1"));
    ensure!(record.spec.target_ref == "Deployment/web");
    ensure!(record.spec.policy_ref == "HealingPolicy/web");
    ensure!(record.spec.symptom == "CrashLoop");
    ensure!(record.spec.thresholds.get("restarts").map(String::as_str) == Some("3"));

    let status = record::status(record);
    ensure!(status.mode.as_deref() == Some("Enforce"));
    let recovery = record::millis(status.recovery.as_ref()).context("no recovery")?;
    ensure!(
        (0..=30_000).contains(&recovery),
        "recovered after {recovery} ms"
    );
    let acted_at = status.attempts[0].acted_at.clone();
    ensure!(status.healthy_at > acted_at, "healthy before the act");
    ensure!(status.objective.as_deref() == Some("Met"));
    let detection = record::millis(status.detection.as_ref()).context("no detection")?;
    let outage = record::millis(status.outage.as_ref()).context("no outage")?;
    ensure!(
        (outage - detection - recovery).abs() <= 2_000,
        "{outage} is not {detection} + {recovery}"
    );
    ensure!(record::condition(record, "Recovered") == "True");

    let said = |one: &&kubemend_api::event::EventEvidence| one.exit_code == Some(3);
    let ended = status
        .evidence
        .iter()
        .find(said)
        .context("no evidence with the exit code")?;
    ensure!(ended.container.as_deref() == Some("app"));
    let message = ended.message.as_deref().unwrap_or_default();
    ensure!(message.contains("no database"), "evidence says {message:?}");
    Ok(())
}

/// `kubectl get healingevents` tells the story in one line.
async fn prints_what_happened(namespace: &Namespace, record: &HealingEvent) -> Result<()> {
    let table = namespace
        .cluster
        .kubectl(&["get", "healingevents", "-n", &namespace.name])
        .await?;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [header, row] = rows.as_slice() else {
        anyhow::bail!("wanted a header and a row:\n{table}");
    };
    ensure!(header.join(" ") == "NAME TARGET SYMPTOM PHASE REASON STEP ATTEMPTS RECOVERY MODE AGE");
    let recovery = record::status(record).recovery.context("no recovery")?;
    let told = format!("Deployment/web CrashLoop Recovered restart 1 {recovery} Enforce");
    ensure!(row[1..row.len() - 1].join(" ") == told, "{table}");
    Ok(())
}

/// The policy's status follows, within its own pace.
async fn policy_counts_it(namespace: &Namespace) -> Result<()> {
    let look = async || {
        let policy = namespace.policy("web").await?;
        let status = policy.status.clone().unwrap_or_default();
        let ready = status
            .conditions
            .iter()
            .any(|one| one.type_ == "Ready" && one.status == "True");
        let is_so = status.recovered == 1
            && status.targets == 1
            && ready
            && status.observed_generation == policy.metadata.generation
            && status.effective_mode.as_deref() == Some("Enforce");
        Ok(if is_so {
            Look::Found(())
        } else {
            Look::NotYet(format!("{status:?}"))
        })
    };
    let pace = std::time::Duration::from_secs(25);
    await_condition("the policy counts the recovery", pace, look).await
}
