//! A bad release over a proven good one is rolled back, unless its owner is faster.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::ResourceExt as _;
use kubemend_api::event::{EventRequest, Timestamp};
use kubemend_api::{HealingEvent, RecoveryStrategy, annotations};
use kubemend_tests::namespace::{Namespace, revision, writers};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{Policy, RESTART, ROLLBACK, SCALE, strategy};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, BAD_RELEASE, HEALTHY, MENDED};

const REPLICAS: usize = 2;

/// Restarts do not help, a further replica could not, the last good release does.
pub(crate) async fn is_rolled_back(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    apply_release(&namespace, HEALTHY).await?;
    let good = proves_itself(&namespace).await?;
    apply_release(&namespace, BAD_RELEASE).await?;

    let record = namespace.record_in("Recovered", 180).await?;

    was_rolled_back_once(&namespace, &good, &record).await?;
    let strategy = record
        .spec
        .strategy
        .as_ref()
        .context("no strategy in the record")?;
    ensure!(strategy.name == "proof" && strategy.generation == 1);
    let [first, second, ..] = record::attempts(&record) else {
        anyhow::bail!("wanted two restarts: {}", record::summary(&record));
    };
    let judged = first
        .judged_at
        .as_ref()
        .and_then(Timestamp::as_millis)
        .context("not judged")?;
    let again = second.intent_at.as_millis().context("no intent")?;
    ensure!(
        again - judged >= 4_900,
        "the backoff was {} ms",
        again - judged
    );
    strategy_tells_it(&namespace, &record).await
}

/// What each step came to stands in the strategy too.
async fn strategy_tells_it(namespace: &Namespace, record: &HealingEvent) -> Result<()> {
    let recovery = record::status(record).recovery;
    let look = async || {
        let strategy: RecoveryStrategy = namespace.api().get("proof").await?;
        let status = strategy.status.unwrap_or_default();
        let told: Vec<_> = status
            .steps
            .iter()
            .map(|one| (one.name.as_str(), one.attempts, one.cures))
            .collect();
        let all = told == [("restart", 2, 0), ("scale", 0, 0), ("rollback", 1, 1)];
        let cured = status
            .steps
            .last()
            .and_then(|one| one.median_recovery.clone());
        Ok(if all && status.used_by == 1 && cured == recovery {
            Look::Found(())
        } else {
            Look::NotYet(format!("{told:?} {cured:?} {:?}", status.users))
        })
    };
    await_condition("the strategy tells it", Duration::from_secs(25), look).await
}

/// Who fixes the release while it is being healed keeps the fix.
pub(crate) async fn is_superseded_by_an_own_fix(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    apply_release(&namespace, HEALTHY).await?;
    proves_itself(&namespace).await?;
    apply_release(&namespace, BAD_RELEASE).await?;
    let acted = |record: &HealingEvent| !record::attempts(record).is_empty();
    namespace
        .record_when("a restart is under way", 120, acted)
        .await?;
    apply_release(&namespace, MENDED).await?;

    let record = namespace.record_in("Superseded", 60).await?;

    ensure!(record::status(&record).ended_at.is_some());
    ensure!(
        !record::chain(&record).contains("rollback"),
        "{}",
        record::summary(&record)
    );
    // Long enough for a rollback, had one been under way.
    proves_itself(&namespace).await?;
    let deployment = namespace.deployment("web").await?;
    ensure!(
        deployment.metadata.generation == Some(3),
        "somebody else wrote the template"
    );
    ensure!(script(&deployment) == MENDED);
    namespace.record_in("Superseded", 1).await?;
    Ok(())
}

/// The policy, its strategy, and a release that runs this script.
pub(crate) async fn apply_release(namespace: &Namespace, script: &str) -> Result<()> {
    namespace
        .apply(&strategy("proof", &[RESTART, SCALE, ROLLBACK]))
        .await?;
    namespace
        .apply(&Policy::with_strategy("RecoveryStrategy", "proof").yaml())
        .await?;
    let replicas = u32::try_from(REPLICAS)?;
    namespace
        .apply(&App::running(script).replicas(replicas).yaml())
        .await
}

/// Waits until the present release has proven itself.
pub(crate) async fn proves_itself(namespace: &Namespace) -> Result<ReplicaSet> {
    namespace.ready_pods("web", REPLICAS, 60).await?;
    let proven = namespace.proven("web", 60).await?;
    let mark = &proven.annotations()[annotations::HEALTHY];
    let seconds = mark
        .rsplit_once('/')
        .map(|(_, seconds)| seconds.parse::<u32>());
    ensure!(matches!(seconds, Some(Ok(20..))), "the mark is {mark:?}");
    Ok(proven)
}

/// The record tells the whole chain, and the cluster shows that each act happened once.
pub(crate) async fn was_rolled_back_once(
    namespace: &Namespace,
    good: &ReplicaSet,
    record: &HealingEvent,
) -> Result<()> {
    ensure!(
        record::chain(record) == "restart NotRecovered, restart NotRecovered, rollback Recovered"
    );
    ensure!(record::skips(record) == "scale CannotHelp");
    let why = record::status(record).skips[0].message.clone();
    ensure!(why.unwrap_or_default().contains("stays up"));
    let (_, rollback) = destroyed_and_rolled_back(record)?;
    ensure!(rollback.from.as_ref() == Some(&record.spec.target.template_hash));
    ensure!(rollback.to == record::status(record).template_hash && rollback.to != rollback.from);

    let deployment = namespace.deployment("web").await?;
    ensure!(
        deployment.metadata.generation == Some(3),
        "wanted create, release and rollback"
    );
    ensure!(script(&deployment) == HEALTHY);
    ensure!(deployment.annotations().get(annotations::HEALED_BY) == Some(&record.name_any()));
    ensure!(writers(&deployment).contains(&"kubemend".to_owned()));
    let current = namespace.current_revision("web").await?;
    ensure!(current.uid() == good.uid() && revision(&current) == 3);
    each_restart_happened_once(namespace, record).await
}

/// The bad release had one pod more for each pod that the record says was destroyed, and no other.
async fn each_restart_happened_once(namespace: &Namespace, record: &HealingEvent) -> Result<()> {
    let (destroyed, _) = destroyed_and_rolled_back(record)?;
    let sets: Vec<ReplicaSet> = namespace.all().await?;
    let bad = sets
        .iter()
        .find(|set| revision(set) == 2)
        .context("no bad revision")?;
    let created = namespace.pods_created_by(&bad.name_any()).await?;
    ensure!(
        created == REPLICAS + destroyed,
        "{created} pods of the bad release for {destroyed} recorded restarts of {REPLICAS}"
    );
    Ok(())
}

/// How many pods the restarts destroyed, each by another UID, and the only request to roll back.
fn destroyed_and_rolled_back(record: &HealingEvent) -> Result<(usize, &EventRequest)> {
    let (rollbacks, restarts): (Vec<_>, Vec<_>) = record::applied(record)
        .into_iter()
        .partition(|one| one.verb == "Rollback");
    let mut uids: Vec<_> = restarts.iter().map(|one| &one.uid).collect();
    uids.sort();
    uids.dedup();
    ensure!(uids.len() == restarts.len(), "a pod was destroyed twice");
    let [rollback] = rollbacks[..] else {
        anyhow::bail!("{} rollbacks took effect", rollbacks.len());
    };
    Ok((restarts.len(), rollback))
}

fn script(deployment: &Deployment) -> &str {
    let spec = deployment.spec.template.spec.as_ref();
    let container = spec.and_then(|spec| spec.containers.first());
    let command = container.and_then(|one| one.command.as_ref()?.last());
    command.map_or("", String::as_str)
}
