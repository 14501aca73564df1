//! Story b: a bad release over a proven good one. Restarts do not help, no pod stays up for a
//! scale, the rollback cures. It ends the same, and each attempt acts once, with a crash before
//! and after every write, and with every reply lost.

use std::collections::BTreeSet;
use std::time::Duration;

use kubemend_engine::{Moment, Settings};
use kubemend_reconciler::{Clock, Health, Metrics, Parts};
use kubemend_sim::toy::{self, PROGRAM, Toy};
use kubemend_sim::{Entry, FaultKind, Matcher, Server, Side, Verb};
use kubemend_status::Fence;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const OPERATOR: &str = "operator";

/// The cluster and the process that heals it.
struct Stage {
    server: Server,
    _toy: Toy,
    process: JoinHandle<()>,
    metrics: Metrics,
    health: Health,
}

/// How it ended, without what may differ between runs: names of pods and times.
#[derive(Debug, PartialEq)]
struct End {
    program: String,
    phase: String,
    reason: String,
    attempts: Vec<(String, String)>,
    skips: Vec<(String, String)>,
}

impl Stage {
    /// A good release that has proven itself, under a policy.
    async fn new(seed: u64) -> Self {
        Self::with(kubemend_sim::Settings {
            seed,
            request_lag: Duration::from_millis(20),
            watch_lag: Duration::from_millis(200),
            ..kubemend_sim::Settings::default()
        })
        .await
    }

    async fn with(settings: kubemend_sim::Settings) -> Self {
        let server = Server::new(settings);
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
                "mode": "Enforce",
                "targets": {"names": [{"kind": "Deployment", "name": "web"}]},
                "rules": [{"name": "crash-loop", "when": {"crashLoop": {"restarts": 2}}, "steps": steps()}],
            },
        }));
        server.put(toy::deployment("shop", "web", 2, "healthy"));
        let (metrics, health) = (Metrics::default(), Health::default());
        let process = start(&server, &metrics, &health);
        let mut stage = Self {
            server,
            _toy: toy,
            process,
            metrics,
            health,
        };
        stage
            .until("the good release is proven", 120, Stage::is_proven)
            .await;
        stage
    }

    /// The process is gone; another one takes its place a moment later.
    async fn succeed(&mut self) {
        self.process.abort();
        sleep(Duration::from_secs(1)).await;
        self.process = start(&self.server, &self.metrics, &self.health);
    }

    async fn until(&mut self, what: &str, seconds: u64, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while !done(self) {
            assert!(
                Instant::now() < deadline,
                "not in time: {what}\n{}",
                self.show()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn is_proven(&self) -> bool {
        let sets = self.server.list("ReplicaSet", "shop");
        sets.iter()
            .any(|set| set["metadata"]["annotations"]["kubemend.io/healthy"].is_string())
    }

    fn is_over(&self) -> bool {
        self.records()
            .first()
            .is_some_and(|one| one["status"]["endedAt"].is_string())
    }

    fn release_the_bad_one(&self) {
        toy::release(&self.server, "shop", "web", "exit-after:2s,code:3").expect("the deployment");
    }

    fn records(&self) -> Vec<std::sync::Arc<Value>> {
        self.server.list("HealingEvent", "shop")
    }

    fn end(&self) -> End {
        let records = self.records();
        assert_eq!(records.len(), 1, "one failure, one record\n{}", self.show());
        let status = &records[0]["status"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pairs = |list: &str, one: &str, other: &str| {
            let all = status[list].as_array().cloned().unwrap_or_default();
            all.iter()
                .map(|entry| (text(&entry[one]), text(&entry[other])))
                .collect::<Vec<_>>()
        };
        let mut attempts = pairs("attempts", "step", "outcome");
        // What had no effect is no attempt: a crash may leave one behind.
        attempts.retain(|(_, outcome)| outcome != "NotApplied");
        let web = self
            .server
            .get("Deployment", "shop", "web")
            .expect("the deployment");
        End {
            program: text(&web["spec"]["template"]["metadata"]["annotations"][PROGRAM]),
            phase: text(&status["phase"]),
            reason: text(&status["reason"]),
            attempts,
            skips: pairs("skips", "step", "reason"),
        }
    }

    /// Nothing was done twice, and nothing was done that no record announced.
    fn check_acts(&self) {
        let writes = self.server.writes();
        let acts: Vec<&Entry> = writes
            .iter()
            .filter(|one| &*one.client == OPERATOR && is_act(one))
            .collect();
        let pods: Vec<_> = acts
            .iter()
            .filter(|one| one.resource == "pods")
            .map(|one| &one.name)
            .collect();
        assert_eq!(
            pods.len(),
            pods.iter().collect::<BTreeSet<_>>().len(),
            "{}",
            self.show()
        );
        assert_eq!(
            acts.len() - pods.len(),
            1,
            "one rollback, no scale\n{}",
            self.show()
        );
        let records = self.records();
        let attempts = records[0]["status"]["attempts"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let announced: BTreeSet<&str> = attempts
            .iter()
            .flat_map(|one| one["requests"].as_array().into_iter().flatten())
            .filter_map(|request| request["name"].as_str())
            .collect();
        assert!(
            pods.iter().all(|pod| announced.contains(pod.as_str())),
            "{}",
            self.show()
        );
    }

    fn show(&self) -> String {
        let trace = self.server.trace();
        let writes = trace.iter().filter(|one| one.verb.writes());
        let lines: Vec<_> = writes.map(ToString::to_string).collect();
        let records = json!(
            self.records()
                .iter()
                .map(|one| &one["status"])
                .collect::<Vec<_>>()
        );
        format!("{}\n{records:#}", lines.join("\n"))
    }
}

fn steps() -> Value {
    let verify = json!({"timeout": "2m", "stableFor": "15s", "relapseWindow": "2m"});
    json!([
        {"name": "restart", "action": {"restartPod": {}}, "verify": verify,
            "attempts": {"max": 2, "backoff": {"initial": "5s", "factor": 1}}},
        {"name": "scale", "action": {"scale": {"by": 1, "max": 10}}, "verify": verify},
        {"name": "rollback", "action": {"rollback": {"to": "LastHealthy", "provenFor": "20s"}},
            "onlyIf": {"releasedWithin": "24h"}, "verify": verify},
    ])
}

fn is_act(entry: &Entry) -> bool {
    matches!(entry.resource, "pods" | "deployments")
}

/// A new process that holds the lease from its start to its end.
fn start(server: &Server, metrics: &Metrics, health: &Health) -> JoinHandle<()> {
    let (lease, fence) = Fence::new();
    lease.send_replace(Some(Instant::now() + Duration::from_secs(100_000)));
    let parts = Parts {
        watch: server.client_as(OPERATOR),
        act: server.client_as(OPERATOR),
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

/// Statuses of policies decide nothing.
fn is_policy_status(plural: &str) -> bool {
    matches!(plural, "healingpolicies" | "healingconfigs")
}

/// Every write of the operator that decides something.
fn writes() -> Matcher {
    Matcher::writes()
        .client(OPERATOR)
        .when(|request| !is_policy_status(request.resource.plural))
}

fn healed() -> End {
    let owned = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
            .collect()
    };
    End {
        program: "healthy".to_owned(),
        phase: "Recovered".to_owned(),
        reason: "WindowPassed".to_owned(),
        attempts: owned(&[
            ("restart", "NotRecovered"),
            ("restart", "NotRecovered"),
            ("rollback", "Recovered"),
        ]),
        skips: owned(&[("scale", "CannotHelp")]),
    }
}

#[tokio::test(start_paused = true)]
async fn the_rollback_cures_and_the_record_says_why() {
    let mut stage = Stage::new(1).await;
    stage.release_the_bad_one();
    stage.until("healed", 900, Stage::is_over).await;
    assert_eq!(stage.end(), healed(), "{}", stage.show());
    stage.check_acts();
    assert_eq!(stage.health.ready(), Ok(()));
    let policy = stage
        .server
        .get("HealingPolicy", "shop", "web")
        .expect("the policy");
    assert_eq!(policy["status"]["effectiveMode"], "Enforce", "{policy:#}");
    let text = stage.metrics.render(&stage.health).expect("metrics");
    for line in [
        "self_healing_recovery_actions_total{action_type=\"restart_pod\",success=\"false\"} 2",
        "self_healing_recovery_actions_total{action_type=\"rollback_deployment\",success=\"true\"} 1",
        "self_healing_failure_detection_duration_seconds_count 1",
        "self_healing_recovery_duration_seconds_count{action_type=\"rollback_deployment\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_writes() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        // Without lag: requests of one instant may swap, as tokio's wake order is not ours to seed,
        // and would swap the chance that lags are drawn from.
        let mut stage = Stage::with(kubemend_sim::Settings {
            seed: 7,
            ..kubemend_sim::Settings::default()
        })
        .await;
        stage.release_the_bad_one();
        stage.until("healed", 900, Stage::is_over).await;
        let writes = stage.server.writes();
        let line = |one: &Entry| {
            one.to_string()
                .trim_start()
                .split_once(' ')
                .map(|(_, rest)| rest.to_owned())
        };
        runs.push(writes.iter().map(line).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(start_paused = true)]
async fn it_ends_the_same_with_every_reply_lost() {
    for fault in [
        FaultKind::LostReply,
        FaultKind::ReplyAfterApply504,
        FaultKind::GarbageBody,
    ] {
        let mut stage = Stage::new(2).await;
        stage.server.fault(writes(), fault.clone());
        stage.release_the_bad_one();
        stage.until("healed", 900, Stage::is_over).await;
        assert_eq!(stage.end(), healed(), "{fault:?}\n{}", stage.show());
        stage.check_acts();
    }
}

/// A crash at every write of the run, one at a time.
async fn crash_everywhere(side: Side) {
    let mut stage = Stage::new(3).await;
    stage.server.clear_trace();
    stage.release_the_bad_one();
    stage.until("healed", 900, Stage::is_over).await;
    let decides = |one: &&Entry| &*one.client == OPERATOR && !is_policy_status(one.resource);
    let count = stage.server.writes().iter().filter(decides).count();
    assert!(count > 10, "{count}");
    for nth in 1..=u64::try_from(count).expect("a small number") {
        let mut stage = Stage::new(3).await;
        let crash = stage.server.crash_on(writes().nth(nth), side);
        stage.release_the_bad_one();
        assert!(crash.happened().await, "write {nth} of {count} never came");
        stage.succeed().await;
        stage.until("healed", 1_200, Stage::is_over).await;
        assert_eq!(
            stage.end(),
            healed(),
            "crash {side:?} write {nth}\n{}",
            stage.show()
        );
        stage.check_acts();
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_the_same_with_a_crash_before_every_write() {
    crash_everywhere(Side::Before).await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_the_same_with_a_crash_after_every_write() {
    crash_everywhere(Side::After).await;
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_cannot_be_read_stops_no_other_watch() {
    let mut stage = Stage::new(4).await;
    let forbidden = Matcher::any()
        .client(OPERATOR)
        .resource("poddisruptionbudgets");
    stage.server.fault(
        forbidden.clone().verb(Verb::List),
        FaultKind::status(403, "Forbidden"),
    );
    stage.server.fault(
        forbidden.verb(Verb::Watch),
        FaultKind::status(403, "Forbidden"),
    );
    stage.succeed().await;
    stage.release_the_bad_one();
    sleep(Duration::from_mins(2)).await;
    let acts = stage.server.writes();
    assert!(
        !acts
            .iter()
            .any(|one| &*one.client == OPERATOR && is_act(one)),
        "blind for budgets: no act"
    );
    stage.server.clear_faults();
    stage.until("healed", 900, Stage::is_over).await;
    assert_eq!(stage.end(), healed(), "{}", stage.show());
}
