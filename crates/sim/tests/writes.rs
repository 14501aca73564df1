//! The rules of writing: conflicts, preconditions, status, scale, eviction.

mod common;

use common::{DEPLOYMENTS, MAPS, PODS, POLICIES, ask, map, pod, policy, server};
use kubemend_sim::{Verb, toy};
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn create_fills_in_what_the_server_owns() {
    let server = server();
    let client = server.client();
    let (code, made) = ask(&client, "POST", POLICIES, policy("a")).await;
    assert_eq!(
        (code, &made["status"]),
        (201, &Value::Null),
        "a status in a POST is dropped"
    );
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(
        made["metadata"]["creationTimestamp"],
        "2026-01-01T00:00:00Z"
    );
    let (code, status) = ask(&client, "POST", POLICIES, policy("a")).await;
    assert_eq!((code, &status["reason"]), (409, &json!("AlreadyExists")));
    let mut nameless = map("");
    nameless["metadata"] = json!({"generateName": "run-"});
    let (_, made) = ask(&client, "POST", MAPS, nameless).await;
    assert_eq!(made["metadata"]["name"].as_str().map(str::len), Some(9));
    let (code, status) = ask(&client, "GET", &format!("{MAPS}/none"), Value::Null).await;
    assert_eq!((code, &status["kind"]), (404, &json!("Status")));
    assert_eq!(status["details"]["kind"], "configmaps");
    let (code, _) = ask(&client, "GET", "/apis/none.io/v1/things", Value::Null).await;
    assert_eq!(code, 404);
}

#[tokio::test(start_paused = true)]
async fn stale_writes_conflict() {
    let server = server();
    let client = server.client();
    let path = format!("{POLICIES}/a");
    let (_, made) = ask(&client, "POST", POLICIES, policy("a")).await;
    server.update("HealingPolicy", "shop", "a", |p| {
        p["spec"]["mode"] = json!("Enforce");
    });
    let (code, status) = ask(&client, "PUT", &path, made.clone()).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    let stale = json!({
        "metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": {"x": 1},
    });
    let (code, status) = ask(&client, "PATCH", &path, stale).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    let (code, _) = ask(&client, "PUT", &path, policy("a")).await;
    assert_eq!(
        code, 422,
        "custom resources are never updated unconditionally"
    );
    let wrong = json!({"metadata": {"uid": "not-this-one"}});
    let (code, _) = ask(&client, "PATCH", &path, wrong).await;
    assert_eq!(code, 422);
    assert!(server.writes().len() == 1, "only the create came through");
}

#[tokio::test(start_paused = true)]
async fn status_and_main_keep_to_their_halves() {
    let server = server();
    let client = server.client();
    let path = format!("{POLICIES}/a");
    ask(&client, "POST", POLICIES, policy("a")).await;
    let both = json!({"spec": {"mode": "Enforce"}, "status": {"phase": "Ready"}});
    let (_, after) = ask(&client, "PATCH", &path, both.clone()).await;
    assert_eq!(
        (&after["spec"]["mode"], &after["status"]),
        (&json!("Enforce"), &Value::Null)
    );
    assert_eq!(after["metadata"]["generation"], 2);
    let both = json!({"spec": {"mode": "Off"}, "status": {"phase": "Ready"}});
    let (_, after) = ask(&client, "PATCH", &format!("{path}/status"), both.clone()).await;
    assert_eq!(after["spec"]["mode"], "Enforce");
    assert_eq!(after["status"]["phase"], "Ready");
    assert_eq!(
        after["metadata"]["generation"], 2,
        "a status is no new generation"
    );
    let (_, same) = ask(&client, "PATCH", &format!("{path}/status"), both).await;
    assert_eq!(same, after, "a write that changes nothing is no write");
}

#[tokio::test(start_paused = true)]
async fn json_patches_test_before_they_act() {
    let server = server();
    let client = server.client();
    server.put(map("a"));
    let path = format!("{MAPS}/a");
    let steps = |colour: &str| {
        json!([
            {"op": "test", "path": "/data/colour", "value": colour},
            {"op": "replace", "path": "/data/colour", "value": "green"},
        ])
    };
    let (code, status) = ask(&client, "JSONPATCH", &path, steps("blue")).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")));
    let (code, after) = ask(&client, "JSONPATCH", &path, steps("red")).await;
    assert_eq!((code, &after["data"]["colour"]), (200, &json!("green")));
}

#[tokio::test(start_paused = true)]
async fn dry_runs_touch_nothing() {
    let server = server();
    let client = server.client();
    server.put(pod("a"));
    let (before, version) = (server.get("Pod", "shop", "a"), server.with(|o| o.version()));
    let (code, _) = ask(&client, "POST", &format!("{MAPS}?dryRun=All"), map("b")).await;
    assert_eq!(code, 201);
    let (code, _) = ask(
        &client,
        "DELETE",
        &format!("{PODS}/a"),
        json!({"dryRun": ["All"]}),
    )
    .await;
    assert_eq!(code, 200);
    let eviction = json!({"deleteOptions": {"dryRun": ["All"]}});
    let (code, _) = ask(&client, "POST", &format!("{PODS}/a/eviction"), eviction).await;
    assert_eq!(code, 201);
    assert_eq!(server.get("Pod", "shop", "a"), before);
    assert_eq!(server.with(|o| o.version()), version);
    assert!(server.writes().is_empty());
    assert_eq!(
        server.count(Verb::Create, "configmaps"),
        1,
        "but the trace has it"
    );
}

#[tokio::test(start_paused = true)]
async fn deletes_hold_their_preconditions() {
    let server = server();
    let client = server.client();
    let made = server.put(pod("a"));
    let path = format!("{PODS}/a");
    for wrong in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let (code, status) = ask(&client, "DELETE", &path, json!({"preconditions": wrong})).await;
        assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    }
    let right = json!({"preconditions": {"uid": made["metadata"]["uid"]}});
    let (code, last) = ask(&client, "DELETE", &path, right).await;
    assert_eq!((code, &last["kind"]), (200, &json!("Pod")));
    assert!(server.get("Pod", "shop", "a").is_none());
}

#[tokio::test(start_paused = true)]
async fn pods_take_their_time_to_stop() {
    let stop = std::time::Duration::from_secs(7);
    let settings = kubemend_sim::Settings {
        pod_stop: Some(stop),
        ..Default::default()
    };
    let server = kubemend_sim::Server::new(settings);
    let client = server.client();
    server.put(pod("a"));
    server.put(pod("b"));
    let (_, going) = ask(&client, "DELETE", &format!("{PODS}/a"), Value::Null).await;
    assert_eq!(
        going["metadata"]["deletionTimestamp"],
        "2026-01-01T00:00:30Z"
    );
    ask(
        &client,
        "DELETE",
        &format!("{PODS}/b"),
        json!({"gracePeriodSeconds": 0}),
    )
    .await;
    assert!(
        server.get("Pod", "shop", "b").is_none(),
        "grace period 0 does not wait"
    );
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(server.get("Pod", "shop", "a").is_some());
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(server.get("Pod", "shop", "a").is_none());

    server.put(pod("c"));
    server.kill_node("node-0");
    server.delete("Pod", "shop", "c");
    tokio::time::sleep(stop * 100).await;
    assert!(
        server.get("Pod", "shop", "c").is_some(),
        "a dead kubelet stops nothing"
    );
    server.revive_node("node-0");
    assert!(server.get("Pod", "shop", "c").is_none());
}

#[tokio::test(start_paused = true)]
async fn budgets_block_evictions() {
    let server = server();
    let client = server.client();
    let made = server.put(pod("a"));
    server.put(pod("b"));
    server.put(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1},
    }));
    let eviction = |uid: &Value| json!({"deleteOptions": {"preconditions": {"uid": uid}}});
    let path = format!("{PODS}/a/eviction");
    let (code, _) = ask(&client, "POST", &path, eviction(&json!("other"))).await;
    assert_eq!(code, 409);
    let (code, _) = ask(&client, "POST", &path, eviction(&made["metadata"]["uid"])).await;
    assert_eq!(code, 201);
    assert!(server.get("Pod", "shop", "a").is_none());
    let (code, status) = ask(&client, "POST", &format!("{PODS}/b/eviction"), json!({})).await;
    assert_eq!((code, &status["reason"]), (429, &json!("TooManyRequests")));
    assert_eq!(status["details"]["causes"][0]["reason"], "DisruptionBudget");
    assert!(server.get("Pod", "shop", "b").is_some());
}

#[tokio::test(start_paused = true)]
async fn scale_is_a_view_with_preconditions() {
    let server = server();
    let client = server.client();
    server.put(toy::deployment("shop", "web", 2, "healthy"));
    let path = format!("{DEPLOYMENTS}/web/scale");
    let (_, mut scale) = ask(&client, "GET", &path, Value::Null).await;
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"]),
        (&json!("Scale"), &json!(2))
    );
    let wrong = json!({"metadata": {"uid": "other"}, "spec": {"replicas": 9}});
    assert_eq!(ask(&client, "PATCH", &path, wrong).await.0, 409);
    scale["spec"]["replicas"] = json!(3);
    assert_eq!(ask(&client, "PUT", &path, scale.clone()).await.0, 200);
    assert_eq!(
        ask(&client, "PUT", &path, scale).await.0,
        409,
        "that version is gone"
    );
    let web = server
        .get("Deployment", "shop", "web")
        .expect("still there");
    assert_eq!(
        (&web["spec"]["replicas"], &web["metadata"]["generation"]),
        (&json!(3), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn finalizers_and_namespaces_hold_and_release() {
    let server = server();
    let mut held = map("a");
    held["metadata"]["finalizers"] = json!(["example.io/hold"]);
    server.put(held);
    server.put(map("b"));
    server.delete("ConfigMap", "shop", "a");
    assert!(server.get("ConfigMap", "shop", "a").is_some());
    server.update("ConfigMap", "shop", "a", |map| {
        map["metadata"]["finalizers"] = json!([]);
    });
    assert!(server.get("ConfigMap", "shop", "a").is_none());
    server.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    server.delete("Namespace", "", "shop");
    assert!(server.get("ConfigMap", "shop", "b").is_none());
}
