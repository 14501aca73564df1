//! The Lease under faults: whatever the network does, two processes never act at the same time.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kubemend_engine::Moment;
use kubemend_operator::lease::{Elector, STATE, Times};
use kubemend_reconciler::Clock;
use kubemend_sim::{FaultKind, Matcher, Server, Settings, Verb};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

struct Candidate {
    fence: watch::Receiver<Option<Instant>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Candidate {
    fn start(server: &Server, name: &str) -> Self {
        let api: Api<Lease> = Api::namespaced(server.client_as(name), "kubemend-system");
        let (sender, fence) = watch::channel(None);
        let (stop, stopped) = oneshot::channel::<()>();
        let times = Times::of(Duration::from_secs(15));
        let clock = Clock::starting_at(Moment::from_millis(server.now().as_millisecond()));
        let state = || "Ready".to_owned();
        let elector = Elector::new(api, ("kubemend", name), times, clock, state, sender);
        let task = tokio::spawn(elector.run(async {
            let _ = stopped.await;
        }));
        Self { fence, stop, task }
    }

    /// What a permit asks right before a request is sent.
    fn acts(&self) -> bool {
        self.fence
            .borrow()
            .is_some_and(|until| Instant::now() < until)
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

fn server(seed: u64, lag: u64) -> Server {
    Server::new(Settings {
        seed,
        request_lag: Duration::from_millis(lag),
        ..Settings::default()
    })
}

fn lease(server: &Server) -> serde_json::Value {
    (*server.get("Lease", "kubemend-system", "kubemend").unwrap()).clone()
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_acts_and_the_second_waits() {
    let server = server(1, 0);
    let a = Candidate::start(&server, "a");
    seconds(1).await;
    let b = Candidate::start(&server, "b");
    seconds(60).await;
    assert!(a.acts() && !b.acts());
    let lease = lease(&server);
    assert_eq!(lease["spec"]["holderIdentity"], "a");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 15);
    assert_eq!(lease["metadata"]["annotations"][STATE], "Ready");
}

#[tokio::test(start_paused = true)]
async fn a_graceful_end_hands_over_at_once() {
    let server = server(1, 0);
    let a = Candidate::start(&server, "a");
    seconds(1).await;
    let b = Candidate::start(&server, "b");
    seconds(5).await;
    a.stop().await;
    assert_eq!(lease(&server)["spec"]["holderIdentity"], "");
    seconds(3).await;
    assert!(b.acts());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_before_another_may_start() {
    let server = server(1, 0);
    let a = Candidate::start(&server, "a");
    seconds(1).await;
    let b = Candidate::start(&server, "b");
    seconds(20).await;
    server.fault(Matcher::any().client("a"), FaultKind::Hang);
    let cut = Instant::now();
    while a.acts() {
        sleep(Duration::from_millis(50)).await;
    }
    let (stopped, told) = (cut.elapsed(), *a.fence.borrow());
    assert!(stopped <= Duration::from_secs(10), "acted for {stopped:?}");
    while !b.acts() {
        sleep(Duration::from_millis(50)).await;
    }
    let started = cut.elapsed();
    assert!(
        started >= Duration::from_secs(13),
        "started after {started:?}"
    );
    assert!(
        started <= Duration::from_secs(20),
        "started after {started:?}"
    );
    assert!(told.is_none() || told <= Some(Instant::now()));
    // Back again, it finds the other one there.
    server.clear_faults();
    seconds(30).await;
    assert!(b.acts() && !a.acts());
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_finds_its_permit_expired() {
    // The fence's last word is a deadline: a process that is stopped and goes on much later reads
    // it before anything else of its has run.
    let server = server(1, 0);
    let a = Candidate::start(&server, "a");
    seconds(5).await;
    assert!(a.acts());
    a.task.abort();
    seconds(11).await;
    assert!(a.fence.borrow().is_some() && !a.acts());
}

#[tokio::test(start_paused = true)]
async fn of_two_that_write_at_once_one_loses() {
    let server = server(1, 0);
    // Both read before either writes, and both find no Lease.
    server.fault(
        Matcher::any().verb(Verb::Get).first(2),
        FaultKind::DelayReply(Duration::from_secs(1)),
    );
    let (a, b) = (
        Candidate::start(&server, "a"),
        Candidate::start(&server, "b"),
    );
    seconds(4).await;
    assert!(a.acts() != b.acts());
    let refused = server
        .trace()
        .iter()
        .filter(|entry| entry.code == Some(409))
        .count();
    assert_eq!(refused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_deleted_by_hand_comes_back_with_its_holder() {
    let server = server(1, 0);
    let a = Candidate::start(&server, "a");
    seconds(1).await;
    let b = Candidate::start(&server, "b");
    seconds(10).await;
    for _ in 0..20 {
        server.delete("Lease", "kubemend-system", "kubemend");
        sleep(Duration::from_millis(3_300)).await;
        assert!(a.acts() && !b.acts());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_no_lost_lease() {
    let server = server(1, 0);
    let a = Candidate::start(&server, "a");
    seconds(3).await;
    server.fault(Matcher::writes().first(1), FaultKind::LostReply);
    for _ in 0..40 {
        sleep(Duration::from_millis(250)).await;
        assert!(a.acts());
    }
}

#[tokio::test(start_paused = true)]
async fn never_two_whatever_the_network_does() {
    let mut terms = 0;
    for seed in 1..=8 {
        terms += hours_of_trouble(seed).await;
    }
    assert!(
        terms > 60,
        "only {terms} terms: too little happened to prove anything"
    );
}

/// One virtual hour with three candidates, slow and lossy; returns how often the holder changed.
async fn hours_of_trouble(seed: u64) -> usize {
    let server = server(seed, 800);
    server.fault(Matcher::any().chance(50), FaultKind::LostReply);
    server.fault(Matcher::any().chance(50), FaultKind::DropBefore);
    server.fault(
        Matcher::any().chance(50),
        FaultKind::Delay(Duration::from_secs(12)),
    );
    let candidates = ["a", "b", "c"].map(|name| Candidate::start(&server, name));
    let (mut terms, mut last) = (0, None);
    for tick in 0_u64..36_000 {
        sleep(Duration::from_millis(100)).await;
        let acting: Vec<usize> = (0..3).filter(|&i| candidates[i].acts()).collect();
        assert!(
            acting.len() <= 1,
            "seed {seed}, after {} ms: {acting:?} act",
            tick * 100
        );
        if let Some(&holder) = acting.first()
            && last != Some(holder)
        {
            (terms, last) = (terms + 1, Some(holder));
        }
        // Every half minute one of them is cut off for half a minute.
        if tick % 600 == 0 {
            let name = ["a", "b", "c"][usize::try_from((tick / 600 + seed) % 3).unwrap()];
            let cut = server.fault(Matcher::any().client(name), FaultKind::Hang);
            let server = server.clone();
            tokio::spawn(async move {
                seconds(30).await;
                server.clear_fault(cut);
            });
        }
    }
    for candidate in candidates {
        candidate.task.abort();
    }
    terms
}
