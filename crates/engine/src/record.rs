//! The record of an episode: `HealingEvent` ↔ `Episode`, one the inverse of the other.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube_core::ObjectMeta;
use kubemend_api::event::{
    EventApproval, EventAttempt, EventBaseline, EventCause, EventProposal, EventRequest, EventSkip,
    EventSpent, EventUndo, HealingEvent, HealingEventStatus, Timestamp,
};
use kubemend_api::{Duration, Mode, annotations};

use crate::approval;
use crate::cause::Cause;
use crate::episode::{
    Attempt, Awaited, Baseline, Done, Episode, Outcome, Phase, Request, Skipped, Spent, State,
    UndoState, Verb,
};
use crate::facts::{Name, Text};
use crate::moment::{Millis, Moment};
use crate::proposal::Proposal;

mod template_patch;
mod read;

/// Reads an episode from its record. The error names the field; the caller holds the target, as
/// an unreadable record counts as an open attempt.
pub fn decode(event: &HealingEvent) -> Result<Episode, String> {
    let meta = &event.metadata;
    let text = |value: &Option<String>| Text::from(value.as_deref().unwrap_or_default());
    let spec = event.spec.clone();
    read::time("spec.failedAt", &spec.failed_at)?;
    read::time("spec.detectedAt", &spec.detected_at)?;
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
        approval: meta
            .annotations
            .as_ref()
            .and_then(|all| all.get(annotations::APPROVAL))
            .filter(|value| value.chars().count() <= approval::ANSWER_MAX)
            .map(|value| value.as_str().into()),
        state: status.map_or_else(|| Ok(State::default()), read::state)?,
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
        annotations: annotations_of(episode),
        ..ObjectMeta::default()
    };
    event.status = Some(status(episode));
    event
}

/// What people have written on the record stays.
fn annotations_of(episode: &Episode) -> Option<BTreeMap<String, String>> {
    let all = [
        (annotations::RETRY, &episode.retry),
        (annotations::APPROVAL, &episode.approval),
    ];
    let written =
        |(key, value): (&str, &Option<Text>)| Some((key.to_owned(), value.as_ref()?.to_string()));
    let written: BTreeMap<_, _> = all.into_iter().filter_map(written).collect();
    Some(written).filter(|one| !one.is_empty())
}

/// The status of an episode's record.
pub fn status(episode: &Episode) -> HealingEventStatus {
    let state = &episode.state;
    let owned = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
    let recovered = state.healthy_at.filter(|_| state.phase == Phase::Recovered);
    let recovery = recovered.map(|at| span(at.since(episode.detected_at())));
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
        detection: Some(span(episode.detected_at().since(episode.failed_at()))),
        objective: objective(episode, recovered),
        recovery,
        outage: recovered.map(|at| span(at.since(episode.failed_at()))),
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
        approval: state.approval.as_ref().map(write_approval),
        attempts: state.attempts.iter().map(write_attempt).collect(),
        skips: state.skips.iter().map(write_skip).collect(),
        later_steps: state.later_steps.iter().map(ToString::to_string).collect(),
        spent: state.spent.iter().map(write_spent).collect(),
        baseline: state.baseline.iter().map(write_baseline).collect(),
        undo: state.undo.as_ref().map(write_undo),
        cause: state.cause.as_ref().map(write_cause),
        template_patch: template_patch::of(episode),
        proposal: state.proposal.as_ref().map(write_proposal),
        evidence: state.evidence.clone(),
        conditions: conditions(episode),
    }
}

/// A span as people read it: whole seconds, from one second on.
pub(crate) fn span(millis: Millis) -> Duration {
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
        approved_by: attempt.approved.as_ref().map(|one| one.by.to_string()),
        approved_at: attempt.approved.as_ref().map(|one| one.at.into()),
    }
}

fn write_approval(asked: &Awaited) -> EventApproval {
    EventApproval {
        step: asked.step.to_string(),
        attempt: asked.attempt.into(),
        since: asked.since.into(),
        until: asked.until.into(),
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

fn write_cause(cause: &Cause) -> EventCause {
    EventCause {
        kind: cause.sign.kind,
        name: cause.sign.name.clone(),
        targets: cause.targets.into(),
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

fn write_proposal(proposal: &Proposal) -> EventProposal {
    EventProposal {
        step: proposal.step.to_string(),
        revision: proposal.revision.to_string(),
        uid: proposal.uid.to_string(),
        from: proposal.from.to_string(),
        to: proposal.to.to_string(),
        patch: proposal.patch.clone(),
        left_out: proposal.left_out.clone(),
    }
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
const VERBS: [(&str, Verb); 7] = [
    ("Evict", Verb::Evict),
    ("Delete", Verb::Delete),
    ("Scale", Verb::Scale),
    ("Rollback", Verb::Rollback),
    ("Restart", Verb::Restart),
    ("Resize", Verb::Resize),
    ("Run", Verb::Run),
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
