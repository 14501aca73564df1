//! Whichever view stands still: within 30 s the operator says that it is blind, it does not act, and
//! it goes on by itself once it sees again.

use std::time::Duration;

use kubemend_engine::Source;
use tokio::time::sleep;

use crate::happen;
use crate::history::{History, Policy, Workload};
use crate::play;
use crate::stage::Stage;

fn history() -> History {
    History {
        seed: 1,
        request_lag: Duration::from_millis(20),
        watch_lag: Duration::from_millis(200),
        processes: 1,
        workloads: vec![Workload {
            kind: "Deployment",
            namespace: "shop",
            name: "app0".to_owned(),
            replicas: 2,
            program: "healthy",
            guarded: false,
        }],
        policies: vec![Policy {
            namespace: "shop",
            name: "policy0".to_owned(),
            targets: vec!["app0".to_owned()],
            chain: 0,
            concurrent: 2,
            acts: 30,
        }],
        events: Vec::new(),
    }
}

async fn until(what: &str, seconds: u64, done: impl Fn() -> bool) {
    for _ in 0..seconds * 10 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("not within {seconds} s: {what}");
}

fn acts(stage: &Stage) -> u64 {
    stage.judge.counts().1
}

async fn freeze_and_thaw(source: Source) {
    let history = history();
    let stage = play::set(&history);
    stage.start(0);
    until("it leads and sees", 60, || stage.blind().is_empty()).await;
    // Past the lease's first term.
    sleep(Duration::from_secs(20)).await;
    let plural = source.plural();
    let frozen = happen::silence(&stage, plural);
    until("it says that it is blind", 30, || !stage.blind().is_empty()).await;
    assert!(
        stage.blind()[0].contains(plural),
        "{:?} names {plural}",
        stage.blind()
    );
    happen::release(
        &stage.server,
        &history.workloads[0],
        "exit-after:2s,until-replaced",
    );
    sleep(Duration::from_mins(2)).await;
    assert_eq!(acts(&stage), 0, "no act while {plural} cannot be seen");
    happen::hear(&stage, plural, frozen);
    until("it sees again", 60, || stage.blind().is_empty()).await;
    until("it acts again", 400, || acts(&stage) > 0).await;
    assert_eq!(stage.judge.violation(), None);
}

#[test]
fn each_view_that_freezes_is_told_and_stops_all_acts_until_it_is_back() {
    // Without hints nothing stops, and this cluster does not know Rollouts: of those there is nothing to freeze.
    let freezes = |one: &Source| !one.is_hint() && *one != Source::Rollouts;
    for source in Source::ALL.into_iter().filter(freezes) {
        play::alone(freeze_and_thaw(source));
    }
}
