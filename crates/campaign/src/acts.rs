//! What is asked of every act in the instant in which it is applied.

mod harmless;

use std::time::Duration;

use kubemend_api::annotations;
use kubemend_engine::facts::template;
use kubemend_operator::lease;
use kubemend_sim::{Entry, Key, Objects, WriteEvent};
use serde_json::Value;

use crate::judge::{Act, Broken, FRESH, NOT_AFTER, State};
use crate::manifests::{ASKED, CLUSTER, NAMESPACE, PERSON};
use crate::truth::{self, items, text};

const HOUR: Duration = Duration::from_hours(1);

/// Where a rolling restart leaves its mark.
const RESTARTED_AT: &str = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";

/// An act, with the record that announced it.
struct Case<'a> {
    entry: &'a Entry,
    event: &'a WriteEvent,
    verb: &'static str,
    /// The workload: kind and name.
    target: (String, String),
    record: std::sync::Arc<Value>,
    undo: bool,
}

/// Judges a write to something else than records and statuses.
pub(crate) fn judge(
    state: &mut State,
    entry: &Entry,
    events: &[WriteEvent],
    objects: &Objects,
) -> Result<(), Broken> {
    let Some((verb, event)) = effect(entry, events)? else {
        return Ok(());
    };
    let case = announced(entry, (verb, event), objects)?;
    leads(&case, objects)?;
    once(state, &case)?;
    approved(&case)?;
    selected(state, &case, objects)?;
    not_stopped(state, &case)?;
    sees(state, &case)?;
    harmless::harmless(state, &case, objects)?;
    within_budgets(state, &case)
}

/// What the write did, if it is an act and had an effect.
fn effect<'a>(
    entry: &Entry,
    events: &'a [WriteEvent],
) -> Result<Option<(&'static str, &'a WriteEvent)>, Broken> {
    let Some(event) = events
        .iter()
        .find(|event| event.key.resource.plural == entry.resource)
    else {
        return Ok(None);
    };
    let changed = |pointer: &str| {
        event
            .previous
            .as_ref()
            .is_some_and(|old| old.pointer(pointer) != event.object.pointer(pointer))
    };
    let unexpected = || {
        Err((
            "S4 unannounced",
            format!("a write that no act makes: {}", entry.body),
        ))
    };
    match (entry.resource, entry.subresource.as_str()) {
        ("pods", "eviction") => Ok(Some(("Evict", event))),
        ("pods", "") if event.deleted || changed("/metadata/deletionTimestamp") => {
            Ok(Some(("Delete", event)))
        }
        ("jobs", "") if event.previous.is_none() => Ok(Some(("Run", event))),
        ("pods", "resize") if changed("/spec/containers") => Ok(Some(("Resize", event))),
        ("deployments" | "statefulsets", "scale") if changed("/spec/replicas") => {
            Ok(Some(("Scale", event)))
        }
        ("deployments" | "statefulsets" | "daemonsets", "") if changed("/spec/replicas") => {
            unexpected()
        }
        ("deployments" | "statefulsets" | "daemonsets", "") if changed("/spec/template") => {
            // A rollback takes the mark of a restart away.
            let restart = changed(RESTARTED_AT) && event.object.pointer(RESTARTED_AT).is_some();
            Ok(Some((if restart { "Restart" } else { "Rollback" }, event)))
        }
        // Marks of proof.
        ("replicasets" | "controllerrevisions", "") if !changed("/spec") && !changed("/data") => {
            Ok(None)
        }
        _ => unexpected(),
    }
}

/// The open record whose newest attempt, or whose undo, names exactly this.
fn announced<'a>(
    entry: &'a Entry,
    (verb, event): (&'static str, &'a WriteEvent),
    objects: &Objects,
) -> Result<Case<'a>, Broken> {
    let before = event.previous.as_deref().unwrap_or(&event.object);
    let uid = text(before, "/metadata/uid");
    for record in objects.list("HealingEvent", &entry.namespace) {
        let target = (
            text(&record, "/spec/target/kind").to_owned(),
            text(&record, "/spec/target/name").to_owned(),
        );
        let this_target = event.key.name == target.1 && event.key.resource.kind == target.0;
        let newest = items(&record, "/status/attempts").next_back();
        let named = newest
            .filter(|one| one["outcome"].is_null())
            .is_some_and(|attempt| {
                items(attempt, "/requests").any(|one| {
                    one["verb"] == verb
                        && match verb {
                            "Evict" | "Delete" => {
                                one["name"] == event.key.name.as_str() && one["uid"] == uid
                            }
                            "Resize" => {
                                one["name"] == event.key.name.as_str()
                                    && one["uid"] == uid
                                    && moves(one, before, &event.object, limit)
                            }
                            "Run" => {
                                one["name"] == event.key.name.as_str()
                                    && one["to"]
                                        == event.object["metadata"]["annotations"]
                                            [annotations::JOB_TEMPLATE]
                            }
                            "Scale" => this_target && moves(one, before, &event.object, replicas),
                            "Restart" => {
                                this_target && moves(one, before, &event.object, restarted)
                            }
                            _ => this_target && moves(one, before, &event.object, hash),
                        }
                })
            });
        let undo = &record["status"]["undo"];
        let back = |object: &Value, to: &str| object["spec"]["replicas"] == undo[to];
        let undone = verb == "Scale"
            && this_target
            && undo["intentAt"].is_string()
            && undo["doneAt"].is_null()
            && back(before, "to")
            && back(&event.object, "from");
        if named || undone {
            return Ok(Case {
                entry,
                event,
                verb,
                target,
                undo: !named,
                record,
            });
        }
    }
    Err((
        "S4 unannounced",
        format!("{verb} of {} has no recorded intent", event.key.name),
    ))
}

fn moves(request: &Value, before: &Value, after: &Value, judged: fn(&Value) -> String) -> bool {
    text(request, "/from") == judged(before) && text(request, "/to") == judged(after)
}

fn replicas(object: &Value) -> String {
    object["spec"]["replicas"].to_string()
}

/// The limit of a toy pod's only container.
fn limit(object: &Value) -> String {
    let limit = text(object, "/spec/containers/0/resources/limits/memory");
    format!("main limit {limit}")
}

/// When it was restarted last; empty where it never was.
fn restarted(object: &Value) -> String {
    text(object, RESTARTED_AT).to_owned()
}

fn hash(object: &Value) -> String {
    template::hash(&object["spec"]["template"])
        .as_str()
        .to_owned()
}

fn leads(case: &Case<'_>, objects: &Objects) -> Result<(), Broken> {
    let lease = objects.get(&Key::new("Lease", lease::NAMESPACE, lease::NAME));
    let holder = lease.map_or("", |lease| text(lease, "/spec/holderIdentity"));
    if holder == &*case.entry.client {
        Ok(())
    } else {
        Err((
            "S8 leader",
            format!(
                "{} acts while {holder:?} holds the lease",
                case.entry.client
            ),
        ))
    }
}

/// One request of one attempt has one effect.
fn once(state: &mut State, case: &Case<'_>) -> Result<(), Broken> {
    let record = text(&case.record, "/metadata/name").to_owned();
    let attempt = if case.undo {
        usize::MAX
    } else {
        items(&case.record, "/status/attempts").count()
    };
    let object = format!("{} {}", case.verb, case.event.key.name);
    let uid = case
        .event
        .previous
        .as_ref()
        .map_or("", |old| text(old, "/metadata/uid"));
    let is_new = state
        .effects
        .insert((record.clone(), attempt, format!("{object} {uid}")));
    if is_new {
        Ok(())
    } else {
        Err((
            "S5 once",
            format!("attempt {attempt} of {record} acts twice: {object}"),
        ))
    }
}

/// Where a person has to be asked, that person has approved this attempt and no other.
fn approved(case: &Case<'_>) -> Result<(), Broken> {
    let newest = items(&case.record, "/status/attempts").next_back();
    let Some(attempt) = newest.filter(|one| !case.undo && one["step"] == ASKED) else {
        return Ok(());
    };
    let number = items(&case.record, "/status/attempts").count();
    let answer = text(&case.record, "/metadata/annotations/kubemend.io~1approval");
    if attempt["approvedBy"] == PERSON && answer == format!("approve {ASKED}/{number} {PERSON}") {
        return Ok(());
    }
    Err((
        "S12 approval",
        format!("attempt {number} acts, and what was approved is {answer:?}: {attempt}"),
    ))
}

/// The target is selected by a policy that enforces, and is no system workload.
fn selected(state: &State, case: &Case<'_>, objects: &Objects) -> Result<(), Broken> {
    let (kind, name) = &case.target;
    let namespace = &case.entry.namespace;
    if matches!(namespace.as_str(), "kube-system" | "kubemend-system") {
        return Err(("S9 system", format!("an act in {namespace}")));
    }
    if case.undo || truth::enforcing(objects, kind, namespace, name) {
        return Ok(());
    }
    let key = (kind.clone(), namespace.clone(), name.clone());
    let now = case.entry.at;
    let lately = state
        .unenforced
        .get(&key)
        .is_some_and(|since| now <= *since + state.grace(now));
    if lately {
        Ok(())
    } else {
        Err((
            "S6 selection",
            format!("no policy enforces over {kind} {namespace}/{name}"),
        ))
    }
}

fn not_stopped(state: &State, case: &Case<'_>) -> Result<(), Broken> {
    let now = case.entry.at;
    match state.stopped {
        Some(since) if now > since + state.grace(now) => Err((
            "S11 kill switch",
            format!("an act {:?} after the stop", now.saturating_sub(since)),
        )),
        _ => Ok(()),
    }
}

fn sees(state: &State, case: &Case<'_>) -> Result<(), Broken> {
    let bound = FRESH + NOT_AFTER + state.lag + Duration::from_secs(2);
    for (plural, since) in &state.frozen {
        if case.entry.at > *since + bound {
            return Err((
                "S3 blind",
                format!("an act although {plural} are frozen since {since:?}"),
            ));
        }
    }
    Ok(())
}

/// Acts in the last hour, in the cluster, the namespace and for the policy.
fn within_budgets(state: &mut State, case: &Case<'_>) -> Result<(), Broken> {
    let namespace = case.entry.namespace.clone();
    let reference = text(&case.record, "/spec/policyRef");
    let (kind, name) = reference.split_once('/').unwrap_or_default();
    let home = if kind == "HealingPolicy" {
        namespace.as_str()
    } else {
        ""
    };
    let policy = format!("{kind}/{home}/{name}");
    state.acts.push(Act {
        at: case.entry.at,
        what: format!(
            "{} {}",
            if case.undo { "Undo" } else { case.verb },
            case.target.1
        ),
        namespace: namespace.clone(),
        policy: policy.clone(),
        undo: case.undo,
    });
    let recent = |counts: &dyn Fn(&Act) -> bool| {
        // The operator counts from the intent, which its act may follow this much later.
        let young = |act: &&Act| !act.undo && act.at + HOUR > case.entry.at + NOT_AFTER;
        state
            .acts
            .iter()
            .filter(young)
            .filter(|act| counts(act))
            .count() as u64
    };
    let allowed = state.allowed.get(&policy).copied().unwrap_or(0);
    for (scope, used, most) in [
        ("the cluster".to_owned(), recent(&|_| true), CLUSTER.1),
        (
            format!("namespace {namespace}"),
            recent(&|act| act.namespace == namespace),
            NAMESPACE.1,
        ),
        (policy.clone(), recent(&|act| act.policy == policy), allowed),
    ] {
        if used > most {
            return Err((
                "S2 budget",
                format!("{used} acts in an hour of {scope}, which has {most}"),
            ));
        }
    }
    Ok(())
}
