//! The toy cluster: crash loops, rollouts, rollbacks, budgets, and the same run from the same seed.

mod common;

use std::{sync::Arc, time::Duration};

use common::{PODS, ask, server};
use kubemend_sim::{
    Server, Settings,
    toy::{self, PROGRAM, Toy},
};
use serde_json::{Value, json};

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn start(server: &Server) -> Toy {
    Toy::start(server, toy::Settings::default())
}

fn container(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]
}

fn pods(server: &Server) -> Vec<Arc<Value>> {
    server.list("Pod", "shop")
}

fn web(server: &Server) -> Arc<Value> {
    server
        .get("Deployment", "shop", "web")
        .expect("the deployment")
}

fn progressing(deployment: &Value) -> Value {
    let conditions = deployment["status"]["conditions"]
        .as_array()
        .expect("conditions");
    let found = conditions.iter().find(|one| one["type"] == "Progressing");
    found.expect("it progresses")["reason"].clone()
}

/// Replicas by `ReplicaSet`, oldest revision first.
fn replica_sets(server: &Server) -> Vec<(String, String, i64)> {
    let mut sets: Vec<_> = server
        .list("ReplicaSet", "shop")
        .iter()
        .map(|set| {
            let meta = &set["metadata"];
            let revision = &meta["annotations"]["deployment.kubernetes.io/revision"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(revision),
                text(&meta["name"]),
                set["spec"]["replicas"].as_i64().unwrap_or(-1),
            )
        })
        .collect();
    sets.sort();
    sets
}

#[tokio::test(start_paused = true)]
async fn a_healthy_deployment_comes_up() {
    let server = server();
    let _toy = start(&server);
    server.put(toy::deployment("shop", "web", 3, "healthy"));
    seconds(5).await;
    let web = web(&server);
    assert_eq!(web["status"]["availableReplicas"], 3);
    assert_eq!(web["status"]["observedGeneration"], 1);
    assert!(web["status"]["unavailableReplicas"].is_null());
    assert_eq!(progressing(&web), "NewReplicaSetAvailable");
    assert_eq!(
        web["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "1"
    );
    assert_eq!(pods(&server).len(), 3);
    let version = server.with(|objects| objects.version());
    seconds(3600).await;
    assert_eq!(
        server.with(|objects| objects.version()),
        version,
        "at rest, nothing is written"
    );
}

#[tokio::test(start_paused = true)]
async fn crash_loops_keep_the_kubelets_time() {
    let server = server();
    let _toy = start(&server);
    server.put(toy::deployment("shop", "web", 1, "exit-after:5s,code:3"));
    // Started after 1 s and some reaction; the first crash comes 5 s later.
    let mut restarts = Vec::new();
    let mut seen = [false; 2];
    for second in 0..240_u64 {
        seconds(1).await;
        let all = pods(&server);
        let status = container(&all[0]);
        let count = status["restartCount"].as_u64().unwrap_or(0);
        if restarts.len() < usize::try_from(count).expect("small") {
            restarts.push(second + 1 - 7);
        }
        seen[0] |= !status["state"]["terminated"].is_null();
        seen[1] |= status["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    }
    assert_eq!(seen, [true, true], "both faces of a crash loop show");
    assert_eq!(
        restarts,
        [1, 17, 43, 89, 175],
        "measured on kubelet 1.37: 43 s to the third"
    );
    let all = pods(&server);
    let last = &container(&all[0])["lastState"]["terminated"];
    assert_eq!(
        (&last["exitCode"], &last["reason"]),
        (&json!(3), &json!("Error"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_lower_cap_and_a_long_run_change_the_waits() {
    let server = server();
    let cap = Duration::from_secs(10);
    let _toy = Toy::start(
        &server,
        toy::Settings {
            backoff_cap: cap,
            ..Default::default()
        },
    );
    server.put(toy::deployment("shop", "web", 1, "exit-after:1s"));
    seconds(60).await;
    let quick = container(&pods(&server)[0])["restartCount"].as_u64();
    assert_eq!(
        quick,
        Some(5),
        "every 12 s once the wait has reached its cap"
    );
    // Runs longer than twice the cap forget the wait.
    server.put(toy::deployment("shop", "slow", 1, "exit-after:40s"));
    seconds(400).await;
    let slow = pods(&server)
        .iter()
        .find(|p| p["metadata"]["labels"]["app"] == "slow")
        .cloned();
    assert_eq!(container(&slow.expect("its pod"))["restartCount"], 9);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_pod_is_well_if_the_program_says_so() {
    let server = server();
    let _toy = start(&server);
    server.put(toy::deployment(
        "shop",
        "web",
        1,
        "exit-after:5s-until-replaced",
    ));
    seconds(60).await;
    let sick = pods(&server).remove(0);
    assert_eq!(container(&sick)["restartCount"], 3);
    let name = sick["metadata"]["name"].as_str().expect("a name");
    let (code, _) = ask(
        &server.client(),
        "POST",
        &format!("{PODS}/{name}/eviction"),
        json!({}),
    )
    .await;
    assert_eq!(code, 201);
    seconds(60).await;
    let well = pods(&server).remove(0);
    assert_ne!(well["metadata"]["uid"], sick["metadata"]["uid"]);
    assert_eq!(
        (
            &container(&well)["restartCount"],
            &container(&well)["ready"]
        ),
        (&json!(0), &json!(true))
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_release_completes_and_a_rollback_reuses_the_old_set() {
    let server = server();
    let _toy = start(&server);
    server.put(toy::deployment("shop", "web", 3, "healthy"));
    seconds(10).await;
    let good = replica_sets(&server).remove(0).1;
    toy::release(&server, "shop", "web", "exit-after:5s");
    seconds(60).await;
    let web_now = web(&server);
    assert_eq!(
        progressing(&web_now),
        "NewReplicaSetAvailable",
        "for a moment, all were ready"
    );
    let sets = replica_sets(&server);
    assert_eq!(
        (sets[0].1.as_str(), sets[0].2, sets[1].2),
        (good.as_str(), 0, 3)
    );
    assert_eq!(
        container(&pods(&server)[0])["restartCount"].as_u64(),
        Some(3)
    );

    toy::release(&server, "shop", "web", "healthy");
    seconds(60).await;
    let sets = replica_sets(&server);
    assert_eq!(sets.len(), 2, "no third set");
    assert_eq!(
        (sets[1].0.as_str(), sets[1].1.as_str(), sets[1].2),
        ("3", good.as_str(), 3)
    );
    assert_eq!(web(&server)["status"]["availableReplicas"], 3);
    assert_eq!(
        web(&server)["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "3"
    );
}

#[tokio::test(start_paused = true)]
async fn a_release_that_never_gets_ready_stops_and_is_reported() {
    let server = server();
    let _toy = start(&server);
    server.put(toy::deployment("shop", "web", 4, "healthy"));
    seconds(10).await;
    toy::release(&server, "shop", "web", "never-ready");
    seconds(30).await;
    let sets = replica_sets(&server);
    assert_eq!((sets[0].2, sets[1].2), (3, 2), "one over, one short");
    assert_eq!(progressing(&web(&server)), "ReplicaSetUpdated");
    seconds(600).await;
    assert_eq!(progressing(&web(&server)), "ProgressDeadlineExceeded");
    assert_eq!(web(&server)["status"]["availableReplicas"], 3);
}

#[tokio::test(start_paused = true)]
async fn scale_pause_and_deletion_are_respected() {
    let server = server();
    let _toy = start(&server);
    server.put(toy::deployment("shop", "web", 2, "healthy"));
    seconds(5).await;
    server.update("Deployment", "shop", "web", |web| {
        web["spec"]["paused"] = json!(true);
    });
    toy::release(&server, "shop", "web", "exit-after:5s");
    server.update("Deployment", "shop", "web", |web| {
        web["spec"]["replicas"] = json!(5);
    });
    seconds(5).await;
    assert_eq!((replica_sets(&server).len(), pods(&server).len()), (1, 5));
    server.update("Deployment", "shop", "web", |web| {
        web["spec"]["replicas"] = json!(1);
    });
    seconds(5).await;
    assert_eq!(pods(&server).len(), 1);
    server.delete("Deployment", "shop", "web");
    seconds(5).await;
    assert!(pods(&server).is_empty() && replica_sets(&server).is_empty());
}

#[tokio::test(start_paused = true)]
async fn recreate_first_stops_then_starts() {
    let settings = Settings {
        pod_stop: Some(Duration::from_secs(5)),
        ..Settings::default()
    };
    let server = Server::new(settings);
    let _toy = start(&server);
    let mut web = toy::deployment("shop", "web", 2, "healthy");
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    server.put(web);
    seconds(5).await;
    toy::release(&server, "shop", "web", "healthy,ready-after:2s");
    for _ in 0..20 {
        seconds(1).await;
        assert!(pods(&server).len() <= 2);
    }
    let sets = replica_sets(&server);
    assert_eq!((sets[0].2, sets[1].2), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn budgets_follow_the_pods() {
    let server = server();
    let _toy = start(&server);
    server.put(toy::deployment("shop", "web", 3, "healthy"));
    server.put(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }));
    seconds(5).await;
    let budget = || {
        server
            .get("PodDisruptionBudget", "shop", "web")
            .expect("the budget")
    };
    assert_eq!(budget()["status"]["disruptionsAllowed"], 1);
    let client = server.client();
    let names: Vec<String> = pods(&server)
        .iter()
        .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    let evict = async |name: &str| {
        ask(
            &client,
            "POST",
            &format!("{PODS}/{name}/eviction"),
            json!({}),
        )
        .await
        .0
    };
    assert_eq!((evict(&names[0]).await, evict(&names[1]).await), (201, 429));
    seconds(5).await;
    assert_eq!(
        budget()["status"]["disruptionsAllowed"],
        1,
        "the successor is ready"
    );
    assert_eq!(evict(&names[1]).await, 201);
}

#[tokio::test(start_paused = true)]
async fn nodes_take_pods_until_they_are_cordoned_or_dead() {
    let server = server();
    let _toy = start(&server);
    for name in ["n1", "n2"] {
        server.put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}));
    }
    server.update("Node", "", "n2", |node| {
        node["spec"]["unschedulable"] = json!(true);
    });
    server.put(toy::deployment("shop", "web", 2, "exit-after:5s"));
    seconds(3).await;
    assert!(
        pods(&server)
            .iter()
            .all(|pod| pod["spec"]["nodeName"] == "n1")
    );
    server.kill_node("n1");
    seconds(60).await;
    assert_eq!(
        container(&pods(&server)[0])["restartCount"],
        0,
        "nobody reports"
    );
    let pod = pods(&server).remove(0);
    let name = pod["metadata"]["name"].as_str().expect("a name");
    server.update("Pod", "shop", name, |p| {
        p["metadata"]["annotations"][PROGRAM] = json!("healthy");
    });
    server.delete("Pod", "shop", name);
    seconds(60).await;
    assert_eq!(
        pods(&server).len(),
        3,
        "the dead node's pod stays, a successor waits beside it"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    let run = async || {
        let lag = Duration::from_millis(300);
        let settings = Settings {
            seed: 42,
            watch_lag: lag,
            request_lag: lag,
            ..Default::default()
        };
        let server = Server::new(settings);
        let _toy = start(&server);
        server.put(toy::deployment(
            "shop",
            "web",
            3,
            "exit-after:5s-until-replaced",
        ));
        let client = server.client();
        for _ in 0..5 {
            seconds(20).await;
            let pod = pods(&server).remove(0);
            let name = pod["metadata"]["name"].as_str().expect("a name");
            ask(&client, "DELETE", &format!("{PODS}/{name}"), Value::Null).await;
        }
        let objects: Vec<_> = ["Deployment", "ReplicaSet", "Pod"]
            .iter()
            .flat_map(|kind| server.list(kind, ""))
            .collect();
        (server.trace(), objects)
    };
    assert_eq!(run().await, run().await);
}
