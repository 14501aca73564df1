//! Once nothing goes wrong any more, everything comes to an end, and then to rest.

use std::time::Duration;

use kubemend_sim::{Objects, Server};
use serde_json::Value;
use tokio::time::sleep;

use crate::holds;
use crate::judge::Broken;
use crate::manifests::KINDS;
use crate::stage::Stage;
use crate::truth::{self, is_open, items, text};

/// Budgets refill within an hour, and a chain walks on for some minutes after that.
const PATIENCE: Duration = Duration::from_mins(110);
/// So long nothing is written once everything has ended.
const REST: Duration = Duration::from_mins(4);
/// How often it is looked.
const LOOK: Duration = Duration::from_secs(5);

/// Waits until every failure has ended and nothing more is written.
pub(crate) async fn at_rest(stage: &Stage) -> Result<(), Broken> {
    let deadline = stage.server.elapsed() + PATIENCE;
    let (mut writes, mut since) = (0, stage.server.elapsed());
    while stage.judge.violation().is_none() && stage.ended().is_none() {
        let now = stage.server.elapsed();
        let open = unended(&stage.server);
        let written = stage.judge.moves();
        if written != writes || open.is_some() {
            (writes, since) = (written, now);
        } else if now >= since + REST {
            return resolved(&stage.server);
        }
        if now > deadline {
            let what = open.unwrap_or_else(|| format!("{} still writes", stage.identity(0)));
            return Err((
                "L1 rest",
                format!(
                    "{PATIENCE:?} after the last fault: {what}; {:?}",
                    stage.blind()
                ),
            ));
        }
        sleep(LOOK).await;
    }
    match stage.ended() {
        Some(process) => Err(("10 process", format!("{process} ended by itself"))),
        None => Ok(()),
    }
}

/// A failure that is neither healed, nor at the end of its chain, nor held for a reason that is true.
fn unended(server: &Server) -> Option<String> {
    server.with(|objects| {
        let mut open = objects.list("HealingEvent", "");
        open.retain(|record| is_open(record));
        let waits = |record: &Value| match text(record, "/status/phase") {
            "Exhausted" => false,
            "Held" => !holds::is_true(objects, record),
            _ => true,
        };
        if let Some(record) = open.iter().find(|record| waits(record)) {
            let status = &record["status"];
            let (phase, reason) = (&status["phase"], &status["reason"]);
            let name = text(record, "/metadata/name");
            return Some(format!("{name} is {phase} {reason}: {}", status["message"]));
        }
        unanswered(objects, &open)
    })
}

/// A workload whose crash loop nobody answers although a policy enforces.
fn unanswered(objects: &Objects, open: &[std::sync::Arc<Value>]) -> Option<String> {
    for kind in KINDS {
        for workload in objects.list(kind, "") {
            let (namespace, name) = (
                text(&workload, "/metadata/namespace"),
                text(&workload, "/metadata/name"),
            );
            let latched = open.iter().any(|record| {
                text(record, "/metadata/namespace") == namespace
                    && record["spec"]["target"]["kind"] == kind
                    && record["spec"]["target"]["name"] == name
            });
            let system = namespace == "kube-system";
            if latched || system || !truth::enforcing(objects, kind, namespace, name) {
                continue;
            }
            // Pods of an earlier release are the rollout's to replace.
            let mut pods = truth::pods(objects, namespace, name);
            pods.retain(|pod| truth::is_current(pod, &workload));
            if let Some(pod) = pods.iter().find(|pod| truth::is_down(pod)) {
                return Some(format!(
                    "{} fails and no record tells",
                    text(pod, "/metadata/name")
                ));
            }
        }
    }
    None
}

/// No intent is left open, and every undo that is due was done.
fn resolved(server: &Server) -> Result<(), Broken> {
    for record in server.list("HealingEvent", "") {
        let name = text(&record, "/metadata/name");
        let open = items(&record, "/status/attempts").any(|one| one["outcome"].is_null());
        if open && !text(&record, "/status/endedAt").is_empty() {
            return Err((
                "L4 resolved",
                format!("{name} ended with an open attempt: {}", record["status"]),
            ));
        }
    }
    Ok(())
}
