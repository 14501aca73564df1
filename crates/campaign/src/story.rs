//! Stories that end the same whatever happens to one write of the operator, whichever it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kubemend_sim::{FaultKind, Matcher, Request, Server, Side};
use serde_json::Value;
use tokio::time::sleep;

use crate::history::{Event, History, Policy, Workload};
use crate::judge::Violation;
use crate::manifests::JOBS;
use crate::play;
use crate::stage::Stage;
use crate::truth::{items, text};

/// A history with a known end, and what happens in it once a record says so.
pub struct Story {
    /// What it tells.
    pub name: &'static str,
    history: History,
    then: Option<(IsTime, Event)>,
}

/// Whether a record says that it is time.
type IsTime = fn(&Value) -> bool;

/// What happens to one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each says itself
pub enum Hit {
    CrashBefore,
    CrashAfter,
    LostReply,
}

impl Hit {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::CrashBefore, Self::CrashAfter, Self::LostReply];
}

/// How a story ended, without times and the names of pods.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// By record: how it ended, its attempts with their outcomes, and the steps that it skipped.
    pub records: BTreeMap<String, String>,
    /// By workload: its release and its replicas.
    pub workloads: BTreeMap<String, String>,
    /// What was done to which workload, and how often.
    pub acts: BTreeMap<String, usize>,
}

/// How one telling of a story went.
#[derive(Clone, Debug)]
pub struct Told {
    /// The first invariant that was broken.
    pub violation: Option<Violation>,
    /// How it ended.
    pub end: End,
    /// Writes that decide something: those of records, of marks, and acts.
    pub writes: u64,
    /// All writes of the operator, one line each.
    pub trace: Vec<String>,
}

/// The stories.
pub fn all() -> Vec<Story> {
    let rolled_back = |record: &Value| {
        items(record, "/status/attempts").any(|attempt| attempt["outcome"] == "NotRecovered")
    };
    let mut edited = one(
        "policy edited mid-episode",
        "healthy",
        &[1],
        "exit-after:2s,code:3",
    );
    edited.then = Some((rolled_back, Event::EditChain(0, 4)));
    let mut overlap = one(
        "overlapping policies",
        "healthy",
        &[0, 1, 2],
        "exit-after:2s,until-replaced",
    );
    overlap.history.policies[1].targets.clear();
    overlap.history.policies[2].namespace = "";
    vec![
        one(
            "restart cures",
            "healthy",
            &[0],
            "exit-after:2s,until-replaced",
        ),
        one(
            "restart, scale, rollback",
            "healthy",
            &[1],
            "exit-after:2s,code:3,spares-first",
        ),
        one(
            "relapse",
            "healthy",
            &[5],
            "exit-after:2s,until-replaced,second-after:40s",
        ),
        one(
            "jobs do not help, and a restart does",
            "healthy",
            &[JOBS],
            "exit-after:2s,until-replaced",
        ),
        overlap,
        contention(),
        edited,
    ]
}

/// One workload that releases a program, under policies with these chains.
fn one(name: &'static str, first: &'static str, chains: &[usize], then: &'static str) -> Story {
    let policies = chains
        .iter()
        .enumerate()
        .map(|(at, chain)| policy(at, &["app0"], *chain));
    Story {
        name,
        history: history(
            vec![workload(0, first)],
            policies.collect(),
            vec![Event::Release(0, then)],
        ),
        then: None,
    }
}

/// Twenty workloads that fail at once, under a budget for two.
fn contention() -> Story {
    let workloads: Vec<_> = (0..20)
        .map(|at| workload(at, "exit-after:2s,until-replaced"))
        .collect();
    let names: Vec<&str> = workloads.iter().map(|one| one.name.as_str()).collect();
    let policies = vec![policy(0, &names, 0)];
    Story {
        name: "budget contention of 20 workloads",
        history: history(workloads.clone(), policies, Vec::new()),
        then: None,
    }
}

fn workload(at: usize, program: &'static str) -> Workload {
    Workload {
        kind: "Deployment",
        namespace: "shop",
        name: format!("app{at}"),
        replicas: if program == "healthy" { 2 } else { 1 },
        program,
        guarded: false,
    }
}

fn policy(at: usize, targets: &[&str], chain: usize) -> Policy {
    Policy {
        namespace: "shop",
        name: format!("policy{at}"),
        targets: targets.iter().map(|name| (*name).to_owned()).collect(),
        chain,
        concurrent: 2,
        acts: 30,
    }
}

fn history(workloads: Vec<Workload>, policies: Vec<Policy>, events: Vec<Event>) -> History {
    History {
        seed: 1,
        request_lag: Duration::from_millis(20),
        watch_lag: Duration::from_millis(200),
        processes: 1,
        workloads,
        policies,
        events: events
            .into_iter()
            .map(|event| (Duration::from_secs(45), event))
            .collect(),
    }
}

impl Story {
    /// Tells it, with something that happens to the write of that number, if any does.
    pub fn tell(&self, hit: Option<(Hit, u64)>) -> Told {
        play::alone(async {
            let stage = play::set(&self.history);
            let strike = hit.map(|(hit, nth)| strike(&stage, hit, nth));
            let strike = strike.map(tokio::spawn);
            let then = self
                .then
                .clone()
                .map(|then| tokio::spawn(follow(stage.clone(), self.history.clone(), then)));
            play::run(&stage, &self.history).await;
            for task in strike.into_iter().chain(then) {
                task.abort();
            }
            told(&stage)
        })
    }
}

/// Lets it happen; a process that crashed has a successor.
fn strike(stage: &Arc<Stage>, hit: Hit, nth: u64) -> impl Future<Output = ()> + Send + use<> {
    let decides = |request: &Request| {
        let plural = request.resource.plural;
        request.client.starts_with(crate::process::PREFIX)
            && plural != "leases"
            && !(request.subresource == "status" && plural != "healingevents")
    };
    let writes = Matcher::writes().when(decides).nth(nth);
    let side = match hit {
        Hit::CrashBefore => Some(Side::Before),
        Hit::CrashAfter => Some(Side::After),
        Hit::LostReply => {
            stage.server.fault(writes.clone(), FaultKind::LostReply);
            None
        }
    };
    let crash = side.map(|side| stage.server.crash_on(writes, side));
    let stage = stage.clone();
    async move {
        if let Some(crash) = crash
            && crash.happened().await
        {
            stage.succeed(0).await;
        }
    }
}

/// Waits for a record that says so, and lets the event happen.
async fn follow(stage: Arc<Stage>, history: History, (says, event): (fn(&Value) -> bool, Event)) {
    while !stage
        .server
        .list("HealingEvent", "shop")
        .iter()
        .any(|record| says(record))
    {
        sleep(Duration::from_millis(100)).await;
    }
    crate::happen::happen(stage, Arc::new(history), event).await;
}

fn told(stage: &Stage) -> Told {
    Told {
        violation: stage.judge.violation(),
        end: end(stage),
        writes: stage.judge.counts().0,
        trace: play::writes(&stage.server),
    }
}

fn end(stage: &Stage) -> End {
    let server: &Server = &stage.server;
    let records = server.list("HealingEvent", "shop");
    let workloads = server.list("Deployment", "shop");
    End {
        records: records
            .iter()
            .map(|record| (text(record, "/metadata/name").to_owned(), summary(record)))
            .collect(),
        workloads: workloads
            .iter()
            .map(|one| {
                let program =
                    &one["spec"]["template"]["metadata"]["annotations"][kubemend_sim::toy::PROGRAM];
                let (program, replicas) = (
                    program.as_str().unwrap_or_default(),
                    &one["spec"]["replicas"],
                );
                (
                    text(one, "/metadata/name").to_owned(),
                    format!("{program} ×{replicas}"),
                )
            })
            .collect(),
        acts: stage.judge.acts(),
    }
}

/// What had no effect is no attempt: a crash may leave one behind.
fn summary(record: &Value) -> String {
    let attempts = items(record, "/status/attempts").filter(|one| one["outcome"] != "NotApplied");
    let attempts: Vec<_> = attempts
        .map(|one| format!("{} {}", text(one, "/step"), text(one, "/outcome")))
        .collect();
    let skips: Vec<_> = items(record, "/status/skips")
        .map(|one| format!("{} {}", text(one, "/step"), text(one, "/reason")))
        .collect();
    let at = |pointer| text(record, pointer);
    format!(
        "{} {} {}: {}; skipped: {}",
        at("/spec/policyRef"),
        at("/status/phase"),
        at("/status/reason"),
        attempts.join(", "),
        skips.join(", ")
    )
}
