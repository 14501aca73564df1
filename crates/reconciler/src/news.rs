//! What a record's write tells people: one log line and the metrics per thing that happened.

use kubemend_api::triggers::TriggerName;
use kubemend_engine::Episode;
use kubemend_engine::episode::{Attempt, Outcome, Phase, State, Verb};
use kubemend_engine::facts::Text;
use kubemend_engine::record::outcome_word;

use crate::metrics::Metrics;

/// An episode's record was created.
pub(crate) fn opened(metrics: &Metrics, episode: &Episode, failing: &[(Text, Text)]) {
    let (target, symptom) = (episode.target(), episode.symptom());
    tracing::info!(episode = %episode.id, %target, symptom, policy = episode.spec.policy_ref, "opened");
    if !episode.is_dry() {
        metrics.detected(seconds(episode.detected_at().since(episode.failed_at())));
        let symptom = failure_type(symptom);
        for (pod, uid) in failing {
            metrics.pod_failed(&episode.id, pod, uid, symptom);
        }
    }
}

/// An episode's record was written: what is new since `before`?
pub(crate) fn written(metrics: &Metrics, before: &State, episode: &Episode) {
    let after = &episode.state;
    for attempt in &after.attempts {
        // An attempt without effect is overwritten by the next, so its place tells nothing.
        let old = before
            .attempts
            .iter()
            .find(|old| old.intent_at == attempt.intent_at);
        about(metrics, episode, old, attempt);
    }
    let id = &episode.id;
    for skip in &after.skips {
        if !before.skips.contains(skip) {
            tracing::info!(episode = %id, step = %skip.step, reason = %skip.reason, "skipped");
        }
    }
    let reason = after.reason.as_deref().unwrap_or("");
    if (before.phase, before.reason.as_deref().unwrap_or("")) != (after.phase, reason) {
        let message = after.message.as_deref().unwrap_or("");
        tracing::info!(episode = %id, phase = after.phase.as_str(), reason, message, "phase");
    }
    if before.ended_at.is_none() && after.ended_at.is_some() {
        tracing::info!(episode = %id, phase = after.phase.as_str(), reason, "ended");
        metrics.ended(id);
    }
}

fn about(metrics: &Metrics, episode: &Episode, old: Option<&Attempt>, new: &Attempt) {
    let (id, step, action) = (&episode.id, &*new.step, new.action.as_str());
    if old.is_none() {
        let what: Vec<_> = new.requests.iter().map(|one| &*one.name).collect();
        let approved_by = new.approved.as_ref().map(|one| &*one.by);
        tracing::info!(episode = %id, step, action, ?what, approved_by, "intent");
        if !episode.is_dry() {
            failing(metrics, episode, new);
        }
    } else if old.is_some_and(|old| old.rearmed != new.rearmed) {
        tracing::info!(episode = %id, step, action, "intent armed again");
    }
    if new.acted_at.is_some() && old.is_none_or(|old| old.acted_at.is_none()) {
        let results: Vec<_> = new
            .requests
            .iter()
            .map(|one| (&*one.name, one.result, one.detail.as_deref()))
            .collect();
        tracing::info!(episode = %id, step, action, ?results, "acted");
    }
    let known = old.and_then(|old| old.outcome);
    if let Some(outcome) = new.outcome.filter(|_| known.is_none()) {
        let message = new.message.as_deref().unwrap_or("");
        tracing::info!(episode = %id, step, action, outcome = outcome_word(outcome), message, "outcome");
        if !episode.is_dry() {
            judged(metrics, episode, new, outcome);
        }
    }
}

/// Counts the pods that the attempt names; each counts once per episode.
fn failing(metrics: &Metrics, episode: &Episode, attempt: &Attempt) {
    let symptom = failure_type(episode.symptom());
    let pods = attempt.requests.iter();
    for pod in pods.filter(|one| matches!(one.verb, Verb::Evict | Verb::Delete)) {
        metrics.pod_failed(&episode.id, &pod.name, &pod.uid, symptom);
    }
}

fn judged(metrics: &Metrics, episode: &Episode, attempt: &Attempt, outcome: Outcome) {
    match outcome {
        Outcome::Recovered => {
            metrics.attempt_judged(attempt.action, true);
            let healthy = episode
                .state
                .healthy_at
                .filter(|_| episode.state.phase == Phase::Recovered);
            if let Some(healthy) = healthy {
                metrics.recovered(attempt.action, seconds(healthy.since(attempt.intent_at)));
            }
        }
        Outcome::NotRecovered | Outcome::Inconclusive => {
            metrics.attempt_judged(attempt.action, false);
        }
        // Nothing was tried to the end: no success and no failure.
        Outcome::NotApplied | Outcome::WouldAct | Outcome::Partial | Outcome::Superseded => {}
    }
}

/// The label value of a symptom: that of the trigger of the same name.
fn failure_type(symptom: &str) -> &'static str {
    let mut all = TriggerName::ALL.iter().copied();
    all.find(|one| one.title() == symptom)
        .map_or("other", TriggerName::label)
}

#[allow(
    clippy::cast_precision_loss,
    reason = "spans of milliseconds are far below 2^52"
)]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trigger_has_its_label() {
        assert_eq!(failure_type("CrashLoop"), "crash_loop");
        assert_eq!(failure_type("PodFailed"), "pod_failure");
        assert_eq!(failure_type("OomKilled"), "resource_exhaustion");
        assert_eq!(failure_type("Unheard"), "other");
    }
}
