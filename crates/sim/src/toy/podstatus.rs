//! What the kubelet writes into a pod's status.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    meta::{name, namespace, text, uid},
    run::{Exit, Run, State},
    status::transition,
};
use crate::{
    clock::{Clock, rfc3339},
    rng::hash,
};

/// The pod's status now.
pub(super) fn render(run: &Run, pod: &Value, clock: &Clock, now: Duration) -> Value {
    let stamp = |moment: Duration| rfc3339(clock.at(moment));
    let ready = matches!(run.state, State::Running { ready: Some(at), .. } if at <= now);
    let mut status = pod["status"].clone();
    status["phase"] = json!(phase(&run.state));
    if status["startTime"].is_null() {
        status["startTime"] = json!(stamp(now));
    }
    let mut conditions = status["conditions"].take();
    let now_text = stamp(now);
    transition(
        &mut conditions,
        json!({"type": "Initialized", "status": "True"}),
        &now_text,
    );
    for kind in ["ContainersReady", "Ready"] {
        transition(
            &mut conditions,
            readiness(kind, ready, &run.state),
            &now_text,
        );
    }
    status["conditions"] = conditions;
    let containers = pod["spec"]["containers"].as_array();
    let statuses: Vec<Value> = containers
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(at, container)| container_status(run, pod, container, at == 0, &stamp, now))
        .collect();
    status["containerStatuses"] = statuses.into();
    status
}

fn phase(state: &State) -> &'static str {
    match state {
        State::Starting { .. } | State::Pulling => "Pending",
        State::Running { .. } | State::Down { .. } => "Running",
        State::Over { exit } if exit.code == 0 => "Succeeded",
        State::Over { .. } => "Failed",
    }
}

fn readiness(kind: &str, ready: bool, state: &State) -> Value {
    if ready {
        return json!({"type": kind, "status": "True"});
    }
    let reason = match state {
        State::Over { exit } if exit.code == 0 => "PodCompleted",
        State::Over { .. } => "PodFailed",
        _ => "ContainersNotReady",
    };
    json!({"type": kind, "status": "False", "reason": reason})
}

/// The first container runs the program; the others run as long as the pod does.
fn container_status(
    run: &Run,
    pod: &Value,
    container: &Value,
    first: bool,
    stamp: &impl Fn(Duration) -> String,
    now: Duration,
) -> Value {
    let restarts = if first { run.restarts } else { 0 };
    let id = hash(&format!(
        "{}/{}/{restarts}",
        uid(pod),
        text(container, "name")
    ));
    let (state, last) = states(run, pod, container, first, stamp, now);
    let runs = !state["running"].is_null();
    let ready = match &run.state {
        State::Running { ready, .. } if first => ready.is_some_and(|at| at <= now),
        _ => !first && runs,
    };
    json!({
        "name": container["name"], "image": container["image"], "imageID": container["image"],
        "containerID": format!("toy://{id:016x}"), "ready": ready, "started": runs,
        "restartCount": restarts, "state": state, "lastState": last,
        "resources": container["resources"].as_object().cloned().unwrap_or_default(),
    })
}

fn states(
    run: &Run,
    pod: &Value,
    container: &Value,
    first: bool,
    stamp: &impl Fn(Duration) -> String,
    now: Duration,
) -> (Value, Value) {
    let ended = |exit: Option<&Exit>| match exit {
        Some(exit) if first => json!({"terminated": terminated(exit, stamp)}),
        _ => json!({}),
    };
    let running = |since: Duration| json!({"running": {"startedAt": stamp(since)}});
    match &run.state {
        State::Starting { .. } => (waiting("ContainerCreating", ""), json!({})),
        State::Pulling => {
            let image = text(container, "image");
            (
                waiting(
                    "ImagePullBackOff",
                    &format!("Back-off pulling image \"{image}\""),
                ),
                json!({}),
            )
        }
        State::Running { since, .. } => (running(*since), ended(run.last.as_ref())),
        State::Down { exit, .. } if !first => (running(exit.started), json!({})),
        State::Down {
            exit,
            wait,
            waits_from,
            restart,
        } => {
            if now >= *waits_from && waits_from < restart {
                let (pod, namespace, id) = (name(pod), namespace(pod), uid(pod));
                let container = text(container, "name");
                let message = format!(
                    "back-off {}s restarting failed container={container} \
                     pod={pod}_{namespace}({id})",
                    wait.as_secs()
                );
                (waiting("CrashLoopBackOff", &message), ended(Some(exit)))
            } else {
                (
                    json!({"terminated": terminated(exit, stamp)}),
                    ended(run.last.as_ref()),
                )
            }
        }
        State::Over { exit } => (
            json!({"terminated": terminated(exit, stamp)}),
            ended(run.last.as_ref()),
        ),
    }
}

fn waiting(reason: &str, message: &str) -> Value {
    if message.is_empty() {
        return json!({"waiting": {"reason": reason}});
    }
    json!({"waiting": {"reason": reason, "message": message}})
}

fn terminated(exit: &Exit, stamp: &impl Fn(Duration) -> String) -> Value {
    let reason = match exit {
        Exit { oom: true, .. } => "OOMKilled",
        Exit { code: 0, .. } => "Completed",
        _ => "Error",
    };
    json!({
        "exitCode": exit.code, "reason": reason, "startedAt": stamp(exit.started),
        "finishedAt": stamp(exit.finished),
    })
}
