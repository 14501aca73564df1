//! The leader changes in the middle of an episode: stopped, killed, cut off, or its Lease deleted. Never
//! do two act, no budget is refilled, no attempt is lost or doubled.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::DeleteParams;
use kubemend_tests::namespace::Namespace;
use kubemend_tests::operator::{NAME, NAMESPACE, Operator};
use kubemend_tests::policy::Policy;
use kubemend_tests::record;
use kubemend_tests::relay::Relay;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, CRASHES};

/// More attempts than the budget allows.
const RESTART_OFTEN: &str = "{name: restart, action: {restartPod: {}}, \
    attempts: {max: 9, backoff: {initial: 5s, factor: 1, max: 5s}}, \
    verify: {timeout: 60s, stableFor: 15s, relapseWindow: 2m}}";
/// The budget, in acts per hour.
const ACTS: usize = 3;
/// The operator's default.
const LEASE: f64 = 15.0;
/// Between two looks at the Lease: the error of what is measured.
const LOOK: Duration = Duration::from_millis(50);

/// What happens to the leader.
enum Fault {
    Stopped,
    Killed,
    CutOff(Relay),
}

/// A leader and a standby change places three times, then the Lease itself goes.
pub(crate) async fn four_changes_lose_and_double_nothing(scene: Rc<Scene>) -> Result<()> {
    let mut first = scene.operator.lock().await;
    let relay = Relay::to(&scene.cluster.lab().server()).await?;
    let mut second = first.beside("second", Some(relay.port))?;
    second.stand_by().await?;

    change(&scene, "stopped", &mut first, &mut second, Fault::Stopped).await?;
    // The first stands by again; now the one behind the relay leads.
    change(
        &scene,
        "cut off",
        &mut second,
        &mut first,
        Fault::CutOff(relay),
    )
    .await?;
    second.kill().await?;
    let mut third = first.beside("third", None)?;
    third.stand_by().await?;
    change(&scene, "killed", &mut first, &mut third, Fault::Killed).await?;
    lease_deleted(&scene, &third).await?;

    // Whoever comes next finds one operator, which leads.
    third.stop().await?;
    first.start().await
}

/// The fault hits the leader once it has acted; the standby goes on where it was.
async fn change(
    scene: &Scene,
    what: &str,
    leader: &mut Operator,
    standby: &mut Operator,
    fault: Fault,
) -> Result<()> {
    let namespace = failing(scene).await?;
    let began = Instant::now();
    match &fault {
        Fault::Stopped => leader.signal("STOP")?,
        Fault::Killed => leader.kill().await?,
        Fault::CutOff(relay) => relay.cut(),
    }
    let took = held_by(scene, &standby.identity()?)
        .await?
        .duration_since(began)
        .as_secs_f64();
    println!(
        "leader {what}: the standby holds the Lease after {took:.1} s, {:.2} × its duration",
        took / LEASE
    );
    standby.await_lead().await?;
    match &fault {
        Fault::Stopped => leader.signal("CONT")?,
        Fault::Killed => {}
        Fault::CutOff(relay) => relay.mend(),
    }
    nothing_lost_or_doubled(&namespace)
        .await
        .with_context(|| format!("leader {what}"))?;
    if !matches!(fault, Fault::Killed) {
        ensure!(
            !leader.thinks_it_leads().await?,
            "the old leader still thinks that it leads"
        );
    }
    ensure!(
        standby.thinks_it_leads().await?,
        "the new leader does not lead"
    );
    Ok(())
}

/// The Lease is gone, and its holder is still there: it makes a new one, and nobody else acts.
async fn lease_deleted(scene: &Scene, leader: &Operator) -> Result<()> {
    let namespace = failing(scene).await?;
    leases(scene).delete(NAME, &DeleteParams::default()).await?;
    let began = Instant::now();
    let took = held_by(scene, &leader.identity()?)
        .await?
        .duration_since(began)
        .as_secs_f64();
    println!(
        "Lease deleted: its holder holds it again after {took:.1} s, {:.2} × its duration",
        took / LEASE
    );
    nothing_lost_or_doubled(&namespace)
        .await
        .context("Lease deleted")
}

/// A namespace with an app that no restart cures, and that was restarted at least once.
async fn failing(scene: &Scene) -> Result<Namespace> {
    let namespace = scene.namespace().await?;
    namespace.apply(&App::running(CRASHES).yaml()).await?;
    let policy = Policy::with_steps(&[RESTART_OFTEN]).budget("{actsPerHour: 3}");
    namespace.apply(&policy.yaml()).await?;
    namespace
        .record_when("one attempt has acted", 120, |one| {
            !record::applied(one).is_empty()
        })
        .await?;
    Ok(namespace)
}

/// All of the budget is used and no more, by attempts of which each has acted once.
async fn nothing_lost_or_doubled(namespace: &Namespace) -> Result<()> {
    let record = namespace
        .record_when("the budget is used up", 240, |one| {
            record::reason(one) == "BudgetExhausted" && record::applied(one).len() >= ACTS
        })
        .await?;
    let applied = record::applied(&record);
    ensure!(
        applied.len() == ACTS,
        "{} acts of {ACTS}: {}",
        applied.len(),
        record::summary(&record)
    );
    let open = record::attempts(&record)
        .iter()
        .filter(|one| one.outcome.is_none())
        .count();
    ensure!(
        open == 0,
        "{open} attempts have no outcome: {}",
        record::summary(&record)
    );
    let revision = namespace.current_revision("web").await?;
    let created = namespace
        .pods_created_by(revision.metadata.name.as_deref().unwrap_or_default())
        .await?;
    ensure!(
        created == 1 + ACTS,
        "{created} pods were created, but {ACTS} were taken away"
    );
    // What still fails must not be answered while its namespace is being taken away.
    let policies = ["delete", "healingpolicy", "--all", "-n", &namespace.name];
    namespace.cluster.kubectl(&policies).await?;
    namespace
        .record_when("the episode ends with its policy", 30, |one| {
            record::status(one).ended_at.is_some()
        })
        .await?;
    Ok(())
}

/// Waits until that process holds the Lease; returns when it was seen.
async fn held_by(scene: &Scene, identity: &str) -> Result<Instant> {
    let leases = leases(scene);
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let lease = leases.get_opt(NAME).await?;
        let holder = lease
            .and_then(|lease| lease.spec?.holder_identity)
            .unwrap_or_default();
        if holder.contains(identity) {
            return Ok(Instant::now());
        }
        ensure!(
            Instant::now() < deadline,
            "the Lease is still held by {holder:?}, not by {identity}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

fn leases(scene: &Scene) -> Api<Lease> {
    Api::namespaced(scene.cluster.client(), NAMESPACE)
}
