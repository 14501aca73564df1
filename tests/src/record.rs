//! Reading a `HealingEvent` as a person would.

use kube::ResourceExt as _;
use kubemend_api::event::{EventAttempt, EventRequest, HealingEventStatus};
use kubemend_api::{Duration, HealingEvent};

/// The record's phase; an empty status reads as Pending.
pub fn phase(record: &HealingEvent) -> &str {
    text(record, |status| &status.phase).unwrap_or("Pending")
}

/// Why the phase is what it is; empty where nothing is said.
pub fn reason(record: &HealingEvent) -> &str {
    text(record, |status| &status.reason).unwrap_or_default()
}

/// The status; an empty one where there is none yet.
pub fn status(record: &HealingEvent) -> HealingEventStatus {
    record.status.clone().unwrap_or_default()
}

/// The attempts, oldest first.
pub fn attempts(record: &HealingEvent) -> &[EventAttempt] {
    record
        .status
        .as_ref()
        .map_or(&[], |status| &status.attempts)
}

/// The attempts as one line, such as `restart NotRecovered, rollback Recovered`. Those that had no
/// effect are left out: a conflict costs a backoff, not an attempt.
pub fn chain(record: &HealingEvent) -> String {
    let had_effect = attempts(record)
        .iter()
        .filter(|one| one.outcome.as_deref() != Some("NotApplied"));
    let words: Vec<String> = had_effect
        .map(|one| {
            format!(
                "{} {}",
                one.step,
                one.outcome.as_deref().unwrap_or("awaited")
            )
        })
        .collect();
    words.join(", ")
}

/// The steps that were passed over as one line, such as `scale CannotHelp`.
pub fn skips(record: &HealingEvent) -> String {
    let skips = record.status.iter().flat_map(|status| &status.skips);
    let words: Vec<String> = skips
        .map(|one| format!("{} {}", one.step, one.reason))
        .collect();
    words.join(", ")
}

/// The requests that took effect, oldest first.
pub fn applied(record: &HealingEvent) -> Vec<&EventRequest> {
    let requests = attempts(record)
        .iter()
        .flat_map(|attempt| &attempt.requests);
    requests
        .filter(|one| one.result.as_deref() == Some("Applied"))
        .collect()
}

/// The status of that condition, such as `True`; empty where it is not set.
pub fn condition<'a>(record: &'a HealingEvent, named: &str) -> &'a str {
    let conditions = record.status.iter().flat_map(|status| &status.conditions);
    let mut wanted = conditions.filter(|one| one.type_ == named);
    wanted.next().map_or("", |one| &one.status)
}

/// A length of time in the record, in milliseconds.
pub fn millis(length: Option<&Duration>) -> Option<i64> {
    length.map(Duration::as_millis)
}

/// The record in one line, for those who wait for it to change.
pub fn summary(record: &HealingEvent) -> String {
    let (phase, reason) = (phase(record), reason(record));
    let (name, chain, skips) = (record.name_any(), chain(record), skips(record));
    format!("{name} is {phase} {reason}; attempts: {chain}; skips: {skips}")
}

fn text(
    record: &HealingEvent,
    member: impl Fn(&HealingEventStatus) -> &Option<String>,
) -> Option<&str> {
    member(record.status.as_ref()?).as_deref()
}
