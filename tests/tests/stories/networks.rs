//! What only a real kubelet shows of networks and hooks: probes that get no answer, and the events that say so.

use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt as _;
use kubemend_tests::namespace::uids;
use kubemend_tests::policy::{Policy, RESTART_ONCE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, HEALTHY, SERVES, good_from};

use crate::failures::recovered_below;

/// The replaced system claims a minute at the least for a network issue.
const NETWORK_CLAIM_MS: i64 = 60_000;

const ESCALATE: &str = "{name: node, action: {escalateToNode: {}}}";

/// Every packet into the pod is lost: its process runs on and its probes time out. A new pod has a new network.
pub(crate) async fn packets_are_lost(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy =
        Policy::with_steps(&[RESTART_ONCE, ESCALATE]).when("network", "{networkIssue: {for: 5s}}");
    namespace.apply(&policy.yaml()).await?;
    let probe = "readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1, failureThreshold: 2}";
    namespace
        .apply(&App::running(SERVES).replicas(2).with(probe).yaml())
        .await?;
    let pods = namespace.ready_pods("web", 2, 60).await?;
    let (lost, spared) = (&pods[0], &pods[1]);
    let address = lost.status.as_ref().and_then(|one| one.pod_ip.as_deref());
    let address = address.context("the pod has no address")?;
    scene.cluster.lab().silence_pod(address)?;

    let record = namespace.record_in("Recovered", 120).await?;

    ensure!(
        record.spec.symptom == "NetworkIssue",
        "{}",
        record.spec.symptom
    );
    ensure!(record::chain(&record) == "restart Recovered");
    let [request] = record::applied(&record)[..] else {
        anyhow::bail!("wanted one request: {}", record::summary(&record));
    };
    ensure!(
        request.name == lost.name_any(),
        "{} was replaced",
        request.name
    );
    let after = uids(&namespace.ready_pods("web", 2, 30).await?);
    ensure!(after.contains(&spared.uid().unwrap_or_default()));
    ensure!(!after.contains(&lost.uid().unwrap_or_default()));
    recovered_below(&record, NETWORK_CLAIM_MS)
}

/// No restart brings the network back: the record ends with the node that the pod is on, and nothing is done to it.
pub(crate) async fn the_node_is_named(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let policy = Policy::with_steps(&[ESCALATE]).when("network", "{networkIssue: {for: 5s}}");
    namespace.apply(&policy.yaml()).await?;
    let probe = "readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1, failureThreshold: 2}";
    namespace
        .apply(&App::running(SERVES).with(probe).yaml())
        .await?;
    let pod = namespace.ready_pods("web", 1, 60).await?.remove(0);
    let address = pod.status.as_ref().and_then(|one| one.pod_ip.as_deref());
    let address = address.context("the pod has no address")?;
    scene.cluster.lab().silence_pod(address)?;

    let record = namespace.record_in("Exhausted", 90).await?;

    ensure!(record::skips(&record) == "node NodesUnsupported");
    ensure!(record::attempts(&record).is_empty());
    let node = pod.spec.and_then(|spec| spec.node_name).unwrap_or_default();
    let said = record::status(&record).message.unwrap_or_default();
    ensure!(said.contains(&node), "{said:?} does not name {node}");
    Ok(())
}

/// A hook fails after the start, in each pod that is born soon: no field of the pod says so, an event does.
pub(crate) async fn a_hook_fails(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let trigger = "{event: {reasons: [FailedPostStartHook], count: 3, window: 5m}}";
    let policy = Policy::with_steps(&[RESTART_ONCE]).when("hook", trigger);
    namespace.apply(&policy.yaml()).await?;
    let hook = good_from(12);
    let member = format!("lifecycle: {{postStart: {{exec: {{command: [sh, -c, {hook:?}]}}}}}}");
    namespace
        .apply(&App::running(HEALTHY).with(&member).yaml())
        .await?;

    let record = namespace.record_in("Recovered", 180).await?;

    ensure!(record.spec.symptom == "Event", "{}", record.spec.symptom);
    ensure!(record::chain(&record) == "restart Recovered");
    ensure!(record::applied(&record).len() == 1);
    let evidence = record::status(&record).evidence;
    let told = |reason: Option<&str>| reason == Some("FailedPostStartHook");
    ensure!(
        evidence.iter().any(|one| told(one.reason.as_deref())),
        "{evidence:?}"
    );
    recovered_below(&record, 15_000)
}
