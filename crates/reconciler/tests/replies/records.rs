//! Every answer that the API server can give to a record's write, and none. Whatever happens, nothing
//! acts without its intent in the record, and nothing acts twice.

use std::time::Duration;

use crate::support::{Bench, RECORD, VERBS, act, record_write, rehearse, request, unclear};
use kubemend_engine::Effect;
use kubemend_engine::episode::{Done, Outcome as Judged, Phase, UndoState, Verb};
use kubemend_sim::{FaultKind, Matcher, Verb as Http};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn without_faults_each_verb_acts_once_and_its_record_says_so() {
    for verb in VERBS {
        let bench = Bench::new();
        let outcome = bench.act(verb).await;
        assert_eq!(outcome.first(), (Some(Done::Applied), None), "{verb:?}");
        assert_eq!(outcome.state.phase, Phase::Verifying);
        assert_eq!(bench.acts(verb), 1);
        assert!(outcome.reply.record.is_some() && outcome.reply.retry_at.is_none());
        assert_eq!(outcome.reply.awaits.len(), 1, "{verb:?}");
        let writes: Vec<_> = bench
            .server
            .writes()
            .iter()
            .map(|one| one.resource)
            .collect();
        assert_eq!(
            writes.len(),
            3,
            "the intent, the act, the result: {writes:?}"
        );
        assert_eq!((writes[0], writes[2]), ("healingevents", "healingevents"));
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_is_read_between_the_intent_and_the_act() {
    let bench = Bench::new();
    bench.server.put(json!({
        "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": "BackOff", "message": "again",
        "metadata": {"namespace": "shop", "name": "e"},
        "involvedObject": {"uid": bench.uid("Pod", "web-def-1")},
    }));
    let outcome = bench.act(Verb::Delete).await;
    let said: Vec<_> = outcome
        .state
        .evidence
        .iter()
        .map(|one| (one.exit_code, one.message.as_deref()))
        .collect();
    assert_eq!(
        said,
        [(Some(3), Some("no database")), (None, Some("again"))]
    );
    // Evidence that cannot be read stops nothing.
    let bench = Bench::new();
    bench.server.fault(
        Matcher::any().verb(Http::Get).resource("pods"),
        FaultKind::Hang,
    );
    let outcome = bench.act(Verb::Delete).await;
    assert_eq!(outcome.first().0, Some(Done::Applied));
    assert!(outcome.state.evidence.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_is_refused_is_not_executed() {
    for (code, reason) in [
        (422, "Invalid"),
        (403, "Forbidden"),
        (401, "Unauthorized"),
        (400, "BadRequest"),
        (429, "TooManyRequests"),
    ] {
        for verb in VERBS {
            let bench = Bench::new();
            bench.server.fault(
                record_write(),
                FaultKind::Status(code, reason.to_owned(), None),
            );
            let outcome = bench.act(verb).await;
            assert_eq!(
                (bench.acts(verb), outcome.attempt),
                (0, None),
                "{code} {verb:?}"
            );
            assert!(
                outcome.reply.retry_at > Some(bench.clock.now()),
                "{code} {verb:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_whose_record_is_gone_is_not_executed() {
    let bench = Bench::new();
    let episode = bench.intent(Verb::Delete);
    let before = bench.record().state;
    bench.server.delete("HealingEvent", "shop", RECORD);
    let outcome = bench.run(act(episode), before).await;
    assert_eq!(bench.acts(Verb::Delete), 0);
    assert!(outcome.reply.record.is_none() && outcome.reply.retry_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_unclear_answer_to_an_intent_or_a_result_is_settled_by_reading() {
    for fault in unclear() {
        for (nth, verb) in [
            (1, Verb::Delete),
            (1, Verb::Scale),
            (2, Verb::Delete),
            (2, Verb::Rollback),
        ] {
            let bench = Bench::new();
            bench.server.fault(record_write().nth(nth), fault.clone());
            let outcome = bench.act(verb).await;
            let what = format!("{fault:?} {nth} {verb:?}");
            assert_eq!(outcome.first(), (Some(Done::Applied), None), "{what}");
            assert_eq!(bench.acts(verb), 1, "{what}");
            assert_eq!(outcome.state.attempts.len(), 1, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_arrives_late_meets_its_repetition() {
    let bench = Bench::new();
    bench.server.fault(
        record_write().nth(1),
        FaultKind::Delay(Duration::from_secs(12)),
    );
    let outcome = bench.act(Verb::Delete).await;
    assert_eq!(outcome.first().0, Some(Done::Applied));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(bench.record().state, outcome.state);
    assert_eq!(bench.acts(Verb::Delete), 1);
}

#[tokio::test(start_paused = true)]
async fn an_annotation_is_no_conflict_and_another_status_is() {
    let bench = Bench::new();
    let episode = bench.intent(Verb::Delete);
    let before = bench.record().state;
    bench.server.update("HealingEvent", "shop", RECORD, |one| {
        one["metadata"]["annotations"] = json!({"note": "seen"});
    });
    let outcome = bench.run(act(episode), before.clone()).await;
    assert_eq!(outcome.first().0, Some(Done::Applied));

    let bench = Bench::new();
    let episode = bench.intent(Verb::Delete);
    bench.server.update("HealingEvent", "shop", RECORD, |one| {
        one["status"] = json!({"phase": "Exhausted"});
    });
    let outcome = bench.run(act(episode), before).await;
    assert_eq!(
        (bench.acts(Verb::Delete), outcome.state.phase),
        (0, Phase::Exhausted)
    );
    let Some(record) = outcome.reply.record else {
        panic!("the fresh copy comes along")
    };
    assert!(format!("{record:?}").contains("Exhausted"));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_never_answers_is_not_acted_on() {
    let bench = Bench::new();
    bench
        .server
        .fault(Matcher::any().resource("healingevents"), FaultKind::Hang);
    let outcome = bench.act(Verb::Delete).await;
    assert_eq!(bench.acts(Verb::Delete), 0);
    assert!(outcome.reply.retry_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_written_leaves_the_intent_to_be_settled() {
    let bench = Bench::new();
    bench.server.fault(
        record_write().from_nth(2),
        FaultKind::status(403, "Forbidden"),
    );
    let outcome = bench.act(Verb::Delete).await;
    assert_eq!(bench.acts(Verb::Delete), 1);
    assert_eq!(outcome.first(), (None, None));
    assert!(outcome.reply.record.is_some() && outcome.reply.retry_at.is_some());
    assert_eq!(outcome.reply.awaits.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_without_the_lease_or_after_the_intent_has_expired() {
    let bench = Bench::new();
    let lease = bench.lease.clone();
    // The lease is lost in the instant in which the intent was recorded.
    bench.server.on_write(move |_, _| {
        lease.send_replace(None);
    });
    let outcome = bench.act(Verb::Delete).await;
    assert_eq!(bench.acts(Verb::Delete), 0);
    assert_eq!(outcome.first(), (None, None));
    assert!(outcome.reply.record.is_some() && outcome.reply.retry_at.is_some());

    let bench = Bench::new();
    bench.server.fault(
        record_write().nth(1),
        FaultKind::DelayReply(Duration::from_secs(40)),
    );
    bench.server.fault(
        Matcher::any().verb(Http::Get).resource("healingevents"),
        FaultKind::DelayReply(Duration::from_secs(9)),
    );
    let mut episode = bench.intent(Verb::Delete);
    episode.state.attempts[0].not_after = bench.clock.now().plus(10_000);
    let outcome = bench.run(act(episode), bench.record().state).await;
    assert_eq!(
        outcome.first(),
        (Some(Done::NotApplied), Some("IntentExpired"))
    );
    assert_eq!(bench.acts(Verb::Delete), 0);
}

#[tokio::test(start_paused = true)]
async fn creating_a_record_twice_finds_the_first() {
    for fault in unclear() {
        let bench = Bench::new();
        let mut episode = bench.record();
        (episode.uid, episode.version) = ("".into(), "".into());
        episode.id.name = "web-4f7d1c-2".into();
        let create = Matcher::any().verb(Http::Create).resource("healingevents");
        bench.server.fault(create.nth(1), fault.clone());
        for _ in 0..2 {
            bench
                .run(
                    Effect::Open(episode.clone().into(), Vec::new()),
                    kubemend_engine::episode::State::default(),
                )
                .await;
        }
        let created = bench
            .server
            .writes()
            .iter()
            .filter(|one| one.verb == Http::Create)
            .count();
        assert_eq!(created, 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_another_actor_opened_is_read_and_judged_again() {
    let bench = Bench::new();
    let mut episode = bench.record();
    (episode.uid, episode.version) = ("".into(), "".into());
    episode.spec.rule = "another".to_owned();
    let outcome = bench
        .run(
            Effect::Open(episode.into(), Vec::new()),
            kubemend_engine::episode::State::default(),
        )
        .await;
    let record = format!("{:?}", outcome.reply.record);
    assert!(
        record.contains("crash-loop") && outcome.reply.retry_at.is_none(),
        "{record}"
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_judged_record_is_pruned() {
    let bench = Bench::new();
    let episode = bench.record();
    bench.server.update("HealingEvent", "shop", RECORD, |one| {
        one["status"] = json!({"phase": "Held"});
    });
    let outcome = bench
        .run(Effect::Prune(episode.into()), bench.record().state)
        .await;
    assert!(
        outcome.reply.record.is_some(),
        "it was changed: judge again"
    );
    let outcome = bench
        .run(Effect::Prune(bench.record().into()), bench.record().state)
        .await;
    assert!(outcome.reply.record.is_none() && outcome.reply.retry_at.is_some());
    assert!(bench.server.get("HealingEvent", "shop", RECORD).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_touches_nothing_and_is_recorded() {
    for verb in VERBS {
        let bench = Bench::new();
        let mut episode = bench.intent(verb);
        episode.state.attempts[0].outcome = Some(Judged::WouldAct);
        let outcome = bench.run(rehearse(episode), bench.record().state).await;
        assert_eq!(outcome.first(), (None, Some("DryRun ok")), "{verb:?}");
        assert_eq!(bench.acts(verb), 0);
    }
    let bench = Bench::new();
    bench
        .server
        .fault(request(Verb::Scale), FaultKind::status(403, "Forbidden"));
    let episode = bench.intent(Verb::Scale);
    let outcome = bench.run(rehearse(episode), bench.record().state).await;
    assert_eq!(outcome.first(), (None, Some("Forbidden")));
}

#[tokio::test(start_paused = true)]
async fn an_undo_is_recorded_and_puts_the_replicas_back() {
    for fault in unclear() {
        let bench = Bench::new();
        bench.act(Verb::Scale).await;
        bench
            .server
            .fault(request(Verb::Scale).nth(1), fault.clone());
        let mut episode = bench.record();
        let now = bench.clock.now();
        episode.state.undo = Some(UndoState {
            due_at: now,
            from: 2,
            to: 3,
            intent_at: Some(now),
            not_after: Some(now.plus(30_000)),
            rearmed: 0,
            done_at: None,
            result: None,
        });
        let outcome = bench
            .run(Effect::Undo(episode.into()), bench.record().state)
            .await;
        assert_eq!(
            bench.object("Deployment", "web")["spec"]["replicas"],
            2,
            "{fault:?}"
        );
        let undo = outcome.state.undo.unwrap();
        assert_eq!(undo.result.as_deref(), Some("Undone"), "{fault:?}");
        assert_eq!(bench.acts(Verb::Scale), 2, "{fault:?}");
    }
}
