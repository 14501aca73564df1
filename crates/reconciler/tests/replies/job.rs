//! What a Job is made of, and what is asked before one is made.

use kubemend_engine::episode::{Done, Verb};
use kubemend_sim::FaultKind;
use serde_json::{Value, json};

use crate::support::{Bench, RECORD, act, rehearse, request};

const JOB: &str = "web-1-69a38180";

fn made(bench: &Bench) -> Value {
    (*bench.object("Job", JOB)).clone()
}

#[tokio::test(start_paused = true)]
async fn it_is_told_of_the_episode_and_has_no_rights() {
    let bench = Bench::new();
    let outcome = bench.act(Verb::Run).await;
    assert_eq!(outcome.first(), (Some(Done::Applied), None));
    let job = made(&bench);
    assert_eq!(
        job["metadata"]["labels"],
        json!({"app.kubernetes.io/managed-by": "kubemend"})
    );
    assert_eq!(
        job["metadata"]["annotations"]["kubemend.io/healed-by"],
        RECORD
    );
    let spec = &job["spec"];
    assert_eq!(
        (&spec["backoffLimit"], &spec["activeDeadlineSeconds"]),
        (&json!(0), &json!(90))
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    // A label of the target would make it a pod of the target's Services.
    assert_eq!(
        spec["template"]["metadata"]["labels"],
        job["metadata"]["labels"]
    );
    let container = &pod["containers"][0];
    assert_eq!(container["command"], json!(["/bin/clean"]));
    assert_eq!(container["args"], Value::Null);
    assert_eq!(container["resources"]["limits"], json!({"memory": "64Mi"}));
    let told = |name: &str| {
        let mut all = container["env"].as_array().expect("variables").iter();
        all.find(|one| one["name"] == name).expect(name)["value"].clone()
    };
    assert_eq!(told("KUBEMEND_EVENT"), RECORD);
    assert_eq!(told("KUBEMEND_TARGET_NAME"), "web");
    assert_eq!(told("KUBEMEND_PODS"), "web-def-1");
    assert_eq!(told("KUBEMEND_STEP"), "step");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_there_is_never_made_again() {
    // The reply of the first was lost: it is looked for.
    let bench = Bench::new();
    bench.server.fault(request(Verb::Run), FaultKind::LostReply);
    let outcome = bench.act(Verb::Run).await;
    assert_eq!(outcome.first(), (Some(Done::Applied), None));
    assert_eq!(bench.acts(Verb::Run), 1);

    // It was made between the look and the request, or a proxy sent that twice.
    let other = Bench::new();
    let twice = FaultKind::status(409, "AlreadyExists");
    other.server.fault(request(Verb::Run).first(1), twice);
    let outcome = other.act(Verb::Run).await;
    assert_eq!(outcome.first(), (Some(Done::Applied), None));

    // A successor that arms the same intent again finds it.
    let mut again = bench.intent(Verb::Run);
    again.state.attempts.last_mut().expect("one").rearmed = 1;
    let outcome = bench.run(act(again), bench.record().state).await;
    assert_eq!(outcome.first(), (Some(Done::Applied), None));
    assert_eq!(bench.acts(Verb::Run), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_judged_is_not_answered() {
    type Before = fn(&Bench);
    let taken: Before = |bench| {
        bench
            .server
            .put(json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"namespace": "shop", "name": JOB}}));
    };
    let released: Before = |bench| {
        bench.server.update("Deployment", "shop", "web", |web| {
            web["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:3");
        });
    };
    let gone: Before = |bench| {
        bench.server.delete("Deployment", "shop", "web");
    };
    for (why, before) in [("NameTaken", taken), ("Changed", released), ("Gone", gone)] {
        let bench = Bench::new();
        let episode = bench.intent(Verb::Run);
        before(&bench);
        let outcome = bench.run(act(episode), bench.record().state).await;
        assert_eq!(outcome.first(), (Some(Done::NotApplied), Some(why)));
        assert_eq!(bench.acts(Verb::Run), 0, "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_makes_none() {
    let bench = Bench::new();
    let episode = bench.intent(Verb::Run);
    let outcome = bench.run(rehearse(episode), bench.record().state).await;
    let attempt = outcome.attempt.expect("an attempt");
    assert_eq!(attempt.requests[0].detail.as_deref(), Some("DryRun ok"));
    assert!(bench.server.get("Job", "shop", JOB).is_none());
}
