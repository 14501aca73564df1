//! What an act takes from others: nothing.

use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;
use kubemend_sim::{Key, Objects};
use serde_json::Value;

use super::Case;
use crate::judge::{Broken, State};
use crate::truth::{self, items, text};

/// The act takes nothing from anybody: no healthy pod, no budget bypassed, no field of another owner.
pub(super) fn harmless(state: &State, case: &Case<'_>, objects: &Objects) -> Result<(), Broken> {
    let (now, namespace) = (case.entry.at, &case.entry.namespace);
    let before = case.event.previous.as_deref().unwrap_or(&case.event.object);
    if matches!(case.verb, "Evict" | "Delete" | "Resize")
        && !truth::has_failed(before)
        && !blocks_a_rollback(state, case, before, objects)
    {
        return Err((
            "S1 evidence",
            format!("pod {} never failed", case.event.key.name),
        ));
    }
    let guarded = || {
        let app = text(before, "/metadata/labels/app");
        let budgets = objects.list("PodDisruptionBudget", namespace);
        budgets
            .iter()
            .any(|one| text(one, "/spec/selector/matchLabels/app") == app)
    };
    if case.verb == "Delete" && guarded() {
        return Err((
            "S7 PDB",
            format!("pod {} is deleted past its budget", case.event.key.name),
        ));
    }
    let key = (namespace.clone(), case.target.1.clone());
    let owned = state
        .owned
        .get(&key)
        .is_some_and(|since| now > *since + state.grace(now));
    if owned
        && matches!(case.verb, "Scale" | "Rollback" | "Restart")
        && owner_forbids(case, objects)
    {
        return Err((
            "7 owner",
            format!("{} of a field that somebody else owns", case.verb),
        ));
    }
    let mebis = |object: &Value| {
        let limit = text(object, "/spec/containers/0/resources/limits/memory").to_owned();
        limit.trim_end_matches("Mi").parse::<u64>().unwrap_or(0)
    };
    if case.verb == "Resize" && mebis(&case.event.object) <= mebis(before) {
        return Err((
            "7 lower",
            format!("the memory of {} is not raised", case.event.key.name),
        ));
    }
    let lowers = case.verb == "Scale"
        && case.event.object["spec"]["replicas"].as_i64() < before["spec"]["replicas"].as_i64();
    if lowers && !case.undo {
        return Err((
            "7 lower",
            format!("replicas of {} are lowered", case.target.1),
        ));
    }
    Ok(())
}

/// A rollback put the template back, and this pod of another one was not ready when it was looked at: it may have got so
/// since, which is seen as late as frames and requests are.
fn blocks_a_rollback(state: &State, case: &Case<'_>, pod: &Value, objects: &Objects) -> bool {
    let unseen = SignedDuration::try_from(state.lag + Duration::from_secs(2)).unwrap_or_default();
    let looked_at = objects.clock.now() - unseen;
    let ready_then = truth::ready_since(pod).is_some_and(|since| since < looked_at);
    let newest = items(&case.record, "/status/attempts").next_back();
    let (kind, name) = &case.target;
    let workload = objects.get(&Key::new(kind, &case.entry.namespace, name));
    newest.is_some_and(|attempt| attempt["action"] == "rollback")
        && workload.is_some_and(|workload| !truth::is_current(pod, workload))
        && !ready_then
}

/// An autoscaler owns replicas; a `GitOps` controller owns every field.
fn owner_forbids(case: &Case<'_>, objects: &Objects) -> bool {
    let (namespace, name) = (&case.entry.namespace, &case.target.1);
    let scaled = objects
        .get(&Key::new("HorizontalPodAutoscaler", namespace, name))
        .is_some();
    let tracked = !text(
        &case.event.object,
        "/metadata/annotations/argocd.argoproj.io~1tracking-id",
    )
    .is_empty();
    tracked || scaled && case.verb == "Scale"
}
