//! Installed from `manifests/`, the operator heals as a pod with the rights of its own account, and needs all of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use kubemend_tests::cluster::Cluster;
use kubemend_tests::install::scale_operator;
use kubemend_tests::metrics::{self, Request};
use kubemend_tests::namespace::is_ready;
use kubemend_tests::operator::{NAME, NAMESPACE};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::stage::Scene;

use crate::transient;

/// The role that lets it make Jobs where it is bound.
const JOBS: &str = "kubemend-jobs";

/// A verb and a resource as RBAC spells them.
type Right = (String, String);

/// Needed too, but not in every run.
const RARE: [(&str, &str); 4] = [
    ("create", "leases"),                // only in a new cluster
    ("get", "healingevents"),            // only where the reply to a write was lost
    ("watch", "rollouts"),               // only where the kind is installed
    ("watch", "verticalpodautoscalers"), // the same
];

/// The process of the other stories makes room, the pod heals, and nothing is granted in vain.
pub(crate) async fn heals_as_a_pod_with_its_own_rights(scene: Rc<Scene>) -> Result<()> {
    let mut operator = scene.operator.lock().await;
    let mut made = operator.requests().await?;
    operator.stop().await?;
    drop(operator);
    let cluster = &scene.cluster;
    cluster.lab().load_image(&image()?)?;
    scale_operator(cluster, 1).await?;
    let healed = heals(&scene).await;
    let page = page_of_metrics(cluster).await;
    scale_operator(cluster, 0).await?;
    healed?;

    made.extend(metrics::requests(&page?));
    // Who sees late that a namespace is being deleted is refused a record in it; without the right no story would pass.
    let late = |one: &Request| one.verb == "create" && one.resource == "healingevents";
    // The right to make Jobs is bound in the namespaces that a strategy names, and one story goes without it.
    let unbound = |one: &Request| one.resource == "jobs" && matches!(&*one.verb, "get" | "create");
    let expected = |one: &Request| late(one) || unbound(one);
    let refused = made
        .iter()
        .filter(|one| one.code == "403" && !expected(one));
    let refused: Vec<&Request> = refused.collect();
    ensure!(refused.is_empty(), "the API server refused {refused:?}");
    let used: BTreeSet<Right> = made
        .into_iter()
        .map(|one| (one.verb, one.resource))
        .collect();
    compare(&granted(cluster).await?, &used, scene.partial)
}

async fn heals(scene: &Scene) -> Result<()> {
    let pod = ready_pod(&scene.cluster).await?;
    let node = pod.spec.and_then(|spec| spec.node_name).unwrap_or_default();
    ensure!(
        scene
            .cluster
            .lab()
            .nodes()
            .iter()
            .any(|one| one.name() == node),
        "it runs on {node:?}"
    );
    transient::is_healed(&scene.namespace().await?, "10s").await
}

async fn ready_pod(cluster: &Cluster) -> Result<Pod> {
    let look = async || {
        let pods = operator_pods(cluster).await?;
        let ready = pods.iter().find(|pod| is_ready(pod));
        Ok(match ready {
            Some(pod) => Look::Found(pod.clone()),
            None => Look::NotYet(format!(
                "{:?}",
                pods.iter().map(|pod| &pod.status).collect::<Vec<_>>()
            )),
        })
    };
    await_condition("the operator's pod is ready", Duration::from_mins(1), look).await
}

async fn operator_pods(cluster: &Cluster) -> Result<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    let of_operator = ListParams::default().labels(&format!("app.kubernetes.io/name={NAME}"));
    Ok(pods.list(&of_operator).await?.items)
}

async fn page_of_metrics(cluster: &Cluster) -> Result<String> {
    let pod = ready_pod(cluster).await?.name_any();
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy/metrics");
    cluster.kubectl(&["get", "--raw", &path]).await
}

/// What was used is granted, and in a whole run what is granted was used.
fn compare(granted: &BTreeSet<Right>, used: &BTreeSet<Right>, partial: bool) -> Result<()> {
    let beyond: Vec<&Right> = used.difference(granted).collect();
    ensure!(beyond.is_empty(), "used but not granted: {beyond:?}");
    let mut idle: Vec<&Right> = granted.difference(used).collect();
    idle.retain(|(verb, resource)| !RARE.contains(&(verb, resource)));
    ensure!(
        partial || idle.is_empty(),
        "granted but never used: {idle:?}"
    );
    Ok(())
}

async fn granted(cluster: &Cluster) -> Result<BTreeSet<Right>> {
    let api = Api::<ClusterRole>::all(cluster.client());
    let (everywhere, of_jobs) = (api.get(NAME).await?, api.get(JOBS).await?);
    let at_home: Role = Api::namespaced(cluster.client(), NAMESPACE)
        .get(NAME)
        .await?;
    let rules = [everywhere.rules, of_jobs.rules, at_home.rules];
    let rules = rules.into_iter().flatten().flatten();
    Ok(rules.flat_map(|rule| rights(&rule)).collect())
}

fn rights(rule: &PolicyRule) -> Vec<Right> {
    let resources = rule.resources.iter().flatten();
    let of = |resource: &String| {
        let pair = |verb: &String| (verb.clone(), resource.clone());
        rule.verbs.iter().map(pair).collect::<Vec<_>>()
    };
    resources.flat_map(of).collect()
}

/// `KUBEMEND_IMAGE`, else the archive that `make image` writes.
fn image() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("KUBEMEND_IMAGE") {
        return Ok(named.into());
    }
    let built = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/image/kubemend.tar"
    ));
    ensure!(
        built.exists(),
        "there is no image; run `make image` or set KUBEMEND_IMAGE"
    );
    built.canonicalize().context("the image")
}
