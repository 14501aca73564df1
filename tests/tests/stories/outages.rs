//! Outages whose cause lies outside the workloads, replayed: what Kubemend does must not make them worse.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::EvictParams;
use kubemend_api::HealingEvent;
use kubemend_api::event::CauseKind;
use kubemend_tests::namespace::{Namespace, uids};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{Policy, RESTART, ROLLBACK, SCALE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::App;

use crate::storm::records;

/// Runs as long as what it is configured with can be used, and has a neighbour that needs nothing of it.
const READS_ITS_CONFIG: &str = "while grep -q good /state/mode; do sleep 1; done; echo 'cannot parse mode' > /dev/termination-log; exit 3";

const GOOD: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: good}\n";
const BAD: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: bad}\n";

/// A change of a `ConfigMap` breaks every replica of a release that has long proven itself: no restart, replica or older
/// release can help. The restarts that are tried stay within the chain, then it is left to people, whose fix ends it.
pub(crate) async fn bad_config(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let chain = Policy::with_steps(&[RESTART, SCALE, ROLLBACK]);
    namespace.apply(&chain.yaml()).await?;
    namespace.apply(GOOD).await?;
    let app = App::running(READS_ITS_CONFIG)
        .replicas(4)
        .volume("configMap: {name: settings}");
    namespace.apply(&app.yaml()).await?;
    namespace.ready_pods("web", 4, 60).await?;
    namespace.proven("web", 120).await?;

    change(&namespace, BAD, "bad").await?;
    let record = namespace.record_in("Exhausted", 300).await?;

    ensure!(
        record::chain(&record) == "restart NotRecovered, restart NotRecovered",
        "{}",
        record::summary(&record)
    );
    ensure!(
        record::skips(&record) == "scale CannotHelp, rollback OnlyIf"
            || record::skips(&record) == "scale CannotHelp, rollback NoProvenRevision",
        "{}",
        record::skips(&record)
    );
    ensure!(
        record::applied(&record).len() <= 8,
        "{}",
        record::summary(&record)
    );
    let deployment = namespace.deployment("web").await?;
    let replicas = deployment.spec.replicas;
    ensure!(replicas == Some(4), "{replicas:?}");

    namespace.apply(GOOD).await?;
    let ended = |one: &HealingEvent| record::reason(one) == "SymptomGone";
    let record = namespace.record_when("the fix ends it", 300, ended).await?;
    ensure!(record::attempts(&record).len() == 2);
    Ok(())
}

/// Long enough that whoever reads the record can mend what it names.
const WAIT: &str =
    "{name: wait, action: {wait: {}}, verify: {timeout: 150s, stableFor: 5s, relapseWindow: 3m}}";

/// Three apps read one `ConfigMap`, and a change of it breaks them all: each record names what they share while the chain
/// waits, and the fix ends all three before anything is done.
pub(crate) async fn shared_config(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let chain = Policy::with_steps(&[WAIT, RESTART, SCALE]).for_all();
    namespace.apply(&chain.yaml()).await?;
    namespace.apply(GOOD).await?;
    for name in APPS {
        let app = App::running(READS_ITS_CONFIG)
            .named(name)
            .replicas(1)
            .volume("configMap: {name: settings}");
        namespace.apply(&app.yaml()).await?;
    }
    for name in APPS {
        namespace.ready_pods(name, 1, 60).await?;
    }
    let before = namespace.all::<Pod>().await?;

    change(&namespace, BAD, "bad").await?;
    let told = |one: &HealingEvent| {
        let cause = record::status(one).cause;
        cause.is_some_and(|one| {
            one.kind == CauseKind::Config && one.name == "ConfigMap/settings" && one.targets == 3
        })
    };
    untouched(&namespace, "each names what they share", told).await?;
    change(&namespace, GOOD, "good").await?;
    let over = |one: &HealingEvent| record::phase(one) == "SelfRecovered";
    untouched(&namespace, "the fix ends all", over).await?;
    still_run(&namespace, &before).await
}

/// Waits until each app has one record, and that is so; no object may have been written.
async fn untouched(
    namespace: &Namespace,
    what: &str,
    is_so: impl Fn(&HealingEvent) -> bool,
) -> Result<()> {
    let look = async || {
        let all = namespace.records().await?;
        let so = all.iter().filter(|one| is_so(one)).count();
        let acted = all.iter().find(|one| !record::applied(one).is_empty());
        Ok(match acted {
            Some(acted) => Look::Never(format!("an act: {}", record::summary(acted))),
            None if all.len() == APPS.len() && so == all.len() => Look::Found(()),
            None => Look::NotYet(format!("{so} of {} records", all.len())),
        })
    };
    await_condition(what, Duration::from_mins(3), look).await
}

/// Changes what is read. A kubelet looks at a pod's volumes again when the pod changes: all notice at once instead of
/// within a minute.
async fn change(namespace: &Namespace, config: &str, word: &str) -> Result<()> {
    namespace.apply(config).await?;
    let mark = format!("stories/mode={word}");
    let told = [
        "annotate",
        "pods",
        "--all",
        "--overwrite",
        "-n",
        &namespace.name,
        &mark,
    ];
    namespace.cluster.kubectl(&told).await?;
    Ok(())
}

/// The apps that run while their registry is away, or their configuration is broken.
const APPS: [&str; 3] = ["cart", "checkout", "search"];
const IMAGE: &str = "lab.local/outage:1";

/// The registry is away while a drain moves one pod of each app: what still runs is the only capacity there is. None of
/// it is touched, nothing is rolled back, and all records close by themselves when images can be had again.
pub(crate) async fn registry_away(scene: Rc<Scene>) -> Result<()> {
    let nodes = scene.cluster.lab().nodes();
    for node in &nodes {
        node.tag_image("lab.local/busybox:1", IMAGE)?;
    }
    let told = away(&scene).await;
    for node in &nodes {
        // Whatever came of it, no tag is left for the next run.
        node.forget_image(IMAGE)?;
    }
    told
}

async fn away(scene: &Scene) -> Result<()> {
    let namespace = scene.namespace().await?;
    let chain = Policy::with_steps(&[RESTART, SCALE, ROLLBACK]);
    let chain = chain.when("image", "{imagePull: {for: 5s}}");
    namespace.apply(&chain.for_all().yaml()).await?;
    for name in APPS {
        let app = App::running("exec sleep 100000")
            .named(name)
            .replicas(3)
            .image(IMAGE);
        namespace.apply(&app.yaml()).await?;
    }
    for name in APPS {
        namespace.ready_pods(name, 3, 90).await?;
        namespace.proven(name, 120).await?;
    }

    for node in &scene.cluster.lab().nodes() {
        node.forget_image(IMAGE)?;
    }
    let mut survivors = Vec::new();
    for name in APPS {
        let mut pods = namespace.ready_pods(name, 3, 30).await?;
        drain(&namespace, &pods.remove(0)).await?;
        survivors.extend(pods);
    }

    let over = |one: &HealingEvent| record::phase(one) == "Exhausted";
    let told = records(&namespace, APPS.len(), "nothing can help", over).await?;
    for one in &told {
        ensure!(one.spec.symptom == "ImagePull", "{}", one.spec.symptom);
        ensure!(record::attempts(one).is_empty(), "{}", record::summary(one));
        ensure!(
            record::skips(one).starts_with("restart CannotHelp, scale CannotHelp, rollback "),
            "{}",
            record::skips(one)
        );
    }
    still_run(&namespace, &survivors).await?;

    for node in &scene.cluster.lab().nodes() {
        node.tag_image("lab.local/busybox:1", IMAGE)?;
    }
    let gone = |one: &HealingEvent| record::reason(one) == "SymptomGone";
    records(&namespace, APPS.len(), "all end by themselves", gone).await?;
    still_run(&namespace, &survivors).await
}

/// As a drain does.
async fn drain(namespace: &Namespace, pod: &Pod) -> Result<()> {
    let pods = namespace.api::<Pod>();
    pods.evict(&pod.name_any(), &EvictParams::default()).await?;
    Ok(())
}

/// The pods that ran before the outage are the same and run.
async fn still_run(namespace: &Namespace, survivors: &[Pod]) -> Result<()> {
    let now = uids(&namespace.all::<Pod>().await?);
    for uid in uids(survivors) {
        ensure!(now.contains(&uid), "a pod that ran was taken away");
    }
    Ok(())
}
