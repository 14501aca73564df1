//! Arbitrary records.

use kubemend_api::Duration;
use kubemend_api::actions::ActionName;
use kubemend_api::event::{
    CauseKind, EventEvidence, EventSign, EventStrategy, EventTarget, HealingEventSpec,
};
use kubemend_api::policy::StrategyKind;
use kubemend_engine::cause::Cause;
use kubemend_engine::episode::{
    Approved, Attempt, Awaited, Baseline, Done, Outcome, Phase, Request, Skipped, Spent, State,
    UndoState, Verb,
};
use kubemend_engine::proposal::Proposal;
use kubemend_engine::{Episode, Moment, record_name};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::arbitrary::{count, hash, target, uid_of, word};

/// Times that a record can carry: years 1970 to 9999.
fn written() -> impl Strategy<Value = Moment> {
    (0i64..253_370_000_000_000).prop_map(Moment::from_millis)
}

fn request() -> impl Strategy<Value = Request> {
    let verb = select(vec![
        Verb::Evict,
        Verb::Delete,
        Verb::Scale,
        Verb::Rollback,
        Verb::Restart,
        Verb::Resize,
        Verb::Run,
    ]);
    let result = of(select(vec![Done::Applied, Done::NotApplied, Done::Unknown]));
    (
        verb,
        word(),
        word(),
        of(word()),
        of(word()),
        result,
        of(word()),
    )
        .prop_map(|(verb, name, uid, from, to, result, detail)| Request {
            verb,
            name,
            uid,
            from,
            to,
            result,
            detail,
        })
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let action = select(vec![
        ActionName::RestartPod,
        ActionName::Scale,
        ActionName::Rollback,
        ActionName::ResizeMemory,
        ActionName::Job,
    ]);
    let outcome = of(select(vec![
        Outcome::WouldAct,
        Outcome::NotApplied,
        Outcome::Recovered,
        Outcome::NotRecovered,
        Outcome::Inconclusive,
        Outcome::Partial,
        Outcome::Superseded,
    ]));
    let times = (written(), written(), of(written()), of(written()));
    let approved = (word(), written()).prop_map(|(by, at)| Approved { by, at });
    (
        select(vec!["restart", "scale", "gone"]),
        action,
        times,
        count(),
        vec(request(), 0..3),
        outcome,
        of(word()),
        of(approved),
    )
        .prop_map(
            |(
                step,
                action,
                (intent_at, not_after, acted_at, judged_at),
                rearmed,
                requests,
                outcome,
                message,
                approved,
            )| Attempt {
                step: step.into(),
                action,
                intent_at,
                not_after,
                rearmed,
                requests,
                acted_at,
                outcome,
                message: message.map(|text| text.to_string()),
                judged_at,
                approved,
            },
        )
}

fn awaited() -> impl Strategy<Value = Awaited> {
    (word(), count(), written(), written()).prop_map(|(step, attempt, since, until)| Awaited {
        step,
        attempt,
        since,
        until,
    })
}

fn undo() -> impl Strategy<Value = UndoState> {
    (
        written(),
        count(),
        count(),
        of(written()),
        of(written()),
        count(),
        of(written()),
        of(word()),
    )
        .prop_map(
            |(due_at, from, to, intent_at, not_after, rearmed, done_at, result)| UndoState {
                due_at,
                from,
                to,
                intent_at,
                not_after,
                rearmed,
                done_at,
                result,
            },
        )
}

fn state() -> impl Strategy<Value = State> {
    let texts = (
        of(word()),
        of(word()),
        of(word()),
        of(hash()),
        of(word()),
        of(word()),
        of(word()),
    );
    let times = (
        of(written()),
        of(written()),
        of(written()),
        count(),
        of(written()),
        of(0i64..315_360_000_000),
    );
    let lists = (
        vec(attempt(), 0..4),
        vec((word(), word(), of(word())), 0..3),
        vec(word(), 0..3),
        vec((word(), count()), 0..3),
        vec((word(), word(), count()), 0..3),
    );
    (
        select(Phase::ALL.to_vec()),
        texts,
        times,
        lists,
        (of(undo()), of(awaited()), of(cause()), of(proposal())),
        vec(evidence(), 0..3),
    )
        .prop_map(
            |(
                phase,
                (reason, message, step, template_hash, symptom, rule, retried),
                (healthy_at, relapse_until, ended_at, relapses, relapsed_at, longest_run),
                (attempts, skips, later_steps, spent, baseline),
                (undo, approval, cause, proposal),
                evidence,
            )| State {
                phase,
                reason,
                message: message.map(|text| text.to_string()),
                step,
                template_hash,
                symptom,
                rule,
                healthy_at,
                relapse_until,
                ended_at,
                relapses,
                relapsed_at,
                longest_run,
                retried,
                approval,
                attempts,
                skips: skips
                    .into_iter()
                    .map(|(step, reason, message)| Skipped {
                        step,
                        reason,
                        message: message.map(|text| text.to_string()),
                    })
                    .collect(),
                later_steps,
                spent: spent
                    .into_iter()
                    .map(|(step, attempts)| Spent { step, attempts })
                    .collect(),
                baseline: baseline
                    .into_iter()
                    .map(|(pod, container, restarts)| Baseline {
                        pod,
                        container,
                        restarts,
                    })
                    .collect(),
                undo,
                cause,
                proposal,
                evidence,
            },
        )
}

fn sign() -> impl Strategy<Value = EventSign> {
    let kinds = [
        CauseKind::Node,
        CauseKind::Image,
        CauseKind::Object,
        CauseKind::Zone,
        CauseKind::Config,
    ];
    let name = select(vec!["a", "b"]).prop_map(str::to_owned);
    (select(kinds.to_vec()), name).prop_map(|(kind, name)| EventSign { kind, name })
}

fn cause() -> impl Strategy<Value = Cause> {
    (sign(), count()).prop_map(|(sign, targets)| Cause { sign, targets })
}

fn proposal() -> impl Strategy<Value = Proposal> {
    (
        word(),
        word(),
        word(),
        hash(),
        hash(),
        of(word()),
        of(word()),
    )
        .prop_map(
            |(step, revision, uid, from, to, patch, left_out)| Proposal {
                step,
                revision,
                uid,
                from,
                to,
                patch: patch.map(|text| text.to_string()),
                left_out: left_out.iter().map(ToString::to_string).collect(),
            },
        )
}

fn evidence() -> impl Strategy<Value = EventEvidence> {
    (
        word(),
        of(word()),
        of(word()),
        of(any::<i64>()),
        of(any::<i64>()),
        of(word()),
    )
        .prop_map(
            |(pod, container, reason, exit_code, restarts, message)| EventEvidence {
                pod: pod.to_string(),
                container: container.map(|text| text.to_string()),
                reason: reason.map(|text| text.to_string()),
                exit_code,
                restarts,
                message: message.map(|text| text.to_string()),
            },
        )
}

/// Any record of a target of the small vocabulary.
pub fn episode() -> impl Strategy<Value = Episode> {
    let spec = (
        hash(),
        select(vec!["loops", "gone"]),
        of(any::<i64>()),
        of(0i64..1_000_000),
        0i64..1_000_000_000,
        written(),
        written(),
    );
    (
        target(),
        1u64..4,
        any::<bool>(),
        1u64..100,
        (of(word()), of(word())),
        spec,
        (state(), vec(sign(), 0..3)),
    )
        .prop_map(
            |(
                key,
                ordinal,
                dry,
                version,
                (retry, approval),
                (template_hash, rule, generation, within, ttl, failed_at, detected_at),
                (state, signs),
            )| Episode {
                id: record_name::name(&key, ordinal, dry),
                uid: "uid".into(),
                version: version.to_string().as_str().into(),
                retry,
                approval,
                state,
                spec: HealingEventSpec {
                    target: EventTarget {
                        api_version: Some("apps/v1".into()),
                        kind: key.words().0.to_owned(),
                        name: key.words().1.to_owned(),
                        uid: uid_of(&key).to_string(),
                        template_hash: template_hash.to_string(),
                    },
                    target_ref: key.reference(),
                    policy_ref: "HealingPolicy/shop".into(),
                    rule: rule.into(),
                    symptom: "CrashLoop".into(),
                    strategy: generation.map(|generation| EventStrategy {
                        kind: StrategyKind::RecoveryStrategy,
                        name: "s".into(),
                        uid: "u".into(),
                        generation,
                    }),
                    signs,
                    thresholds: [("restarts".to_owned(), "3".to_owned())].into(),
                    recover_within: within.map(Duration::from_millis),
                    ttl: Duration::from_millis(ttl),
                    failed_at: failed_at.into(),
                    detected_at: detected_at.into(),
                },
            },
        )
}
