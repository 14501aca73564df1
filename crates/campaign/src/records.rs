//! What is asked of every write of a record.

use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;
use kubemend_sim::{Entry, Objects, WriteEvent};
use serde_json::Value;

use crate::judge::{Broken, FRESH, State};
use crate::manifests::{CLUSTER, NAMESPACE};
use crate::truth::{self, is_open, items, text};

/// Every phase there is.
const PHASES: [&str; 11] = [
    "",
    "Pending",
    "Held",
    "AwaitingApproval",
    "Acting",
    "Verifying",
    "Recovered",
    "SelfRecovered",
    "Exhausted",
    "Superseded",
    "Aborted",
];
/// Attempts of one episode: more than any chain here has, relapses and partial ones included.
const ATTEMPTS: usize = 40;
/// The shortest stable stretch of any chain here.
const STRETCH: Duration = Duration::from_secs(15);

/// Judges a write of the operator to its records.
pub(crate) fn judge(
    state: &mut State,
    entry: &Entry,
    events: &[WriteEvent],
    objects: &Objects,
) -> Result<(), Broken> {
    let Some(event) = events
        .iter()
        .find(|event| event.key.resource.kind == "HealingEvent")
    else {
        return Ok(());
    };
    if event.deleted {
        return kept(&event.object);
    }
    let (old, new) = (event.previous.as_deref(), &*event.object);
    if old.is_none() {
        state.episodes += 1;
    }
    if let Some(old) = old.filter(|old| old["spec"] != new["spec"]) {
        return Err((
            "1 record",
            format!(
                "the spec of {} changed from {}",
                event.key.name, old["spec"]
            ),
        ));
    }
    alone(new, &entry.namespace, objects)?;
    typed(new)?;
    in_order(old, new)?;
    slots(old, new, &entry.namespace, objects)?;
    let waits = |record: &Value| text(record, "/status/phase") == "Held";
    if !(waits(new) && old.is_some_and(waits)) {
        state.moves += 1;
    }
    let recovered = |record: &Value| text(record, "/status/phase") == "Recovered";
    if recovered(new) && !old.is_some_and(recovered) {
        return healthy(state, new, &entry.namespace, objects);
    }
    Ok(())
}

/// Only what has ended is ever deleted.
fn kept(record: &Value) -> Result<(), Broken> {
    if is_open(record) {
        return Err((
            "1 record",
            format!("open record {} is deleted", text(record, "/metadata/name")),
        ));
    }
    Ok(())
}

/// No other open record for the same target.
fn alone(new: &Value, namespace: &str, objects: &Objects) -> Result<(), Broken> {
    let mine = text(new, "/spec/targetRef");
    let all = objects.list("HealingEvent", namespace);
    let open = all
        .iter()
        .filter(|one| is_open(one) && text(one, "/spec/targetRef") == mine);
    let names: Vec<_> = open.map(|one| text(one, "/metadata/name")).collect();
    if names.len() > 1 {
        return Err(("3 one episode", format!("{mine} has {}", names.join(", "))));
    }
    Ok(())
}

/// Phases are those of the design, and a hold says why.
fn typed(new: &Value) -> Result<(), Broken> {
    let (phase, reason) = (text(new, "/status/phase"), text(new, "/status/reason"));
    if !PHASES.contains(&phase) {
        return Err(("S10 typed", format!("phase {phase:?}")));
    }
    let nameless = phase == "Held" && reason.is_empty()
        || items(new, "/status/skips").any(|skip| text(skip, "/reason").is_empty());
    if nameless {
        return Err((
            "S10 typed",
            format!("{phase} without a reason: {}", new["status"]),
        ));
    }
    Ok(())
}

/// Attempts only grow, one by one, each after the one before has its outcome, and within a bound.
fn in_order(old: Option<&Value>, new: &Value) -> Result<(), Broken> {
    let count = |record: &Value| items(record, "/status/attempts").count();
    let (before, after) = (old.map_or(0, count), count(new));
    let name = text(new, "/metadata/name");
    if after < before || after > before + 1 {
        return Err((
            "1 record",
            format!("{name} had {before} attempts and has {after}"),
        ));
    }
    if after > ATTEMPTS {
        return Err(("L2 bounded", format!("{name} has {after} attempts")));
    }
    let open = items(new, "/status/attempts")
        .rev()
        .skip(1)
        .any(|one| one["outcome"].is_null());
    if open {
        return Err((
            "1 record",
            format!("{name} began an attempt before the last had its outcome"),
        ));
    }
    Ok(())
}

/// Attempts under way, in the cluster, the namespace and for the policy, when one more begins.
fn slots(
    old: Option<&Value>,
    new: &Value,
    namespace: &str,
    objects: &Objects,
) -> Result<(), Broken> {
    // A wait asks for nothing and takes no slot.
    let takes = |one: &Value| one["outcome"].is_null() && items(one, "/requests").next().is_some();
    let under_way =
        |record: &Value| is_open_or_dry(record) && items(record, "/status/attempts").any(takes);
    if !under_way(new) || old.is_some_and(under_way) {
        return Ok(());
    }
    let all = objects.list("HealingEvent", "");
    let busy: Vec<_> = all.iter().filter(|one| under_way(one)).collect();
    let here = busy
        .iter()
        .filter(|one| text(one, "/metadata/namespace") == namespace)
        .count();
    let over = |used: usize, most: u64| used as u64 > most;
    if over(busy.len(), CLUSTER.0) || over(here, NAMESPACE.0) {
        let what = format!(
            "{} attempts at once in the cluster, {here} in {namespace}",
            busy.len()
        );
        return Err(("S2 budget", what));
    }
    let reference = text(new, "/spec/policyRef");
    let Some((kind, name)) = reference.split_once('/') else {
        return Ok(());
    };
    let home = if kind == "HealingPolicy" {
        namespace
    } else {
        ""
    };
    let Some(policy) = objects.get(&kubemend_sim::Key::new(kind, home, name)) else {
        return Ok(());
    };
    let most = policy["spec"]["budget"]["concurrent"].as_u64().unwrap_or(1);
    let same = busy.iter().filter(|one| {
        text(one, "/spec/policyRef") == reference
            && (home.is_empty() || text(one, "/metadata/namespace") == home)
    });
    let same = same.count() as u64;
    if same > most {
        return Err((
            "S2 budget",
            format!("{same} attempts at once of {reference}, which has {most}"),
        ));
    }
    Ok(())
}

/// A dry attempt is never under way: its outcome is written with it.
fn is_open_or_dry(record: &Value) -> bool {
    !text(record, "/metadata/name").ends_with("-dry")
}

/// Who is called recovered did not fail within the stable stretch.
fn healthy(state: &State, new: &Value, namespace: &str, objects: &Objects) -> Result<(), Broken> {
    if state.stepped {
        return Ok(());
    }
    let signed = |time: Duration| SignedDuration::try_from(time).unwrap_or(SignedDuration::ZERO);
    let now = objects.clock.now();
    // Times on objects are whole seconds, and news has its lag.
    // A view that falls silent counts as fresh for a while.
    let silent = if state.frozen.is_empty() {
        Duration::ZERO
    } else {
        FRESH
    };
    let (from, to) = (
        now - signed(STRETCH) + SignedDuration::from_secs(2),
        now - signed(state.lag + silent) - SignedDuration::from_secs(2),
    );
    if from >= to {
        return Ok(());
    }
    let workload = text(new, "/spec/target/name");
    for pod in truth::pods(objects, namespace, workload) {
        if let Some(end) = truth::last_end(&pod).filter(|end| (from..to).contains(end)) {
            let what = format!(
                "{workload} is called recovered, but a container of {} ended at {end}",
                text(&pod, "/metadata/name")
            );
            return Err(("4 recovered", what));
        }
    }
    Ok(())
}
