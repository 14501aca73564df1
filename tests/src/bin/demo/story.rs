//! The episodes as they unfold, told from their records.

use std::collections::BTreeSet;

use anyhow::Result;
use kubemend_api::event::{EventAttempt, HealingEventStatus};
use kubemend_api::{Duration, HealingEvent};
use kubemend_tests::record;
use serde::Deserialize;

use crate::LONGEST;
use crate::apps::Apps;
use crate::voice::{self, Look, Voice};

#[derive(Deserialize)]
struct List {
    items: Vec<HealingEvent>,
}

/// Tells what happens until all apps are recovered; their records in the order of the apps.
pub(crate) fn follow(voice: &Voice, apps: &Apps<'_>) -> Result<Vec<HealingEvent>> {
    let mut told = BTreeSet::new();
    let (all, mut shown) = (apps.all().len(), false);
    voice.wait("all apps are recovered", LONGEST, || {
        let namespace = apps.namespace.as_str();
        let records: List = apps.cluster.get(&["healingevents", "-n", namespace])?;
        let mut records = records.items;
        records.sort_by_key(|one| apps.all().iter().position(|app| app.name == name(one)));
        let lines = records.iter().flat_map(tell);
        let news: Vec<String> = lines.filter(|line| told.insert(line.clone())).collect();
        for line in &news {
            voice.say(line);
        }
        if records.len() == all && !shown {
            shown = true;
            voice::kubectl(apps.cluster, &["get", "healingevents", "-n", namespace])?;
        }
        if let Some(lost) = records.iter().find(|one| is_lost(one)) {
            return Ok(Look::Never(record::summary(lost)));
        }
        if records.len() < all {
            return detecting(apps, &mut told);
        }
        if records.iter().all(|one| record::phase(one) == "Recovered") {
            return Ok(Look::Found(records));
        }
        let stand: Vec<_> = records.iter().map(stands).collect();
        Ok(Look::NotYet(stand.join("; ")))
    })
}

/// Before all are detected: the restarts are the news.
fn detecting<T>(apps: &Apps<'_>, told: &mut BTreeSet<String>) -> Result<Look<T>> {
    let restarts = apps.restarts()?;
    Ok(if told.insert(restarts.clone()) {
        Look::News(restarts)
    } else {
        Look::NotYet(restarts)
    })
}

fn is_lost(record: &HealingEvent) -> bool {
    let phase = record::phase(record);
    ["Exhausted", "Superseded", "Aborted", "SelfRecovered"].contains(&phase)
}

fn stands(record: &HealingEvent) -> String {
    let words = [name(record), record::phase(record), record::reason(record)];
    words.join(" ").trim_end().to_owned()
}

/// All that the record tells so far, one line each, oldest first.
fn tell(record: &HealingEvent) -> Vec<String> {
    let name = name(record);
    let status = record::status(record);
    let mut lines = vec![format!(
        "{name}: {} detected by rule {} of {}; recorded as HealingEvent {}",
        record.spec.symptom,
        record.spec.rule,
        record.spec.policy_ref,
        record.metadata.name.as_deref().unwrap_or_default()
    )];
    // A skip is recorded with the intent of the step that is taken instead: the newest one.
    let newest = status.attempts.len().saturating_sub(1);
    for (index, attempt) in status.attempts.iter().enumerate() {
        if index == newest {
            lines.extend(skips(name, &status));
        }
        lines.push(format!("{name}: {}", act(index + 1, attempt)));
        lines.extend(outcome(attempt).map(|text| format!("{name}: {text}")));
    }
    if record::phase(record) == "Held" {
        let why = status.message.as_deref().unwrap_or_default();
        lines.push(format!("{name}: held: {} ({why})", record::reason(record)));
    }
    if record::phase(record) == "Recovered" {
        lines.push(format!(
            "{name}: RECOVERED by {}: {}",
            status.step.as_deref().unwrap_or_default(),
            times(&status)
        ));
    }
    lines
}

fn skips(name: &str, status: &HealingEventStatus) -> Vec<String> {
    let skips = status.skips.iter().map(|skip| {
        let why = skip.message.as_deref().unwrap_or_default();
        let (step, reason) = (&skip.step, &skip.reason);
        format!("{name}: {step} is passed over: {reason} ({why})")
    });
    skips.collect()
}

/// An attempt's requests in words.
fn act(number: usize, attempt: &EventAttempt) -> String {
    let names: Vec<&str> = attempt
        .requests
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let first = attempt.requests.first();
    let (from, to) = (
        first
            .and_then(|one| one.from.as_deref())
            .unwrap_or_default(),
        first.and_then(|one| one.to.as_deref()).unwrap_or_default(),
    );
    let what = match first.map(|one| one.verb.as_str()) {
        Some("Delete") => format!("replaces pod {}", names.join(", ")),
        Some("Evict") => format!("evicts pod {}", names.join(", ")),
        Some("Scale") => format!("scales from {from} to {to}"),
        Some("Restart") => format!("restarts all pods of {}", names.join(", ")),
        Some("Rollback") => format!("puts the template of {} back", names.join(", ")),
        other => other.unwrap_or("nothing").to_owned(),
    };
    format!("attempt {number}, {}: {what}", attempt.step)
}

/// How an attempt ended, once it did.
fn outcome(attempt: &EventAttempt) -> Option<String> {
    let outcome = attempt.outcome.as_deref()?;
    let why = attempt.message.as_deref().unwrap_or_default();
    match outcome {
        "Recovered" => None,
        "NotRecovered" => Some(format!("{} did not help: {why}", attempt.step)),
        other => Some(
            format!("{} is {other} {why}", attempt.step)
                .trim_end()
                .to_owned(),
        ),
    }
}

fn times(status: &HealingEventStatus) -> String {
    let objective = status.objective.as_deref().unwrap_or("not set");
    format!(
        "detected {} after the first failure, healthy {} later, outage {}; objective {objective}",
        seconds(status.detection.as_ref()),
        seconds(status.recovery.as_ref()),
        seconds(status.outage.as_ref()),
    )
}

fn seconds(length: Option<&Duration>) -> String {
    record::millis(length).map_or_else(
        || "?".to_owned(),
        |millis| format!("{}.{} s", millis / 1000, millis % 1000 / 100),
    )
}

/// The whole episode in one line.
pub(crate) fn sum(record: &HealingEvent) -> String {
    let status = record::status(record);
    format!("{}: {}; {}", name(record), chain(record), times(&status))
}

/// The steps of the attempts that had an effect.
fn chain(record: &HealingEvent) -> String {
    let had_effect = record::attempts(record)
        .iter()
        .filter(|one| !matches!(one.outcome.as_deref(), Some("NotApplied" | "Partial")));
    had_effect
        .map(|one| one.step.as_str())
        .collect::<Vec<_>>()
        .join(" > ")
}

/// What a failing container said, as the record keeps it.
pub(crate) fn evidence(record: &HealingEvent) -> Option<String> {
    let status = record::status(record);
    let said = status.evidence.iter().find(|one| one.container.is_some())?;
    let ended = said
        .exit_code
        .map(|code| format!("exit code {code}, "))
        .unwrap_or_default();
    Some(format!(
        "{}: the record keeps what container {} said: {ended}{}, {}",
        name(record),
        said.container.as_deref().unwrap_or_default(),
        said.reason.as_deref().unwrap_or("no reason"),
        said.message.as_deref().unwrap_or("no message")
    ))
}

/// The step that cured.
pub(crate) fn cure(record: &HealingEvent) -> String {
    record::status(record).step.unwrap_or_default()
}

/// The app, its cure and its recovery, for the last line.
pub(crate) fn short(record: &HealingEvent) -> Option<String> {
    let status = record::status(record);
    let recovery = seconds(Some(status.recovery.as_ref()?));
    Some(format!(
        "{} healed by {} {recovery} after detection",
        name(record),
        status.step?
    ))
}

fn name(record: &HealingEvent) -> &str {
    &record.spec.target.name
}
