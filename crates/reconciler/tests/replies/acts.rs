//! Every answer that the API server can give to an act, and none: what each means for the attempt.

use std::time::Duration;

use crate::support::{Bench, RECORD, VERBS, act, request, unclear};
use kubemend_engine::Effect;
use kubemend_engine::episode::{Done, Outcome as Judged, Verb};
use kubemend_sim::{FaultKind, Settings};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn an_unclear_answer_to_an_act_is_settled_by_looking() {
    for fault in unclear() {
        for verb in VERBS {
            let bench = Bench::new();
            bench.server.fault(request(verb).nth(1), fault.clone());
            let outcome = bench.act(verb).await;
            let what = format!("{fault:?} {verb:?}");
            assert_eq!(outcome.first(), (Some(Done::Applied), None), "{what}");
            assert_eq!(bench.acts(verb), 1, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_stopping_was_acted_on() {
    for verb in [Verb::Evict, Verb::Delete] {
        let bench = Bench::with(Settings {
            pod_stop: Some(Duration::from_secs(30)),
            ..Settings::default()
        });
        bench.server.fault(request(verb), FaultKind::LostReply);
        let outcome = bench.act(verb).await;
        assert_eq!(outcome.first(), (Some(Done::Applied), None), "{verb:?}");
        assert_eq!(bench.acts(verb), 1, "{verb:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_act_that_is_never_answered_stays_open_until_the_facts_tell() {
    for fault in [
        FaultKind::status(500, "InternalError"),
        FaultKind::Hang,
        FaultKind::DropBefore,
    ] {
        for verb in VERBS {
            let bench = Bench::new();
            bench.server.fault(request(verb), fault.clone());
            let outcome = bench.act(verb).await;
            assert_eq!(outcome.first().0, None, "{fault:?} {verb:?}");
            assert_eq!(bench.acts(verb), 0);
            assert_eq!(outcome.attempt.and_then(|one| one.outcome), None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_act_costs_no_attempt() {
    for (code, reason, pods, patches) in [
        (403, "Forbidden", "Forbidden", "Forbidden"),
        (404, "NotFound", "Gone", "NotFound"),
        (409, "Conflict", "Gone", "Conflict"),
        (422, "Invalid", "Invalid", "Invalid"),
        (400, "BadRequest", "Refused", "Refused"),
    ] {
        for verb in VERBS {
            let bench = Bench::new();
            bench
                .server
                .fault(request(verb), FaultKind::status(code, reason));
            let outcome = bench.act(verb).await;
            let detail = if matches!(verb, Verb::Evict | Verb::Delete) {
                pods
            } else {
                patches
            };
            assert_eq!(
                outcome.first(),
                (Some(Done::NotApplied), Some(detail)),
                "{code} {verb:?}"
            );
            assert_eq!(bench.acts(verb), 0);
            let judged = outcome.attempt.and_then(|one| one.outcome);
            assert_eq!(judged, Some(Judged::NotApplied), "{code} {verb:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_no_change() {
    for verb in [
        Verb::Scale,
        Verb::Rollback,
        Verb::Restart,
        Verb::Resize,
        Verb::Run,
    ] {
        for (code, reason) in [(409, "Conflict"), (422, "Invalid")] {
            let bench = Bench::new();
            bench
                .server
                .fault(request(verb).first(2), FaultKind::status(code, reason));
            let outcome = bench.act(verb).await;
            assert_eq!(
                outcome.first(),
                (Some(Done::Applied), None),
                "{code} {verb:?}"
            );
            assert_eq!(bench.acts(verb), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_says_when_to_come_back() {
    for verb in VERBS {
        let bench = Bench::new();
        let throttle = FaultKind::Status(429, "TooManyRequests".to_owned(), Some(7));
        bench.server.fault(request(verb), throttle);
        let now = bench.clock.now();
        let outcome = bench.act(verb).await;
        assert_eq!(
            outcome.first(),
            (Some(Done::NotApplied), Some("Throttled")),
            "{verb:?}"
        );
        assert!(outcome.reply.retry_at >= Some(now.plus(7_000)), "{verb:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disruption_budget_is_never_bypassed() {
    let budget = |name: &str| {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"namespace": "shop", "name": name, "generation": 1},
            "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
            "status": {"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 2, "disruptionsAllowed": 0},
        })
    };
    let bench = Bench::new();
    bench.server.put(budget("one"));
    let outcome = bench.act(Verb::Evict).await;
    assert_eq!(
        outcome.first(),
        (Some(Done::NotApplied), Some("PDBBlocked"))
    );
    assert_eq!(outcome.state.reason.as_deref(), Some("PDBBlocked"));
    bench.server.put(budget("two"));
    let outcome = bench.act(Verb::Evict).await;
    assert_eq!(
        outcome.first(),
        (Some(Done::NotApplied), Some("PDBBlocked")),
        "several budgets answer 500"
    );
    assert_eq!(bench.acts(Verb::Evict), 0);
}

#[tokio::test(start_paused = true)]
async fn another_pod_of_that_name_is_left_alone() {
    for verb in [Verb::Evict, Verb::Delete] {
        let bench = Bench::new();
        let episode = bench.intent(verb);
        let mut pod = (*bench.object("Pod", "web-def-1")).clone();
        bench.server.force_delete("Pod", "shop", "web-def-1");
        pod["metadata"] = json!({"namespace": "shop", "name": "web-def-1"});
        bench.server.put(pod);
        let outcome = bench.run(act(episode), bench.record().state).await;
        assert_eq!(outcome.first(), (Some(Done::NotApplied), Some("Gone")));
        assert_eq!(bench.acts(verb), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_changed_is_left_alone() {
    for (verb, why, change) in [
        (
            Verb::Scale,
            "Changed",
            (|one| one["spec"]["replicas"] = json!(5)) as fn(&mut serde_json::Value),
        ),
        (Verb::Scale, "Changed", |one| {
            one["spec"]["replicas"] = json!(3);
        }),
        (Verb::Rollback, "Paused", |one| {
            one["spec"]["paused"] = json!(true);
        }),
        (Verb::Rollback, "Changed", |one| {
            one["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:3");
        }),
    ] {
        let bench = Bench::new();
        bench.server.update("Deployment", "shop", "web", change);
        let outcome = bench.act(verb).await;
        assert_eq!(
            outcome.first(),
            (Some(Done::NotApplied), Some(why)),
            "{verb:?}"
        );
        assert_eq!(bench.acts(verb), 0);
    }
    let bench = Bench::new();
    let episode = bench.intent(Verb::Rollback);
    bench.server.delete("ReplicaSet", "shop", "web-abc");
    let outcome = bench.run(act(episode), bench.record().state).await;
    assert_eq!(
        outcome.first(),
        (Some(Done::NotApplied), Some("RevisionGone"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollback_puts_the_released_template_back() {
    let bench = Bench::new();
    bench.act(Verb::Rollback).await;
    let web = bench.object("Deployment", "web");
    assert_eq!(
        web["spec"]["template"]["spec"]["containers"][0]["image"],
        "web:1"
    );
    assert_eq!(
        web["spec"]["template"]["metadata"]["labels"],
        json!({"app": "web"})
    );
    assert_eq!(
        web["metadata"]["annotations"]["kubemend.io/healed-by"],
        RECORD
    );
    assert_eq!(web["spec"]["replicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_controller_revision_comes_back_as_it_was_released() {
    for kind in ["StatefulSet", "DaemonSet"] {
        let bench = Bench::new();
        bench.become_kind(kind);
        let outcome = bench.act(Verb::Rollback).await;
        assert_eq!(outcome.first(), (Some(Done::Applied), None), "{kind}");
        let web = bench.object(kind, "web");
        assert_eq!(
            web["spec"]["template"],
            json!({"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "web:1"}]}}),
            "{kind}: the template alone, without what says how the patch is applied"
        );
        assert_eq!(
            web["metadata"]["annotations"]["kubemend.io/healed-by"],
            RECORD
        );
        let kept = bench.object("ControllerRevision", "web-abc");
        assert_eq!(
            kept["data"]["spec"]["template"]["$patch"], "replace",
            "the revision itself is not touched"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_revision_that_is_no_longer_what_was_judged_is_not_put_back() {
    let other = |one: &mut serde_json::Value| {
        one["data"]["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:0");
    };
    let none = |one: &mut serde_json::Value| one["data"] = json!(["no", "template"]);
    for change in [other as fn(&mut serde_json::Value), none] {
        let bench = Bench::new();
        bench.become_kind("StatefulSet");
        let episode = bench.intent(Verb::Rollback);
        bench
            .server
            .update("ControllerRevision", "shop", "web-abc", change);
        let before = bench.record().state;
        let effect = act(episode);
        let outcome = bench.run(effect, before).await;
        assert_eq!(
            outcome.first(),
            (Some(Done::NotApplied), Some("RevisionGone"))
        );
        let web = bench.object("StatefulSet", "web");
        assert_eq!(
            web["spec"]["template"]["spec"]["containers"][0]["image"],
            "web:2"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn unclear_answers_and_conflicts_mean_the_same_for_every_kind() {
    for kind in ["StatefulSet", "DaemonSet"] {
        let plural = if kind == "StatefulSet" {
            "statefulsets"
        } else {
            "daemonsets"
        };
        let patches = || {
            kubemend_sim::Matcher::any()
                .verb(kubemend_sim::Verb::Patch)
                .resource(plural)
        };
        let conflict = FaultKind::status(422, "Invalid");
        for fault in unclear().into_iter().chain([conflict]) {
            let bench = Bench::new();
            bench.become_kind(kind);
            bench.server.fault(patches().nth(1), fault.clone());
            let outcome = bench.act(Verb::Rollback).await;
            let what = format!("{fault:?} {kind}");
            assert_eq!(outcome.first(), (Some(Done::Applied), None), "{what}");
            let web = bench.object(kind, "web");
            assert_eq!(web["metadata"]["generation"], 2, "{what}: once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_mark_stands_on_the_controller_revision() {
    let bench = Bench::new();
    bench.become_kind("DaemonSet");
    let kept = bench.object("ControllerRevision", "web-abc");
    let text = |field: &str| kept["metadata"][field].as_str().unwrap_or_default().into();
    let proof = kubemend_engine::facts::Proof {
        since: bench.clock.now(),
        seconds: 600,
    };
    let effect = Effect::Prove {
        target: kubemend_engine::facts::TargetKey::new(
            kubemend_api::targets::WorkloadKind::DaemonSet,
            "shop",
            "web",
        ),
        revision: kubemend_engine::facts::Name::new("shop", "web-abc"),
        uid: text("uid"),
        version: text("resourceVersion"),
        hash: "1234567890abcdef".into(),
        proof,
    };
    bench.run(effect, bench.record().state).await;
    let marked = bench.object("ControllerRevision", "web-abc");
    let mark = marked["metadata"]["annotations"]["kubemend.io/healthy"].as_str();
    assert_eq!(mark, Some(&*proof.render("1234567890abcdef")));
    assert_eq!(marked["data"], kept["data"]);
}
