//! A process that wins, loses and gives up the lease: it acts only while it holds it, and never on
//! records that it has not read since.

use std::time::Duration;

use kubemend_engine::{Moment, Settings};
use kubemend_reconciler::{Clock, Health, Metrics, Parts};
use kubemend_sim::toy::{self, Toy};
use kubemend_sim::{FaultKind, Matcher, Server, Verb};
use kubemend_status::Fence;
use kubemend_status::fence::Term;
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

struct Stage {
    server: Server,
    _toy: Toy,
    lease: watch::Sender<Term>,
    health: Health,
    stop: oneshot::Sender<()>,
    process: JoinHandle<bool>,
}

/// A Deployment that crash-loops until its pods are replaced, under a policy.
fn stage() -> Stage {
    let server = Server::new(kubemend_sim::Settings::default());
    let toy = Toy::start(&server, toy::Settings::default());
    server.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    server.put(json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingConfig", "metadata": {"name": "cluster"},
        "spec": {"clusterName": "sim", "modeCeiling": "Enforce"},
    }));
    server.put(json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingPolicy",
        "metadata": {"namespace": "shop", "name": "web", "generation": 1},
        "spec": {
            "mode": "Enforce", "targets": {"all": true},
            "rules": [{"name": "crash-loop", "when": {"crashLoop": {"restarts": 2}},
                "steps": [{"name": "restart", "action": {"restartPod": {}}}]}],
        },
    }));
    server.put(toy::deployment(
        "shop",
        "web",
        1,
        "exit-after:2s-until-replaced",
    ));
    let (lease, fence) = Fence::new();
    let health = Health::default();
    let parts = Parts {
        watch: server.client(),
        act: server.client(),
        settings: Settings::default(),
        fence,
        clock: Clock::starting_at(Moment::from_millis(server.now().as_millisecond())),
        metrics: Metrics::default(),
        health: health.clone(),
    };
    let (stop, stopped) = oneshot::channel();
    let process = tokio::spawn(async move {
        let told = async {
            let _ = stopped.await;
        };
        kubemend_reconciler::run(parts, told).await.is_ok()
    });
    Stage {
        server,
        _toy: toy,
        lease,
        health,
        stop,
        process,
    }
}

impl Stage {
    fn lead(&self, seconds: u64) {
        self.lease
            .send_replace(Some(Instant::now() + Duration::from_secs(seconds)));
    }

    fn deleted(&self) -> usize {
        let writes = self.server.writes();
        let pods = writes.iter().filter(|one| one.resource == "pods");
        pods.filter(|one| one.verb == Verb::Delete).count()
    }

    fn written(&self) -> usize {
        self.server.writes().len()
    }
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_lease_nothing_is_written() {
    let stage = stage();
    seconds(120).await;
    assert_eq!(stage.health.ready(), Ok(()), "a standby watches");
    assert_eq!(stage.written(), 0);
    assert!(!stage.health.leads());
    stage.lead(1_000);
    seconds(5).await;
    assert!(stage.health.leads());
    assert_eq!(stage.deleted(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_winner_lists_the_records_before_it_writes() {
    let stage = stage();
    seconds(60).await;
    let listed = stage.server.count(Verb::List, "healingevents");
    let lists = Matcher::any().verb(Verb::List).resource("healingevents");
    let fault = stage
        .server
        .fault(lists, FaultKind::status(500, "InternalError"));
    stage.lead(1_000);
    seconds(30).await;
    assert!(stage.server.count(Verb::List, "healingevents") > listed);
    assert_eq!((stage.written(), stage.health.leads()), (0, false));
    stage.server.clear_fault(fault);
    seconds(15).await;
    assert_eq!(stage.deleted(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_not_renewed_ends_all_writing() {
    let stage = stage();
    stage.lead(3);
    seconds(200).await;
    assert_eq!(stage.deleted(), 0);
    let written = stage.written();
    assert!(!stage.health.leads());
    seconds(200).await;
    assert_eq!(stage.written(), written);
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_is_in_flight_and_starts_nothing_more() {
    let stage = stage();
    let slow = Matcher::any().verb(Verb::Delete).resource("pods");
    stage
        .server
        .fault(slow, FaultKind::Delay(Duration::from_secs(3)));
    stage.lead(1_000);
    // Until the deletion is under way.
    while stage.server.count(Verb::Delete, "pods") == 0 {
        sleep(Duration::from_millis(50)).await;
    }
    stage.stop.send(()).expect("the process listens");
    assert!(stage.process.await.expect("it ends"), "gracefully");
    let records = stage.server.list("HealingEvent", "shop");
    let attempt = &records[0]["status"]["attempts"][0];
    assert_eq!(attempt["requests"][0]["result"], "Applied", "{attempt:#}");
    let written = stage.server.writes().len();
    seconds(60).await;
    assert_eq!(stage.server.writes().len(), written);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_nothing_longer_than_ten_seconds() {
    let stage = stage();
    let stuck = Matcher::any().verb(Verb::Delete).resource("pods");
    stage.server.fault(stuck, FaultKind::Hang);
    stage.lead(1_000);
    while stage.server.count(Verb::Delete, "pods") == 0 {
        sleep(Duration::from_millis(50)).await;
    }
    let told = Instant::now();
    stage.stop.send(()).expect("the process listens");
    assert!(stage.process.await.expect("it ends"));
    assert!(
        told.elapsed() <= Duration::from_secs(11),
        "{:?}",
        told.elapsed()
    );
}
