//! The record of an episode: `HealingEvent` ↔ `Episode`, one the inverse of the other.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube_core::ObjectMeta;
use kubemend_api::event::{
    EventAttempt, EventBaseline, EventRequest, EventSkip, EventSpent, EventUndo, HealingEvent,
    HealingEventStatus, Timestamp,
};
use kubemend_api::{Duration, Mode, annotations};

use crate::episode::{
    Attempt, Baseline, Done, Episode, Outcome, Phase, Request, Skipped, Spent, State, UndoState,
    Verb,
};
use crate::facts::{Name, Text};
use crate::moment::Moment;

/// Reads an episode from its record. The error names the field; the caller holds the target, as
/// an unreadable record counts as an open attempt.
pub fn decode(event: &HealingEvent) -> Result<Episode, String> {
    let meta = &event.metadata;
    let text = |value: &Option<String>| Text::from(value.as_deref().unwrap_or_default());
    let spec = event.spec.clone();
    time("spec.failedAt", &spec.failed_at)?;
    time("spec.detectedAt", &spec.detected_at)?;
    let status = event.status.as_ref();
    Ok(Episode {
        id: Name {
            namespace: text(&meta.namespace),
            name: text(&meta.name),
        },
        uid: text(&meta.uid),
        version: text(&meta.resource_version),
        spec,
        retry: meta
            .annotations
            .as_ref()
            .and_then(|all| all.get(annotations::RETRY))
            .map(|value| value.chars().take(256).collect::<String>().into()),
        state: status.map_or_else(|| Ok(State::default()), state)?,
    })
}

/// The record of an episode, ready to be written under its resourceVersion.
pub fn encode(episode: &Episode) -> HealingEvent {
    let owned = |text: &Text| Some(text.to_string()).filter(|text| !text.is_empty());
    let mut event = HealingEvent::new(&episode.id.name, episode.spec.clone());
    event.metadata = ObjectMeta {
        name: owned(&episode.id.name),
        namespace: owned(&episode.id.namespace),
        uid: owned(&episode.uid),
        resource_version: owned(&episode.version),
        annotations: episode
            .retry
            .as_ref()
            .map(|value| [(annotations::RETRY.to_owned(), value.to_string())].into()),
        ..ObjectMeta::default()
    };
    event.status = Some(status(episode));
    event
}

/// The status of an episode's record.
pub fn status(episode: &Episode) -> HealingEventStatus {
    let state = &episode.state;
    let owned = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
    let recovered = state.healthy_at.filter(|_| state.phase == Phase::Recovered);
    let recovery = recovered.map(|at| span(episode.detected_at(), at));
    HealingEventStatus {
        phase: Some(state.phase.as_str().to_owned()),
        reason: owned(&state.reason),
        message: state.message.clone(),
        mode: Some(
            if episode.is_dry() {
                Mode::DryRun
            } else {
                Mode::Enforce
            }
            .to_string(),
        ),
        step: owned(&state.step),
        attempt_count: Some(
            i64::try_from(state.attempts.iter().filter(|one| one.is_spent()).count())
                .unwrap_or(i64::MAX),
        ),
        detection: Some(span(episode.failed_at(), episode.detected_at())),
        objective: objective(episode, recovered),
        recovery,
        outage: recovered.map(|at| span(episode.failed_at(), at)),
        template_hash: owned(&state.template_hash),
        symptom: owned(&state.symptom),
        rule: owned(&state.rule),
        healthy_at: state.healthy_at.map(Timestamp::from),
        relapse_until: state.relapse_until.map(Timestamp::from),
        ended_at: state.ended_at.map(Timestamp::from),
        relapses: Some(i64::from(state.relapses)).filter(|count| *count > 0),
        relapsed_at: state.relapsed_at.map(Timestamp::from),
        longest_run: state.longest_run.map(Duration::from_millis),
        retried: owned(&state.retried),
        attempts: state.attempts.iter().map(write_attempt).collect(),
        skips: state.skips.iter().map(write_skip).collect(),
        later_steps: state.later_steps.iter().map(ToString::to_string).collect(),
        spent: state.spent.iter().map(write_spent).collect(),
        baseline: state.baseline.iter().map(write_baseline).collect(),
        undo: state.undo.as_ref().map(write_undo),
        evidence: state.evidence.clone(),
        conditions: conditions(episode),
    }
}

/// A span as people read it: whole seconds, from one second on.
fn span(from: Moment, to: Moment) -> Duration {
    let millis = to.since(from);
    let seconds = millis.saturating_add(500).div_euclid(1000);
    if millis < 1000 {
        Duration::from_millis(millis)
    } else {
        Duration::from_secs(seconds)
    }
}

/// `Met` or `Missed` once there is a recovery to compare.
fn objective(episode: &Episode, healthy_at: Option<Moment>) -> Option<String> {
    let within = episode.spec.recover_within.as_ref()?;
    let met = healthy_at?.since(episode.detected_at()) <= within.as_millis();
    Some(if met { "Met" } else { "Missed" }.to_owned())
}

/// `Open` and `Recovered`, derived from the state, for `kubectl wait`.
fn conditions(episode: &Episode) -> Vec<Condition> {
    let state = &episode.state;
    let condition = |type_: &str, status: bool, reason: &str, at: Moment| Condition {
        type_: type_.to_owned(),
        status: if status { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: String::new(),
        last_transition_time: Time(
            jiff::Timestamp::from_second(at.as_millis() / 1000).unwrap_or_default(),
        ),
        observed_generation: None,
    };
    let phase = state.phase.as_str();
    let recovered = state.phase == Phase::Recovered;
    vec![
        condition(
            "Open",
            state.ended_at.is_none(),
            phase,
            state.ended_at.unwrap_or(episode.detected_at()),
        ),
        condition(
            "Recovered",
            recovered,
            phase,
            state
                .healthy_at
                .filter(|_| recovered)
                .unwrap_or(episode.detected_at()),
        ),
    ]
}

fn write_attempt(attempt: &Attempt) -> EventAttempt {
    EventAttempt {
        step: attempt.step.to_string(),
        action: attempt.action,
        intent_at: attempt.intent_at.into(),
        not_after: attempt.not_after.into(),
        rearmed: attempt.rearmed.into(),
        requests: attempt.requests.iter().map(write_request).collect(),
        acted_at: attempt.acted_at.map(Timestamp::from),
        outcome: attempt.outcome.map(|one| word(&OUTCOMES, one)),
        message: attempt.message.clone(),
        judged_at: attempt.judged_at.map(Timestamp::from),
    }
}

fn write_request(request: &Request) -> EventRequest {
    let owned = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
    EventRequest {
        verb: word(&VERBS, request.verb),
        name: request.name.to_string(),
        uid: request.uid.to_string(),
        from: owned(&request.from),
        to: owned(&request.to),
        result: request.result.map(|one| word(&RESULTS, one)),
        detail: owned(&request.detail),
    }
}

fn write_skip(skip: &Skipped) -> EventSkip {
    EventSkip {
        step: skip.step.to_string(),
        reason: skip.reason.to_string(),
        message: skip.message.clone(),
    }
}

fn write_spent(spent: &Spent) -> EventSpent {
    EventSpent {
        step: spent.step.to_string(),
        attempts: spent.attempts.into(),
    }
}

fn write_baseline(baseline: &Baseline) -> EventBaseline {
    EventBaseline {
        pod: baseline.pod.to_string(),
        container: baseline.container.to_string(),
        restarts: baseline.restarts.into(),
    }
}

fn write_undo(undo: &UndoState) -> EventUndo {
    EventUndo {
        due_at: undo.due_at.into(),
        from: undo.from.into(),
        to: undo.to.into(),
        intent_at: undo.intent_at.map(Timestamp::from),
        not_after: undo.not_after.map(Timestamp::from),
        rearmed: undo.rearmed.into(),
        done_at: undo.done_at.map(Timestamp::from),
        result: undo.result.as_ref().map(ToString::to_string),
    }
}

fn state(status: &HealingEventStatus) -> Result<State, String> {
    let text = |value: &Option<String>| value.as_deref().map(Text::from);
    Ok(State {
        phase: match &status.phase {
            None => Phase::Pending,
            Some(name) => Phase::ALL
                .into_iter()
                .find(|phase| phase.as_str() == name)
                .ok_or_else(|| format!("status.phase {name:?} is unknown"))?,
        },
        reason: text(&status.reason),
        message: status.message.clone(),
        step: text(&status.step),
        template_hash: text(&status.template_hash),
        symptom: text(&status.symptom),
        rule: text(&status.rule),
        healthy_at: maybe_time("status.healthyAt", status.healthy_at.as_ref())?,
        relapse_until: maybe_time("status.relapseUntil", status.relapse_until.as_ref())?,
        ended_at: maybe_time("status.endedAt", status.ended_at.as_ref())?,
        relapses: status
            .relapses
            .map_or(Ok(0), |count| number("status.relapses", count))?,
        relapsed_at: maybe_time("status.relapsedAt", status.relapsed_at.as_ref())?,
        longest_run: status.longest_run.as_ref().map(Duration::as_millis),
        retried: text(&status.retried),
        attempts: status
            .attempts
            .iter()
            .map(read_attempt)
            .collect::<Result<_, _>>()?,
        skips: status.skips.iter().map(read_skip).collect(),
        later_steps: status
            .later_steps
            .iter()
            .map(|step| step.as_str().into())
            .collect(),
        spent: status
            .spent
            .iter()
            .map(read_spent)
            .collect::<Result<_, _>>()?,
        baseline: status
            .baseline
            .iter()
            .map(read_baseline)
            .collect::<Result<_, _>>()?,
        undo: status.undo.as_ref().map(read_undo).transpose()?,
        evidence: status.evidence.clone(),
    })
}

fn read_attempt(attempt: &EventAttempt) -> Result<Attempt, String> {
    Ok(Attempt {
        step: attempt.step.as_str().into(),
        action: attempt.action,
        intent_at: time("attempts.intentAt", &attempt.intent_at)?,
        not_after: time("attempts.notAfter", &attempt.not_after)?,
        rearmed: number("attempts.rearmed", attempt.rearmed)?,
        requests: attempt
            .requests
            .iter()
            .map(read_request)
            .collect::<Result<_, _>>()?,
        acted_at: maybe_time("attempts.actedAt", attempt.acted_at.as_ref())?,
        outcome: maybe_named("attempts.outcome", &OUTCOMES, attempt.outcome.as_deref())?,
        message: attempt.message.clone(),
        judged_at: maybe_time("attempts.judgedAt", attempt.judged_at.as_ref())?,
    })
}

fn read_request(request: &EventRequest) -> Result<Request, String> {
    let text = |value: &Option<String>| value.as_deref().map(Text::from);
    Ok(Request {
        verb: named("requests.verb", &VERBS, &request.verb)?,
        name: request.name.as_str().into(),
        uid: request.uid.as_str().into(),
        from: text(&request.from),
        to: text(&request.to),
        result: maybe_named("requests.result", &RESULTS, request.result.as_deref())?,
        detail: text(&request.detail),
    })
}

fn read_skip(skip: &EventSkip) -> Skipped {
    Skipped {
        step: skip.step.as_str().into(),
        reason: skip.reason.as_str().into(),
        message: skip.message.clone(),
    }
}

fn read_spent(spent: &EventSpent) -> Result<Spent, String> {
    let attempts = number("spent.attempts", spent.attempts)?;
    Ok(Spent {
        step: spent.step.as_str().into(),
        attempts,
    })
}

fn read_baseline(baseline: &EventBaseline) -> Result<Baseline, String> {
    Ok(Baseline {
        pod: baseline.pod.as_str().into(),
        container: baseline.container.as_str().into(),
        restarts: number("baseline.restarts", baseline.restarts)?,
    })
}

fn read_undo(undo: &EventUndo) -> Result<UndoState, String> {
    Ok(UndoState {
        due_at: time("undo.dueAt", &undo.due_at)?,
        from: number("undo.from", undo.from)?,
        to: number("undo.to", undo.to)?,
        intent_at: maybe_time("undo.intentAt", undo.intent_at.as_ref())?,
        not_after: maybe_time("undo.notAfter", undo.not_after.as_ref())?,
        rearmed: number("undo.rearmed", undo.rearmed)?,
        done_at: maybe_time("undo.doneAt", undo.done_at.as_ref())?,
        result: undo.result.as_deref().map(Text::from),
    })
}

/// The words of the API for each enum; both directions read these tables.
const OUTCOMES: [(&str, Outcome); 7] = [
    ("WouldAct", Outcome::WouldAct),
    ("NotApplied", Outcome::NotApplied),
    ("Recovered", Outcome::Recovered),
    ("NotRecovered", Outcome::NotRecovered),
    ("Inconclusive", Outcome::Inconclusive),
    ("Partial", Outcome::Partial),
    ("Superseded", Outcome::Superseded),
];
const VERBS: [(&str, Verb); 4] = [
    ("Evict", Verb::Evict),
    ("Delete", Verb::Delete),
    ("Scale", Verb::Scale),
    ("Rollback", Verb::Rollback),
];
const RESULTS: [(&str, Done); 3] = [
    ("Applied", Done::Applied),
    ("NotApplied", Done::NotApplied),
    ("Unknown", Done::Unknown),
];

fn word<T: Copy + PartialEq>(table: &[(&str, T)], value: T) -> String {
    table
        .iter()
        .find(|(_, one)| *one == value)
        .map_or_else(String::new, |(word, _)| (*word).to_owned())
}

/// The outcome's word, for metrics and logs.
pub fn outcome_word(outcome: Outcome) -> String {
    word(&OUTCOMES, outcome)
}

fn named<T: Copy>(field: &str, table: &[(&str, T)], name: &str) -> Result<T, String> {
    table
        .iter()
        .find(|(word, _)| *word == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("{field} {name:?} is unknown"))
}

fn maybe_named<T: Copy>(
    field: &str,
    table: &[(&str, T)],
    name: Option<&str>,
) -> Result<Option<T>, String> {
    name.map(|name| named(field, table, name)).transpose()
}

fn time(field: &str, at: &Timestamp) -> Result<Moment, String> {
    at.as_millis()
        .map(Moment::from_millis)
        .ok_or_else(|| format!("{field} {at} is no point in time"))
}

fn maybe_time(field: &str, at: Option<&Timestamp>) -> Result<Option<Moment>, String> {
    at.map(|at| time(field, at)).transpose()
}

fn number(field: &str, value: i64) -> Result<u32, String> {
    u32::try_from(value).map_err(|_| format!("{field} {value} is no count"))
}
