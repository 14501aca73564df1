//! What looks like a failure and is none, or is none of ours, is left alone: no record, no write.

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use kubemend_tests::namespace::{Namespace, is_ready, uids, writers};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use serde_json::json;

const ALL: &str = include_str!("alone.yaml");

/// The apps whose pods must be the same ones afterwards.
const SAME: [&str; 8] = [
    "gated",
    "slow",
    "rules",
    "loading",
    "readiness-gate",
    "muted",
    "by-hand",
    "bare",
];

/// Every rule is as eager as can be, and none of these opens a record.
pub(crate) async fn what_is_no_failure(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    namespace.apply(ALL).await?;
    namespace.ready_pods("by-hand", 2, 90).await?;
    let drained = namespace.ready_pods("drained", 2, 60).await?;
    let before = pods(&namespace).await?;
    evict(&namespace, &drained[0]).await?;
    update_by_hand(&namespace).await?;

    // Long enough for every threshold, several times over.
    namespace.restarted("rules", 4, 120).await?;
    namespace.restarted("bare", 4, 60).await?;
    namespace.restarted("muted", 4, 60).await?;
    namespace.ready_pods("slow", 1, 60).await?;
    namespace.ready_pods("drained", 2, 60).await?;

    let records = namespace.records().await?;
    let told: Vec<String> = records.iter().map(record::summary).collect();
    ensure!(told.is_empty(), "{}", told.join("\n"));
    let after = pods(&namespace).await?;
    for app in SAME {
        ensure!(
            before.get(app).is_some_and(|all| !all.is_empty()),
            "{app} has no pods"
        );
        ensure!(
            before.get(app) == after.get(app),
            "a pod of {app} was replaced"
        );
    }
    is_untouched(&namespace).await
}

/// UIDs of the pods of each app.
async fn pods(namespace: &Namespace) -> Result<BTreeMap<&'static str, Vec<String>>> {
    let mut all = BTreeMap::new();
    for app in SAME {
        all.insert(app, uids(&namespace.pods(app).await?));
    }
    Ok(all)
}

/// As a drain does: the pod carries `DisruptionTarget` to its end.
async fn evict(namespace: &Namespace, pod: &Pod) -> Result<()> {
    ensure!(is_ready(pod));
    let pods = namespace.api::<Pod>();
    pods.evict(&pod.name_any(), &kube::api::EvictParams::default())
        .await?;
    Ok(())
}

/// A new template that reaches no pod before a person deletes it.
async fn update_by_hand(namespace: &Namespace) -> Result<()> {
    let annotation = json!({"spec": {"template": {"metadata": {"annotations": {"release": "2"}}}}});
    let sets = namespace.api::<StatefulSet>();
    let how = PatchParams::default();
    sets.patch("by-hand", &how, &Patch::Merge(&annotation))
        .await?;
    Ok(())
}

async fn is_untouched(namespace: &Namespace) -> Result<()> {
    let deployments: Vec<Deployment> = namespace.all().await?;
    let sets: Vec<StatefulSet> = namespace.all().await?;
    let pods: Vec<Pod> = namespace.all().await?;
    let mut all: Vec<String> = deployments.iter().flat_map(writers).collect();
    all.extend(sets.iter().flat_map(writers));
    all.extend(pods.iter().flat_map(writers));
    ensure!(
        !all.is_empty() && !all.contains(&"kubemend".to_owned()),
        "written by {all:?}"
    );
    Ok(())
}
