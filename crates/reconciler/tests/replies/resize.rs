//! What a resize asks first, and what it changes: the limit of one container, and nothing besides.

use crate::support::{Bench, act};
use kubemend_engine::episode::{Done, Verb};
use kubemend_sim::{FaultKind, Matcher};
use serde_json::{Value, json};

const POD: &str = "web-def-1";

#[tokio::test(start_paused = true)]
async fn it_raises_the_limit_and_leaves_the_template_alone() {
    let bench = Bench::new();
    let before = bench.object("Deployment", "web");
    let outcome = bench.act(Verb::Resize).await;
    assert_eq!(outcome.first(), (Some(Done::Applied), None));
    let container = &bench.object("Pod", POD)["spec"]["containers"][0];
    assert_eq!(
        container["resources"],
        json!({"limits": {"memory": "96Mi"}})
    );
    assert_eq!(container["image"], "web:2");
    assert_eq!(bench.object("Deployment", "web"), before);
    let patch =
        bench.object("HealingEvent", crate::support::RECORD)["status"]["templatePatch"].clone();
    assert_eq!(
        patch,
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","resources":{"limits":{"memory":"96Mi"}}}]}}}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_guaranteed_pod_keeps_its_quality_of_service() {
    let bench = Bench::new();
    let resources = json!({"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}});
    bench.server.update("Pod", "shop", POD, |pod| {
        pod["spec"]["containers"][0]["resources"] = resources.clone();
    });
    // A limit alone would make it Burstable, which the API server refuses.
    let outcome = bench.act(Verb::Resize).await;
    assert_eq!(outcome.first(), (Some(Done::NotApplied), Some("Invalid")));

    let mut episode = bench.intent(Verb::Resize);
    let attempt = episode.state.attempts.last_mut().expect("an attempt");
    attempt.requests[0].from = Some("app request and limit 64Mi".into());
    attempt.requests[0].to = Some("app request and limit 96Mi".into());
    let outcome = bench.run(act(episode), bench.record().state).await;
    assert_eq!(outcome.first(), (Some(Done::Applied), None));
    let raised = json!({"limits": {"memory": "96Mi"}, "requests": {"memory": "96Mi"}});
    assert_eq!(
        bench.object("Pod", POD)["spec"]["containers"][0]["resources"],
        raised
    );
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_resized_is_not() {
    let node = |version: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"},
            "status": {"nodeInfo": {"kubeletVersion": version}}})
    };
    let old = |bench: &Bench| bench.server.put(node("v1.36.3"));
    let odd = |bench: &Bench| bench.server.put(node("unknown"));
    let gone = |bench: &Bench| {
        bench.server.delete("Node", "", "node-0");
        bench.object("Pod", POD)
    };
    let kept_from_nodes = |bench: &Bench| {
        let nodes = Matcher::any().resource("nodes");
        bench
            .server
            .fault(nodes, FaultKind::status(403, "Forbidden"));
        bench.object("Pod", POD)
    };
    let pod = |bench: &Bench, change: fn(&mut Value)| {
        bench.server.update("Pod", "shop", POD, change);
        bench.object("Pod", POD)
    };
    for (why, before) in [
        (
            "KubeletTooOld",
            &old as &dyn Fn(&Bench) -> std::sync::Arc<Value>,
        ),
        ("KubeletUnknown", &odd),
        ("KubeletUnknown", &gone),
        ("KubeletUnknown", &kept_from_nodes),
        ("PodLevelResources", &|bench| {
            pod(bench, |pod| {
                pod["spec"]["resources"] = json!({"limits": {"memory": "64Mi"}});
            })
        }),
        ("Changed", &|bench| {
            pod(bench, |pod| {
                pod["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("80Mi");
            })
        }),
        ("Changed", &|bench| {
            pod(bench, |pod| {
                pod["spec"]["containers"][0]["name"] = json!("other");
            })
        }),
    ] {
        let bench = Bench::new();
        before(&bench);
        let outcome = bench.act(Verb::Resize).await;
        assert_eq!(outcome.first(), (Some(Done::NotApplied), Some(why)));
        assert_eq!(bench.acts(Verb::Resize), 0, "{why}");
    }
}
