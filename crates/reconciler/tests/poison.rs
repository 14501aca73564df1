//! Poison objects: huge, absurd or unreadable ones. The process goes on, another workload of the
//! same cluster is healed, and each bad object is told of once, by name.

#[path = "poison/objects.rs"]
mod objects;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubemend_engine::{Moment, Settings};
use kubemend_reconciler::{Clock, Health, Metrics, Parts};
use kubemend_sim::toy::{self, Toy};
use kubemend_sim::{FaultKind, Matcher, Server, Verb, WatchFault};
use kubemend_status::Fence;
use objects::{DEAD, absurd, unreadable};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// What was logged, as lines of text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no thread has panicked").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Everything of this thread goes here until the guard is dropped.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let lines = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone());
        tracing::subscriber::set_default(lines.finish())
    }

    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("no thread has panicked");
        String::from_utf8_lossy(&bytes)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// How often an object of that kind and name was told of.
    fn told(&self, kind: &str, name: &str) -> usize {
        let (kind, name) = (format!("kind=\"{kind}\""), format!("name={name} "));
        let lines = self.lines();
        let told = lines.iter().filter(|line| line.contains("cannot be read"));
        told.filter(|line| line.contains(&kind) && line.contains(&name))
            .count()
    }
}

/// A cluster, the process that heals it, and what it logs.
struct Stage {
    server: Server,
    _toy: Toy,
    process: JoinHandle<()>,
    metrics: Metrics,
    health: Health,
    log: Log,
    _listening: tracing::subscriber::DefaultGuard,
}

impl Stage {
    fn new() -> Self {
        let server = Server::new(kubemend_sim::Settings::default());
        let toy = Toy::start(&server, toy::Settings::default());
        server.kill_node(DEAD);
        for namespace in ["shop", "bog"] {
            server.put(
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            );
            server.put(policy(namespace));
        }
        server.put(config(&json!("Enforce")));
        let log = Log::default();
        let listening = log.listen();
        let (metrics, health) = (Metrics::default(), Health::default());
        let process = start(&server, &metrics, &health);
        Self {
            server,
            _toy: toy,
            process,
            metrics,
            health,
            log,
            _listening: listening,
        }
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_mins(10);
        while !done(self) {
            assert!(!self.process.is_finished(), "the process ended: {what}");
            let log = self.log.lines();
            let last = &log[log.len().saturating_sub(30)..];
            assert!(
                Instant::now() < deadline,
                "not in time: {what}\n{}",
                last.join("\n")
            );
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// The phase of the newest record of `shop/web`.
    fn phase(&self) -> String {
        let records = self.server.list("HealingEvent", "shop");
        let phases = records
            .iter()
            .filter(|one| one["spec"]["target"]["name"] == "web");
        let phase = phases
            .filter_map(|one| one["status"]["phase"].as_str())
            .next_back();
        phase.unwrap_or_default().to_owned()
    }

    /// A workload that a restart cures.
    fn break_web(&self) {
        self.server.put(toy::deployment(
            "shop",
            "web",
            2,
            "exit-after:2s,code:3,until-replaced",
        ));
    }

    /// Every collection is listed anew.
    async fn relist(&self) {
        let listed = || {
            let trace = self.server.trace();
            trace.iter().filter(|one| one.verb == Verb::List).count()
        };
        let (before, watches) = (
            listed(),
            Matcher::any().client("operator").verb(Verb::Watch),
        );
        let fault = self
            .server
            .fault(watches.first(28), FaultKind::Watch(WatchFault::Gone410));
        self.until("listed anew", |_| listed() >= before + 14).await;
        self.server.clear_fault(fault);
    }
}

fn config(ceiling: &Value) -> Value {
    json!({"apiVersion": "kubemend.io/v1alpha1", "kind": "HealingConfig", "metadata": {"name": "cluster"},
        "spec": {"clusterName": "sim", "modeCeiling": ceiling}})
}

fn policy(namespace: &str) -> Value {
    let verify = json!({"timeout": "2m", "stableFor": "15s", "relapseWindow": "2m"});
    let step = json!({"name": "restart", "action": {"restartPod": {}}, "verify": verify,
        "attempts": {"max": 3, "backoff": {"initial": "5s", "factor": 1}}});
    json!({"apiVersion": "kubemend.io/v1alpha1", "kind": "HealingPolicy",
        "metadata": {"namespace": namespace, "name": "all"},
        "spec": {"mode": "Enforce", "targets": {"all": true}, "budget": {"maxUnavailable": "100%"},
            "rules": [{"name": "loops", "when": {"crashLoop": {"restarts": 2}}, "steps": [step]}]}})
}

fn start(server: &Server, metrics: &Metrics, health: &Health) -> JoinHandle<()> {
    let (lease, fence) = Fence::new();
    lease.send_replace(Some(Instant::now() + Duration::from_secs(100_000)));
    let parts = Parts {
        watch: server.client_as("operator"),
        act: server.client_as("operator"),
        settings: Settings::default(),
        fence,
        clock: Clock::starting_at(Moment::from_millis(server.now().as_millisecond())),
        metrics: metrics.clone(),
        health: health.clone(),
    };
    tokio::spawn(async move {
        let ended = kubemend_reconciler::run(parts, std::future::pending()).await;
        drop(lease);
        panic!("the reconciler ended: {ended:?}");
    })
}

fn names(objects: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names = objects
        .iter()
        .map(|one| (text(&one["kind"]), text(&one["metadata"]["name"])));
    names
        .map(|(kind, name)| (kind, format!("bog/{name}")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn another_workload_is_healed_and_each_bad_object_is_told_of_once() {
    let stage = Stage::new();
    // Some are there before the first list, some come later.
    let bad = unreadable();
    let (first, later) = bad.split_at(bad.len() / 2);
    first
        .iter()
        .chain(&absurd())
        .for_each(|one| drop(stage.server.put(one.clone())));
    stage
        .until("ready", |stage| stage.health.ready().is_ok())
        .await;
    for one in later {
        drop(stage.server.put(one.clone()));
    }
    stage.break_web();
    stage
        .until("web recovers", |stage| stage.phase() == "Recovered")
        .await;
    for _ in 0..2 {
        stage.relist().await;
    }
    for one in &bad {
        // A change that makes it no better is no news.
        stage.server.put(one.clone());
    }
    stage.relist().await;
    for (kind, name) in names(&bad) {
        assert_eq!(
            stage.log.told(&kind, &name),
            1,
            "{kind} {name} is told of once\n{}",
            stage.log.lines().join("\n")
        );
    }
    for (kind, name) in names(&absurd()) {
        assert_eq!(stage.log.told(&kind, &name), 0, "{kind} {name} can be read");
    }
    let longest = stage.log.lines().iter().map(String::len).max();
    assert!(longest.is_some_and(|length| length < 2_000), "{longest:?}");
    assert!(
        !stage
            .log
            .lines()
            .iter()
            .any(|line| line.contains('\u{1b}') || line.contains("panicked"))
    );
    let metrics = stage.metrics.render(&stage.health).expect("metrics");
    assert!(
        metrics.contains("kubemend_unreadable_objects{source=\"pods\"} 3"),
        "{metrics}"
    );
    assert_eq!(
        (stage.health.ready(), stage.health.alive()),
        (Ok(()), Ok(()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_cannot_be_read_stops_acts_until_it_can() {
    let stage = Stage::new();
    stage
        .until("ready", |stage| stage.health.ready().is_ok())
        .await;
    stage.server.put(config(&json!("Everything")));
    stage
        .until("told", |stage| {
            stage.log.told("HealingConfig", "cluster") == 1
        })
        .await;
    stage.break_web();
    let crashes = |stage: &Stage| {
        let pods = stage.server.list("Pod", "shop");
        pods.iter()
            .any(|pod| pod["status"]["containerStatuses"][0]["restartCount"].as_i64() >= Some(4))
    };
    stage.until("web crashes", crashes).await;
    let deletes = stage
        .server
        .writes()
        .iter()
        .filter(|one| &*one.client == "operator" && one.resource == "pods")
        .count();
    assert_eq!(deletes, 0, "nothing acts without a HealingConfig");
    stage.server.put(config(&json!("Enforce")));
    stage
        .until("web recovers", |stage| stage.phase() == "Recovered")
        .await;
    assert_eq!(stage.log.told("HealingConfig", "cluster"), 1);
}
