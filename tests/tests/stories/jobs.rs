//! A Job of the platform's own: what it comes to is the attempt's, and it runs nowhere without a right.

use std::rc::Rc;

use anyhow::{Result, ensure};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use kubemend_tests::namespace::Namespace;
use kubemend_tests::policy::Policy;
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::App;

/// The first Job fails, and the chain goes on; the second one tells the app what it waits for: what the Job itself was told.
pub(crate) async fn mends_what_it_can(scene: Rc<Scene>) -> Result<()> {
    let namespace = broken(&scene, RIGHTS).await?;
    let played = is_mended(&namespace).await;
    forget(&scene, &namespace).await?;
    played
}

/// The operator may make no Job here: the steps are passed over, for a reason that says what to do.
pub(crate) async fn nothing_without_a_right(scene: Rc<Scene>) -> Result<()> {
    let namespace = broken(&scene, "").await?;
    let played = is_passed_over(&namespace).await;
    forget(&scene, &namespace).await?;
    played
}

/// A namespace with these rights, and an app that gets ready once somebody talks to it.
async fn broken(scene: &Scene, rights: &str) -> Result<Namespace> {
    let namespace = scene.namespace().await?;
    let name = &namespace.name;
    scene.cluster.apply(None, &strategy(name)).await?;
    if !rights.is_empty() {
        namespace.apply(rights).await?;
    }
    let policy = Policy::with_strategy("ClusterRecoveryStrategy", name)
        .when("probes", "{probeFailing: {probes: [Readiness], for: 10s}}");
    namespace.apply(&policy.yaml()).await?;
    namespace.apply(SERVICE).await?;
    let app = App::running(LISTENS).ready_when_ok();
    namespace.apply(&app.yaml()).await?;
    Ok(namespace)
}

/// The strategy is the cluster's, and does not go with the namespace.
async fn forget(scene: &Scene, namespace: &Namespace) -> Result<()> {
    let unused = ["delete", "clusterrecoverystrategy", &namespace.name];
    scene.cluster.kubectl(&unused).await?;
    Ok(())
}

async fn is_passed_over(namespace: &Namespace) -> Result<()> {
    let record = namespace.record_in("Exhausted", 60).await?;
    ensure!(
        record::skips(&record) == "fails CannotApply, mends CannotApply",
        "{}",
        record::summary(&record)
    );
    let skips = record::status(&record).skips;
    let why = skips[0].message.as_deref().unwrap_or_default();
    ensure!(why.contains("kubemend-jobs"), "{why}");
    ensure!(namespace.all::<Job>().await?.is_empty());
    Ok(())
}

async fn is_mended(namespace: &Namespace) -> Result<()> {
    let record = namespace.record_in("Recovered", 120).await?;

    ensure!(
        record::chain(&record) == "fails NotRecovered, mends Recovered",
        "{}",
        record::summary(&record)
    );
    let failed = record::attempts(&record)[0].message.as_deref();
    ensure!(
        failed.is_some_and(|why| why.contains("BackoffLimitExceeded")),
        "{failed:?}"
    );
    let jobs = namespace.all::<Job>().await?;
    let mut made: Vec<_> = jobs.iter().map(Job::name_any).collect();
    made.sort();
    let applied = record::applied(&record);
    let mut asked: Vec<_> = applied.iter().map(|one| one.name.clone()).collect();
    asked.sort();
    ensure!(made == asked, "asked for {asked:?}, and there are {made:?}");
    let pod = namespace.pods("web").await?[0].name_any();
    let read = [
        "exec",
        &pod,
        "-n",
        &namespace.name,
        "--",
        "cat",
        "/tmp/told",
    ];
    let told = namespace.cluster.kubectl(&read).await?;
    let event = record.name_any();
    let wanted = format!("{event} Deployment/web ProbeFailing {pod}");
    ensure!(told.trim() == wanted, "told {told:?}, wanted {wanted:?}");
    Ok(())
}

/// It listens once, and is ready when it was told something.
const LISTENS: &str = "nc -l -p 8080 < /dev/null > /tmp/told; touch /tmp/ok; exec sleep 100000";

/// Its address is a variable in every pod of the namespace that starts later.
const SERVICE: &str = r"
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 8080}], publishNotReadyAddresses: true}
";

/// The operator may make Jobs here.
const RIGHTS: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubemend-jobs}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubemend-jobs}
subjects: [{kind: ServiceAccount, name: kubemend, namespace: kubemend-system}]
";

fn strategy(namespace: &str) -> String {
    let told = "$KUBEMEND_EVENT $KUBEMEND_TARGET_KIND/$KUBEMEND_TARGET_NAME $KUBEMEND_SYMPTOM $KUBEMEND_PODS";
    format!(
        r#"
apiVersion: kubemend.io/v1alpha1
kind: ClusterRecoveryStrategy
metadata: {{name: {namespace}}}
spec:
  namespaces: [{namespace}]
  steps:
  - name: fails
    action: {{job: {{image: "lab.local/busybox:1", command: [sh, -c, "exit 7"]}}}}
    verify: {{timeout: 60s, stableFor: 5s, relapseWindow: 1m}}
  - name: mends
    action:
      job:
        image: lab.local/busybox:1
        timeout: 60s
        command: [sh, -c, 'echo "{told}" | nc $WEB_SERVICE_HOST $WEB_SERVICE_PORT']
    verify: {{timeout: 60s, stableFor: 5s, relapseWindow: 1m}}
"#
    )
}
