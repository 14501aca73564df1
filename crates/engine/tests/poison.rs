//! What a bad object of one namespace cannot do to a workload of another.

mod support;

use kubemend_api::targets::WorkloadKind;
use kubemend_engine::change::{self, Change};
use kubemend_engine::facts::TargetKey;
use kubemend_engine::{Moment, Settings, Source, World};
use serde_json::{Value, json};
use support::objects::moment;

fn show(world: &mut World, source: Source, object: &Value) {
    let change = change::read(source, object.to_string().as_bytes()).expect("a name");
    world.apply(change, moment(0));
}

fn owned(namespace: &str, name: &str, kind: &str, owner: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name, "uid": format!("{namespace}/{name}"),
        "ownerReferences": [{"kind": kind, "name": "web", "uid": owner, "controller": true}]}})
}

/// A Deployment, its `ReplicaSet` and its pod, in namespace `cafe`.
fn cafe() -> (World, TargetKey) {
    let mut world = World::new(Settings::default());
    let web = json!({"metadata": {"namespace": "cafe", "name": "web", "uid": "web"}, "spec": {"replicas": 1}});
    show(&mut world, Source::Deployments, &web);
    show(
        &mut world,
        Source::ReplicaSets,
        &owned("cafe", "web-1", "Deployment", "web"),
    );
    let pod = owned("cafe", "web-1-a", "ReplicaSet", "cafe/web-1");
    show(&mut world, Source::Pods, &pod);
    (
        world,
        TargetKey::new(WorkloadKind::Deployment, "cafe", "web"),
    )
}

fn pods(world: &World, key: &TargetKey) -> Vec<String> {
    let pods = world.pods_of(key);
    pods.iter()
        .map(|(pod, _)| pod.facts.name.to_string())
        .collect()
}

#[test]
fn an_owner_counts_only_in_its_own_namespace() {
    let (mut world, web) = cafe();
    show(
        &mut world,
        Source::ReplicaSets,
        &owned("shop", "fake", "Deployment", "web"),
    );
    let thief = owned("shop", "web-1-a", "ReplicaSet", "cafe/web-1");
    show(&mut world, Source::Pods, &thief);
    assert_eq!(
        world.revisions_of(&web).count(),
        1,
        "the other namespace's revision is none"
    );
    assert_eq!(pods(&world, &web), ["cafe/web-1-a"]);
    let gone = change::read_gone(Source::Pods, thief.to_string().as_bytes()).expect("a name");
    world.apply(gone, moment(0));
    assert_eq!(
        pods(&world, &web),
        ["cafe/web-1-a"],
        "a namesake elsewhere takes nothing along"
    );
}

#[test]
fn a_pod_of_an_unrelated_owner_is_not_borrowed_by_a_namesake_elsewhere() {
    let (mut world, web) = cafe();
    show(
        &mut world,
        Source::Pods,
        &owned("cafe", "other", "ReplicaSet", "of somebody else"),
    );
    show(
        &mut world,
        Source::Pods,
        &owned("shop", "other", "ReplicaSet", "cafe/web-1"),
    );
    assert_eq!(pods(&world, &web), ["cafe/web-1-a"]);
}

#[test]
fn an_unreadable_pod_holds_no_owner_of_another_namespace() {
    let (mut world, web) = cafe();
    let held = |world: &World| kubemend_engine::gate::readable(world, &web).is_err();
    let mut bad = owned("shop", "bad", "ReplicaSet", "cafe/web-1");
    bad["status"] = json!({"phase": 7});
    let change = change::read(Source::Pods, bad.to_string().as_bytes()).expect("a name");
    assert!(matches!(change, Change::Unreadable(_)));
    world.apply(change.clone(), Moment::default());
    assert!(!held(&world), "it is none of cafe's business");
    bad["metadata"]["namespace"] = json!("cafe");
    show(&mut world, Source::Pods, &bad);
    assert!(held(&world), "in its own namespace it holds its owner");
}
