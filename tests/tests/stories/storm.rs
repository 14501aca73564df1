//! A dependency that all apps share is down: nothing is restarted, every app has its record, and all close by themselves.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kubemend_api::HealingEvent;
use kubemend_tests::install::GRANT;
use kubemend_tests::namespace::{Namespace, is_ready, uids};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;

/// So many apps; a storm begins at half of them.
const APPS: usize = 20;

/// Restarts whatever is not ready, and no budget holds it: only the storm can.
pub(crate) const EAGER: &str = "
apiVersion: kubemend.io/v1alpha1
kind: HealingPolicy
metadata: {name: all}
spec:
  mode: Enforce
  targets: {all: true}
  rules:
  - name: probes
    when: {probeFailing: {probes: [Readiness], for: 10s}}
    steps: [{name: restart, action: {restartPod: {}}, verify: {stableFor: 5s}}]
  budget: {concurrent: 400, actsPerHour: 1000}
";

/// With a storm that these apps alone can make.
pub(crate) async fn holds_everything(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    grant(
        &scene,
        "{least: 10, share: \"1%\", window: 2m, release: 10s}",
    )
    .await?;
    let told = outage(&namespace).await;
    scene.cluster.apply(None, GRANT).await?;
    told
}

/// With storms as that says.
pub(crate) async fn grant(scene: &Scene, storm: &str) -> Result<()> {
    let eager = GRANT.replace("{least: 1000}", storm);
    ensure!(eager != GRANT, "the grant has no storm to replace");
    scene.cluster.apply(None, &eager).await
}

async fn outage(namespace: &Namespace) -> Result<()> {
    namespace.apply(&apps(&namespace.name)).await?;
    let before = ready(namespace, APPS).await?;
    dependency(namespace, "rm -f /shared/up").await?;

    let held = |one: &HealingEvent| record::reason(one) == "StormActive";
    records(namespace, APPS, "the storm holds all", held).await?;
    ensure!(
        uids(&pods(namespace).await?) == uids(&before),
        "a pod was replaced"
    );
    dependency(namespace, "touch /shared/up").await?;

    let over = |one: &HealingEvent| record::phase(one) == "SelfRecovered";
    let ended = records(namespace, APPS, "all got well by themselves", over).await?;
    for one in &ended {
        ensure!(record::attempts(one).is_empty(), "{}", record::summary(one));
    }
    let after = ready(namespace, APPS).await?;
    ensure!(uids(&after) == uids(&before), "a pod was replaced");
    Ok(())
}

/// Every app is ready as long as a file is there that they share, as if it were their database.
fn apps(namespace: &str) -> String {
    let mut all = EAGER.to_owned();
    for number in 0..APPS {
        // Writing into a String cannot fail.
        let _ = write!(
            all,
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}}}
spec:
  selector: {{matchLabels: {{number: \"{number}\"}}}}
  template:
    metadata: {{labels: {{app: storm, number: \"{number}\"}}}}
    spec:
      nodeSelector: {{kubemend.io/backoff-cap: 10s}}
      terminationGracePeriodSeconds: 1
      volumes: [{{name: shared, hostPath: {{path: /tmp/{namespace}, type: DirectoryOrCreate}}}}]
      containers:
      - name: app
        image: lab.local/busybox:1
        imagePullPolicy: IfNotPresent
        command: [sh, -c, \"touch /shared/up; exec sleep 100000\"]
        volumeMounts: [{{name: shared, mountPath: /shared}}]
        readinessProbe: {{exec: {{command: [test, -f, /shared/up]}}, periodSeconds: 2, timeoutSeconds: 10, failureThreshold: 2}}
"
        );
    }
    all
}

/// Does something to what they share, from one of them.
async fn dependency(namespace: &Namespace, command: &str) -> Result<()> {
    let exec = [
        "exec",
        "deploy/app-0",
        "-n",
        &namespace.name,
        "--",
        "sh",
        "-c",
        command,
    ];
    namespace.cluster.kubectl(&exec).await?;
    Ok(())
}

async fn pods(namespace: &Namespace) -> Result<Vec<Pod>> {
    namespace.pods("storm").await
}

async fn ready(namespace: &Namespace, count: usize) -> Result<Vec<Pod>> {
    let look = async || {
        let pods = pods(namespace).await?;
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        Ok(if ready == count && pods.len() == count {
            Look::Found(pods)
        } else {
            Look::NotYet(format!("{ready} of {} pods are ready", pods.len()))
        })
    };
    await_condition("all apps are ready", Duration::from_mins(3), look).await
}

/// Waits until each of so many apps has one record, and that is so; nothing may be acted on.
pub(crate) async fn records(
    namespace: &Namespace,
    apps: usize,
    what: &str,
    is_so: impl Fn(&HealingEvent) -> bool,
) -> Result<Vec<HealingEvent>> {
    let look = async || {
        let all = namespace.records().await?;
        let so = all.iter().filter(|one| is_so(one)).count();
        Ok(if all.len() == apps && so == apps {
            Look::Found(all)
        } else if let Some(acted) = all.iter().find(|one| !record::attempts(one).is_empty()) {
            Look::Never(format!(
                "something was acted on: {}",
                record::summary(acted)
            ))
        } else {
            Look::NotYet(format!("{so} of {} records", all.len()))
        })
    };
    await_condition(what, Duration::from_mins(3), look).await
}
