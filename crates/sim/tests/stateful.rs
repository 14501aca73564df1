//! The toy `StatefulSet`: numbered pods in order, one revision at a time, and its trap; and the toy `DaemonSet`.

use std::time::Duration;

use kubemend_sim::{
    Server, Settings,
    toy::{self, PROGRAM, Toy},
};
use serde_json::json;

fn server() -> (Server, Toy) {
    let server = Server::new(Settings::default());
    let toy = Toy::start(&server, toy::Settings::default());
    (server, toy)
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn names(server: &Server) -> Vec<String> {
    let pods = server.list("Pod", "shop");
    pods.iter()
        .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
        .collect()
}

fn release(server: &Server, program: &str) {
    server.update("StatefulSet", "shop", "db", |set| {
        set["spec"]["template"]["metadata"]["annotations"][PROGRAM] = json!(program);
    });
}

#[tokio::test(start_paused = true)]
async fn pods_come_in_order_and_go_from_the_top() {
    let (server, _toy) = server();
    server.put(toy::stateful_set("shop", "db", 3, "ready-after:5s"));
    seconds(4).await;
    assert_eq!(names(&server), ["db-0"], "the second waits for the first");
    seconds(26).await;
    assert_eq!(names(&server), ["db-0", "db-1", "db-2"]);
    let db = server.get("StatefulSet", "shop", "db").expect("the set");
    assert_eq!(db["status"]["availableReplicas"], 3);
    assert_eq!(
        db["status"]["currentRevision"],
        db["status"]["updateRevision"]
    );
    server.update("StatefulSet", "shop", "db", |set| {
        set["spec"]["replicas"] = json!(1);
    });
    seconds(5).await;
    assert_eq!(names(&server), ["db-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_comes_back_under_its_name_and_a_mended_template_does_not_cure_a_broken_pod()
{
    let (server, _toy) = server();
    server.put(toy::stateful_set(
        "shop",
        "db",
        2,
        "exit-after:2s,until-replaced,ready-after:5s",
    ));
    seconds(30).await;
    assert_eq!(names(&server), ["db-0"], "the first never stays ready");
    server.delete("Pod", "shop", "db-0");
    seconds(30).await;
    assert_eq!(names(&server), ["db-0", "db-1"], "its replacement does");
    release(&server, "never-ready");
    seconds(10).await;
    release(&server, "healthy");
    seconds(60).await;
    let db = server.get("StatefulSet", "shop", "db").expect("the set");
    assert_eq!(
        db["status"]["readyReplicas"], 1,
        "a broken pod blocks what would mend it\n{db:#}"
    );
    server.delete("Pod", "shop", "db-1");
    seconds(60).await;
    let db = server.get("StatefulSet", "shop", "db").expect("the set");
    assert_eq!(db["status"]["readyReplicas"], 2, "{db:#}");
    assert_eq!(
        db["status"]["currentRevision"],
        db["status"]["updateRevision"]
    );
    assert_eq!(server.list("ControllerRevision", "shop").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_comes_back_gets_the_highest_number() {
    let (server, _toy) = server();
    server.put(toy::stateful_set("shop", "db", 1, "healthy"));
    seconds(10).await;
    release(&server, "ready-after:1s");
    seconds(10).await;
    release(&server, "healthy");
    seconds(10).await;
    let revisions = server.list("ControllerRevision", "shop");
    assert_eq!(revisions.len(), 2);
    let program = |one: &serde_json::Value| {
        assert_eq!(one["data"]["spec"]["template"]["$patch"], "replace");
        one["data"]["spec"]["template"]["metadata"]["annotations"][PROGRAM].clone()
    };
    let newest = revisions
        .iter()
        .max_by_key(|one| one["revision"].as_i64())
        .expect("a revision");
    assert_eq!(
        (program(newest), &newest["revision"]),
        (json!("healthy"), &json!(3))
    );
}

#[tokio::test(start_paused = true)]
async fn a_daemon_set_has_one_pod_per_node_and_replaces_broken_old_ones_at_once() {
    let (server, _toy) = server();
    for node in ["a", "b", "c"] {
        server.put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}));
    }
    server.put(toy::daemon_set("shop", "agent", "healthy"));
    seconds(10).await;
    let nodes = |server: &Server| {
        let pods = server.list("Pod", "shop");
        let mut nodes: Vec<_> = pods
            .iter()
            .filter_map(|pod| pod["spec"]["nodeName"].as_str().map(str::to_owned))
            .collect();
        nodes.sort();
        nodes
    };
    assert_eq!(nodes(&server), ["a", "b", "c"]);
    let program = |program: &str| {
        server.update("DaemonSet", "shop", "agent", |set| {
            set["spec"]["template"]["metadata"]["annotations"][PROGRAM] = json!(program);
        });
    };
    program("never-ready");
    seconds(60).await;
    let agent = server.get("DaemonSet", "shop", "agent").expect("the set");
    assert_eq!(agent["status"]["desiredNumberScheduled"], 3);
    assert_eq!(
        agent["status"]["updatedNumberScheduled"], 1,
        "one pod that is not ready stops the rollout: {agent:#}"
    );
    program("healthy");
    seconds(60).await;
    let agent = server.get("DaemonSet", "shop", "agent").expect("the set");
    assert_eq!(agent["status"]["numberAvailable"], 3);
    assert_eq!(agent["status"]["updatedNumberScheduled"], 3);
    assert_eq!(nodes(&server), ["a", "b", "c"]);
}
