//! The state of an episode, read from the status of its record; each error names the field.

use kubemend_api::Duration;
use kubemend_api::event::{
    EventApproval, EventAttempt, EventBaseline, EventCause, EventProposal, EventRequest, EventSign,
    EventSkip, EventSpent, EventUndo, HealingEventStatus, Timestamp,
};

use super::{OUTCOMES, RESULTS, VERBS};
use crate::cause::Cause;
use crate::episode::{
    Approved, Attempt, Awaited, Baseline, Phase, Request, Skipped, Spent, State, UndoState,
};
use crate::facts::Text;
use crate::moment::Moment;
use crate::proposal::Proposal;

pub(super) fn state(status: &HealingEventStatus) -> Result<State, String> {
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
        approval: status.approval.as_ref().map(read_approval).transpose()?,
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
        cause: status.cause.as_ref().map(read_cause).transpose()?,
        proposal: status.proposal.as_ref().map(read_proposal),
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
        approved: read_approved(attempt)?,
    })
}

fn read_approved(attempt: &EventAttempt) -> Result<Option<Approved>, String> {
    let at = maybe_time("attempts.approvedAt", attempt.approved_at.as_ref())?;
    let by = attempt.approved_by.as_deref().map(Text::from);
    Ok(by.zip(at).map(|(by, at)| Approved { by, at }))
}

fn read_approval(asked: &EventApproval) -> Result<Awaited, String> {
    Ok(Awaited {
        step: asked.step.as_str().into(),
        attempt: number("approval.attempt", asked.attempt)?,
        since: time("approval.since", &asked.since)?,
        until: time("approval.until", &asked.until)?,
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

fn read_cause(cause: &EventCause) -> Result<Cause, String> {
    Ok(Cause {
        sign: EventSign {
            kind: cause.kind,
            name: cause.name.clone(),
        },
        targets: number("cause.targets", cause.targets)?,
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

fn read_proposal(proposal: &EventProposal) -> Proposal {
    Proposal {
        step: proposal.step.as_str().into(),
        revision: proposal.revision.as_str().into(),
        uid: proposal.uid.as_str().into(),
        from: proposal.from.as_str().into(),
        to: proposal.to.as_str().into(),
        patch: proposal.patch.clone(),
        left_out: proposal.left_out.clone(),
    }
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

pub(super) fn time(field: &str, at: &Timestamp) -> Result<Moment, String> {
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
