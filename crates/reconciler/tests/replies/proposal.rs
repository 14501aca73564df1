//! What is read for a proposal, and what becomes of the record where it cannot be.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::support::Bench;
use kubemend_engine::episode::{Phase, Verb};
use kubemend_engine::proposal::Proposal;
use kubemend_engine::{Effect, Episode};
use kubemend_sim::{FaultKind, Matcher, Verb as Http};
use serde_json::{Value, json};

/// The record with a rollback that is for somebody else, held.
fn proposing(bench: &Bench) -> Episode {
    let mut episode = bench.record();
    let rollback = bench.intent(Verb::Rollback);
    let request = &rollback.state.attempts[0].requests[0];
    episode.state.phase = Phase::Held;
    episode.state.proposal = Some(Proposal {
        step: "rollback".into(),
        revision: request.name.clone(),
        uid: request.uid.clone(),
        from: request.from.clone().unwrap(),
        to: request.to.clone().unwrap(),
        patch: None,
        left_out: Vec::new(),
    });
    episode
}

async fn written(bench: &Bench, episode: Episode) -> Proposal {
    let before = bench.record().state;
    let outcome = bench.run(Effect::Write(episode.into()), before).await;
    assert_eq!(outcome.state.phase, Phase::Held, "the record is written");
    outcome.state.proposal.expect("the proposal")
}

#[tokio::test(start_paused = true)]
async fn the_difference_is_read_with_the_record() {
    let bench = Bench::new();
    let proposal = written(&bench, proposing(&bench)).await;
    let patch: Value = serde_json::from_str(&proposal.patch.expect("a patch")).unwrap();
    let container = json!({"name": "app", "image": "web:1"});
    assert_eq!(
        patch,
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    );
    assert!(proposal.left_out.is_empty());
    assert_eq!(bench.server.writes().len(), 1, "the record alone");
    // What was read once is kept.
    bench.server.clear_trace();
    written(&bench, bench.record()).await;
    let read = |plural: &str| {
        bench
            .server
            .trace()
            .iter()
            .filter(|one| one.resource == plural)
            .count()
    };
    assert_eq!(read("replicasets"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_stops_no_record() {
    for fault in [
        FaultKind::status(403, "Forbidden"),
        FaultKind::status(404, "NotFound"),
        FaultKind::status(500, "InternalError"),
        FaultKind::Hang,
        FaultKind::GarbageBody,
        FaultKind::DelayReply(Duration::from_secs(15)),
    ] {
        for plural in ["replicasets", "deployments"] {
            let bench = Bench::new();
            let read = Matcher::any().verb(Http::Get).resource(plural);
            bench.server.fault(read, fault.clone());
            let proposal = written(&bench, proposing(&bench)).await;
            assert_eq!(proposal.patch, None, "{plural} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn templates_that_are_not_the_judged_ones_are_not_compared() {
    let bench = Bench::new();
    let mut episode = proposing(&bench);
    if let Some(proposal) = &mut episode.state.proposal {
        proposal.from = "another".into();
    }
    assert_eq!(written(&bench, episode).await.patch, None);
    let bench = Bench::new();
    let mut episode = proposing(&bench);
    if let Some(proposal) = &mut episode.state.proposal {
        proposal.uid = "another".into();
    }
    assert_eq!(written(&bench, episode).await.patch, None);
}
