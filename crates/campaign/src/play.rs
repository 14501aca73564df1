//! Plays one history to its end.

use std::sync::Arc;
use std::time::Duration;

use kubemend_sim::{Matcher, Server, Settings, hash};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::draw::draw;
use crate::ending;
use crate::happen::happen;
use crate::history::History;
use crate::judge::Violation;
use crate::manifests;
use crate::process::PREFIX;
use crate::stage::Stage;

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The first invariant that was broken.
    pub violation: Option<Violation>,
    /// Writes of the operator, acts among them, and episodes.
    pub counts: (u64, u64, u64),
    /// How much virtual time passed.
    pub lasted: Duration,
    /// The writes of everybody, one line each; only of runs that went wrong.
    pub trace: Vec<String>,
    /// Tells runs apart that went differently.
    pub digest: u64,
}

/// The run of a seed.
pub fn seed(seed: u64) -> Outcome {
    play(&draw(seed))
}

/// The history of a seed.
pub fn history(seed: u64) -> History {
    draw(seed)
}

/// Plays a history.
pub fn play(history: &History) -> Outcome {
    alone(async {
        let stage = set(history);
        run(&stage, history).await;
        outcome(&stage)
    })
}

/// A runtime of its own, in virtual time.
pub(crate) fn alone<T>(run: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime needs no more than a clock");
    runtime.block_on(run)
}

/// Plays a history on its stage, to the rest after its end.
pub(crate) async fn run(stage: &Arc<Stage>, history: &History) {
    let history = Arc::new(history.clone());
    let began = Instant::now();
    for at in 0..history.processes {
        stage.start(at);
    }
    let mut events = JoinSet::new();
    for (at, event) in history.events.iter().cloned() {
        let (stage, history) = (stage.clone(), history.clone());
        events.spawn(async move {
            sleep_until(began + at).await;
            happen(stage, history, event).await;
        });
    }
    while stage.server.elapsed() < history.calm() && stage.judge.violation().is_none() {
        sleep(Duration::from_secs(1)).await;
    }
    stage.server.clear_faults();
    stage.server.mend_watches(&Matcher::any());
    if stage.judge.violation().is_none() {
        while events.join_next().await.is_some() {}
        if let Err(broken) = ending::at_rest(stage).await {
            stage.judge.accuse(broken);
        }
    }
}

/// The cluster before its first minute.
pub(crate) fn set(history: &History) -> Arc<Stage> {
    let stage = Stage::new(Settings {
        seed: history.seed,
        request_lag: history.request_lag,
        watch_lag: history.watch_lag,
        ..Settings::default()
    });
    for one in &history.workloads {
        stage.server.put(manifests::workload(one));
        if one.guarded {
            stage.server.put(manifests::disruption_budget(one));
        }
    }
    for one in &history.policies {
        stage.server.put(manifests::policy(one));
    }
    for object in manifests::bystanders() {
        stage.server.put(object);
    }
    Arc::new(stage)
}

/// The operator's writes, one line each; leases are left out.
pub(crate) fn writes(server: &Server) -> Vec<String> {
    let trace = server.trace();
    let writes = trace
        .iter()
        .filter(|one| one.verb.writes() && one.resource != "leases");
    let ours = writes.filter(|one| one.client.starts_with(PREFIX));
    ours.map(ToString::to_string).collect()
}

fn outcome(stage: &Stage) -> Outcome {
    let violation = stage.judge.violation();
    let lines = writes(&stage.server);
    Outcome {
        counts: stage.judge.counts(),
        lasted: stage.server.elapsed(),
        digest: hash(&lines.join("\n")),
        trace: if violation.is_some() {
            lines
        } else {
            Vec::new()
        },
        violation,
    }
}
