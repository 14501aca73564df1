//! Makes the events of a history happen, and ends those that last.

use std::sync::Arc;
use std::time::Duration;

use kubemend_sim::{FaultId, FaultKind, Matcher, Request, Side, Verb, WatchFault, toy};
use kubemend_sim::{Objects, Server};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::actors;
use crate::history::{Event, History, Policy, Workload};
use crate::manifests::{self, PERSON};
use crate::process::PREFIX;
use crate::stage::Stage;

/// Requests of any process of the operator; elections have faults of their own.
fn operators(test: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Matcher {
    Matcher::any().when(move |request| {
        request.client.starts_with(PREFIX) && request.resource.plural != "leases" && test(request)
    })
}

/// One event from its beginning to its end.
pub(crate) async fn happen(stage: Arc<Stage>, history: Arc<History>, event: Event) {
    let server = &stage.server;
    let workload = |at: &usize| &history.workloads[*at];
    let policy = |at: &usize| history.policies.get(*at);
    match &event {
        Event::Release(at, program) => release(server, workload(at), program),
        Event::DeletePod(at) => delete_pod(server, workload(at)),
        Event::DeleteWorkload(at) => {
            let one = workload(at);
            server.delete(one.kind, one.namespace, &one.name);
        }
        Event::Recreate(at) => {
            let one = workload(at);
            server.delete(one.kind, one.namespace, &one.name);
            sleep(Duration::from_secs(2)).await;
            server.put(manifests::workload(one));
        }
        Event::Scale(at, to) => {
            let one = workload(at);
            if one.kind == "DaemonSet" {
                return;
            }
            server.update(one.kind, one.namespace, &one.name, |object| {
                object["spec"]["replicas"] = json!(to);
            });
        }
        Event::Autoscale(at) => actors::autoscale(&stage, workload(at)).await,
        Event::Gitops(at) => actors::revert(&stage, workload(at)).await,
        Event::EditChain(at, to) => edit(server, policy(at), |spec| {
            manifests::answer(&mut spec["rules"][0], *to);
        }),
        Event::EditMode(at, mode) => edit(server, policy(at), |spec| spec["mode"] = json!(mode)),
        Event::EditBudget(at, acts) => edit(server, policy(at), |spec| {
            spec["budget"]["actsPerHour"] = json!(acts);
        }),
        Event::DeletePolicy(at) => {
            if let Some(one) = policy(at) {
                server.delete(kind(one), one.namespace, &one.name);
            }
        }
        Event::Retry => retry(server),
        Event::Approve => approve(server),
        Event::Crash(at) => stage.succeed(at % history.processes).await,
        Event::CrashAtWrite(at, nth, after) => {
            crash_at_write(&stage, at % history.processes, *nth, *after).await;
        }
        _ => lasting(&stage, &history, &event).await,
    }
}

/// Events that are over after a while.
async fn lasting(stage: &Stage, history: &History, event: &Event) {
    let server = &stage.server;
    let everything = || operators(|_| true);
    match event {
        Event::Pause(time) => {
            pause(server, json!({"reason": "a drill"}));
            sleep(*time).await;
            pause(server, Value::Null);
        }
        Event::LoseConfig(time) => {
            server.delete("HealingConfig", "", "cluster");
            sleep(*time).await;
            server.put(manifests::config());
        }
        Event::StepClock(by, time) => {
            let by = k8s_openapi::jiff::SignedDuration::from_secs(*by);
            stage.judge.clock_stepped();
            server.step_clock(by);
            sleep(*time).await;
            server.step_clock(-by);
        }
        Event::Freeze(plural, time) => freeze(stage, plural, *time).await,
        Event::CloseWatches => break_watches(stage, WatchFault::Close),
        Event::GoneWatches => break_watches(stage, WatchFault::Gone410),
        Event::GarbageFrames => break_watches(stage, WatchFault::GarbageFrame),
        Event::Forget => {
            stage.judge.trouble(Duration::ZERO);
            server.compact();
        }
        Event::Refuse(code, share, time) => {
            let kind = FaultKind::status(*code, reason(*code));
            during(stage, everything().chance(*share), kind, *time).await;
        }
        Event::LoseReplies(share, time) => {
            during(
                stage,
                everything().chance(*share),
                FaultKind::LostReply,
                *time,
            )
            .await;
        }
        Event::Slow(by, time) => {
            let kind = FaultKind::DelayReply(*by);
            during(
                stage,
                operators(|request| request.verb != Verb::Watch),
                kind,
                *time + *by,
            )
            .await;
        }
        Event::Deny(plural, time) => {
            let plural = *plural;
            let denied = operators(move |request| {
                request.verb.writes() && request.resource.plural == plural
            });
            during(stage, denied, FaultKind::status(403, "Forbidden"), *time).await;
        }
        Event::CutOff(at, time) => {
            let gone = Matcher::any().client(&stage.identity(at % history.processes));
            stage.judge.trouble(*time);
            server.break_watches(&gone, WatchFault::Freeze);
            let fault = server.fault(gone.clone(), FaultKind::DropBefore);
            sleep(*time).await;
            server.clear_fault(fault);
            server.mend_watches(&gone);
        }
        // What is over at once was matched before.
        _ => {}
    }
}

/// A fault on all requests that match, for a while.
async fn during(stage: &Stage, matcher: Matcher, kind: FaultKind, time: Duration) {
    stage.judge.trouble(time);
    let fault = stage.server.fault(matcher, kind);
    sleep(time).await;
    stage.server.clear_fault(fault);
}

/// The view of one collection stands still for a while.
async fn freeze(stage: &Stage, plural: &'static str, time: Duration) {
    stage.judge.frozen(plural, time);
    let frozen = silence(stage, plural);
    sleep(time).await;
    hear(stage, plural, frozen);
    stage.judge.thawed(plural);
}

fn reads(plural: &'static str) -> Matcher {
    operators(move |request| {
        request.resource.plural == plural && matches!(request.verb, Verb::Watch | Verb::List)
    })
}

/// Open watches of a collection fall silent, and new requests for it are not answered.
pub(crate) fn silence(stage: &Stage, plural: &'static str) -> FaultId {
    stage
        .server
        .break_watches(&reads(plural), WatchFault::Freeze);
    stage.server.fault(reads(plural), FaultKind::Hang)
}

/// They go on.
pub(crate) fn hear(stage: &Stage, plural: &'static str, silence: FaultId) {
    stage.server.clear_fault(silence);
    stage.server.mend_watches(&reads(plural));
}

fn break_watches(stage: &Stage, fault: WatchFault) {
    stage.judge.trouble(Duration::ZERO);
    stage.server.break_watches(&operators(|_| true), fault);
}

/// The process dies around its `nth` write from now, if it gets that far.
async fn crash_at_write(stage: &Stage, at: usize, nth: u64, after: bool) {
    let identity = stage.identity(at);
    let side = if after { Side::After } else { Side::Before };
    let writes = Matcher::writes()
        .client(&identity)
        .when(|request| request.resource.plural != "leases")
        .nth(nth);
    let crash = stage.server.crash_on(writes, side);
    // It may have been killed for another reason since; then this crash never comes.
    if crash.happened().await && stage.identity(at) == identity {
        stage.succeed(at).await;
    }
}

pub(crate) fn release(server: &Server, one: &Workload, program: &str) {
    server.update(one.kind, one.namespace, &one.name, |object| {
        object["spec"]["template"]["metadata"]["annotations"][toy::PROGRAM] = json!(program);
    });
}

fn delete_pod(server: &Server, one: &Workload) {
    let pods = server.list("Pod", one.namespace);
    let mine = pods
        .iter()
        .find(|pod| pod["metadata"]["labels"]["app"] == one.name.as_str());
    if let Some(name) = mine.and_then(|pod| pod["metadata"]["name"].as_str()) {
        server.delete("Pod", one.namespace, name);
    }
}

fn edit(server: &Server, policy: Option<&Policy>, change: impl FnOnce(&mut Value)) {
    if let Some(one) = policy {
        server.update(kind(one), one.namespace, &one.name, |object| {
            change(&mut object["spec"]);
        });
    }
}

fn kind(one: &Policy) -> &'static str {
    if one.namespace.is_empty() {
        "ClusterHealingPolicy"
    } else {
        "HealingPolicy"
    }
}

fn pause(server: &Server, pause: Value) {
    server.update("HealingConfig", "", "cluster", |config| {
        config["spec"]["pause"] = pause;
    });
}

fn retry(server: &Server) {
    server.with(|objects: &mut Objects| {
        for record in objects.list("HealingEvent", "") {
            if let (None, Some(key)) = (
                record["status"]["endedAt"].as_str(),
                kubemend_sim::Key::of(&record),
            ) {
                let version = objects.version().to_string();
                objects.update(&key, |record| {
                    record["metadata"]["annotations"]["kubemend.io/retry"] = json!(version);
                });
            }
        }
    });
}

/// As admission lets it through: the attempt that waits, in the own name.
fn approve(server: &Server) {
    server.with(|objects: &mut Objects| {
        for record in objects.list("HealingEvent", "") {
            let asked = &record["status"]["approval"];
            if let (Some(step), Some(key)) =
                (asked["step"].as_str(), kubemend_sim::Key::of(&record))
            {
                let answer = format!("approve {step}/{} {PERSON}", asked["attempt"]);
                objects.update(&key, |record| {
                    record["metadata"]["annotations"]["kubemend.io/approval"] = json!(answer);
                });
            }
        }
    });
}

fn reason(code: u16) -> &'static str {
    match code {
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    }
}
