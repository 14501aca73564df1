//! Pods without a workload: told, restarted where an owner makes them anew, and Jobs that are only counted.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kubemend_tests::namespace::uids;
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{CLEAN, Policy, RESTART_ONCE, SCALE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, CRASHES, HEALTHY, crashes_until_replaced};

/// A bare pod crashes: every step is passed over with its reason, and the pod stays.
pub(crate) async fn bare(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE, SCALE]).pods();
    namespace.apply(&policy.yaml()).await?;
    namespace.apply(&App::running(CRASHES).bare()).await?;
    let before = uids(&namespace.pods_when("web", 1).await?);

    let record = namespace.record_in("Exhausted", 90).await?;

    ensure!(
        record.spec.target_ref == "Pod/web",
        "{}",
        record.spec.target_ref
    );
    ensure!(record::skips(&record) == "restart CannotApply, scale CannotApply");
    ensure!(record::applied(&record).is_empty());
    let after = uids(&namespace.pods("web").await?);
    ensure!(before == after, "the bare pod was replaced");
    Ok(())
}

/// A plain `ReplicaSet` makes its pods anew: by opt-in the crashing one is replaced, and the record is the owner's.
pub(crate) async fn of_another_owner(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[SCALE, RESTART_ONCE]).pods();
    namespace.apply(&policy.yaml()).await?;
    let app = App::running(&crashes_until_replaced(12)).kind("ReplicaSet");
    namespace.apply(&app.yaml()).await?;
    let before = uids(&namespace.pods_when("web", 1).await?);

    let record = namespace.record_in("Recovered", 120).await?;

    ensure!(
        record.spec.target_ref == "ReplicaSet/web",
        "{}",
        record.spec.target_ref
    );
    ensure!(record::chain(&record) == "restart Recovered");
    ensure!(record::skips(&record) == "scale CannotApply");
    ensure!(record::applied(&record).len() == 1);
    let after = uids(&namespace.ready_pods("web", 1, 10).await?);
    ensure!(before != after, "the pod was not replaced");
    super::failures::recovered_below(&record, 15_000)
}

/// A Job that fails is counted in the policy's status; its pods are nobody's target.
pub(crate) async fn of_jobs(scene: Rc<Scene>) -> Result<()> {
    const JOB: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: {name: import}
spec:
  backoffLimit: 1
  template:
    metadata: {labels: {app: web}}
    spec:
      restartPolicy: Never
      containers: [{name: app, image: "lab.local/busybox:1", command: [sh, -c, "exit 3"]}]
"#;
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[RESTART_ONCE, CLEAN])
        .when("failed", "{podFailed: {}}")
        .pods();
    namespace.apply(&policy.yaml()).await?;
    namespace.apply(JOB).await?;
    let look = async || {
        let job = namespace.api::<Job>().get("import").await?;
        let failed = job.status.and_then(|status| status.failed).unwrap_or(0);
        let status = namespace.policy("web").await?.status.unwrap_or_default();
        Ok(match status.jobs {
            Some(jobs) if failed == 2 && jobs.pods == 2 => Look::Found(jobs),
            jobs => Look::NotYet(format!("{failed} pods failed, counted {jobs:?}")),
        })
    };
    let jobs = await_condition("the Job is counted", Duration::from_secs(90), look).await?;

    ensure!(jobs.failing == 1, "{jobs:?}");
    let pods = namespace.pods("web").await?;
    ensure!(pods.len() == 2, "a pod of the Job was removed");
    let records = namespace.records().await?;
    ensure!(
        records.is_empty(),
        "{:?}",
        records.first().map(ResourceExt::name_any)
    );
    Ok(())
}

/// Three Deployments wait for one `ConfigMap`: each record says what they share, and closes when it is there.
pub(crate) async fn share_a_cause(scene: Rc<Scene>) -> Result<()> {
    const POLICY: &str = r"
apiVersion: kubemend.io/v1alpha1
kind: HealingPolicy
metadata: {name: all}
spec:
  mode: Enforce
  targets: {all: true}
  rules:
  - name: configuration
    when: {containerConfig: {for: 5s}}
    steps: [{name: wait, action: {wait: {}}, verify: {timeout: 90s, stableFor: 5s, relapseWindow: 1m}}]
  budget: {concurrent: 3}
";
    let namespace = scene.namespace().await?;
    namespace.apply(POLICY).await?;
    let app = App::running(HEALTHY).with("envFrom: [{configMapRef: {name: settings}}]");
    for name in ["a", "b", "c"] {
        let app = app.yaml().replace("name: web", &format!("name: {name}"));
        namespace
            .apply(&app.replace("app: web", &format!("app: {name}")))
            .await?;
    }
    let look = async || {
        let records = namespace.records().await?;
        let causes = records.iter().filter_map(|one| record::status(one).cause);
        let told = causes.filter(|one| one.name == "ConfigMap/settings" && one.targets == 3);
        Ok(match told.count() {
            3 => Look::Found(()),
            told => Look::NotYet(format!(
                "{told} of {} records tell the cause",
                records.len()
            )),
        })
    };
    await_condition("each record tells the cause", Duration::from_mins(1), look).await?;

    namespace
        .apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n")
        .await?;

    let look = async || {
        let records = namespace.records().await?;
        let well = records
            .iter()
            .filter(|one| record::phase(one) == "SelfRecovered");
        Ok(match well.count() {
            3 => Look::Found(records),
            well => Look::NotYet(format!("{well} of 3 are well")),
        })
    };
    let records = await_condition("all are well", Duration::from_secs(90), look).await?;
    ensure!(records.iter().all(|one| record::applied(one).is_empty()));
    Ok(())
}
