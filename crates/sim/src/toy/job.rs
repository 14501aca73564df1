//! Jobs: each takes a while and then is complete, or has failed where its image says so. They have no pods here.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    earliest,
    meta::{is_going, key, text},
};
use crate::objects::Objects;

/// How long every Job takes, in seconds.
const TAKES: i64 = 20;

/// Ends every Job whose time is over; returns when the next one's is.
pub(super) fn pass(objects: &mut Objects) -> Option<Duration> {
    let mut next = None;
    for job in objects.list("Job", "") {
        let runs = job["status"]["conditions"].is_null() && !is_going(&job);
        let began: Option<Timestamp> = text(&job["metadata"], "creationTimestamp").parse().ok();
        let Some(began) = began.filter(|_| runs) else {
            continue;
        };
        let ran = objects.clock.now().duration_since(began);
        let left = SignedDuration::from_secs(TAKES) - ran;
        match Duration::try_from(left) {
            Ok(wait) if !wait.is_zero() => {
                next = earliest(next, Some(objects.clock.elapsed() + wait));
            }
            _ => end(objects, &job),
        }
    }
    next
}

fn end(objects: &mut Objects, job: &Value) {
    let image = job["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
    let fails = image.is_some_and(|image| image.contains("fails"));
    let (kind, reason) = if fails {
        ("Failed", "BackoffLimitExceeded")
    } else {
        ("Complete", "CompletionsReached")
    };
    let at = objects.clock.stamp();
    let status = json!({"conditions": [
        {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": at},
    ]});
    objects.set_status(&key(job), status);
}
