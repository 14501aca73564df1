//! Ten pods that fail at once are one episode, and a budget counts each of them.

use std::collections::BTreeSet;
use std::rc::Rc;

use anyhow::{Result, ensure};
use kube::api::{Api, DeleteParams};
use kubemend_api::{ClusterHealingPolicy, HealingEvent};
use kubemend_tests::namespace::{Namespace, uids};
use kubemend_tests::policy::{Policy, RESTART};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, crashes_until_replaced};

/// With room for twenty acts all ten are replaced; here by a policy of the platform team.
pub(crate) async fn are_healed_in_one_episode(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = crash_loop().budget("{actsPerHour: 20}");
    let manifest = policy.yaml_for_cluster(&namespace.name);
    scene.cluster.apply(None, &manifest).await?;
    let failing = ten_fail(&namespace).await?;

    let record = namespace.record_in("Recovered", 180).await?;

    let policies: Api<ClusterHealingPolicy> = Api::all(scene.cluster.client());
    policies
        .delete(&namespace.name, &DeleteParams::default())
        .await?;
    ensure!(record.spec.policy_ref == format!("ClusterHealingPolicy/{}", namespace.name));
    ensure!(
        destroyed(&record) == failing,
        "{}",
        record::summary(&record)
    );
    ensure!(record::chain(&record).ends_with("restart Recovered"));
    namespace.ready_pods("web", 10, 5).await?;
    Ok(())
}

/// With room for four acts four are replaced, and the others wait for the hour to pass.
pub(crate) async fn are_healed_as_far_as_the_budget_goes(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    namespace
        .apply(&crash_loop().budget("{actsPerHour: 4}").yaml())
        .await?;
    let failing = ten_fail(&namespace).await?;

    let is_spent = |record: &HealingEvent| {
        record::phase(record) == "Held" && record::reason(record) == "BudgetExhausted"
    };
    let record = namespace
        .record_when("the budget holds", 180, is_spent)
        .await?;

    let destroyed = destroyed(&record);
    ensure!(destroyed.len() == 4, "{}", record::summary(&record));
    let left: BTreeSet<String> = uids(&namespace.pods("web").await?).into_iter().collect();
    ensure!(
        failing.difference(&left).eq(&destroyed),
        "others than the recorded pods are gone"
    );
    Ok(())
}

/// Ten pods that crash until they are replaced; their UIDs.
async fn ten_fail(namespace: &Namespace) -> Result<BTreeSet<String>> {
    // The first of them is not replaced before its fourth restart, 35 s after its birth.
    let app = App::running(&crashes_until_replaced(30)).replicas(10);
    namespace.apply(&app.yaml()).await?;
    let pods = namespace.pods_when("web", 10).await?;
    Ok(uids(&pods).into_iter().collect())
}

fn crash_loop() -> Policy {
    Policy::with_steps(&[RESTART]).restarts(4)
}

fn destroyed(record: &HealingEvent) -> BTreeSet<String> {
    record::applied(record)
        .into_iter()
        .map(|one| one.uid.clone())
        .collect()
}
