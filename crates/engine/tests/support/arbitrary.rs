//! Arbitrary facts and records, absurd ones included.

use kubemend_api::Duration;
use kubemend_api::event::{EventEvidence, EventStrategy, EventTarget, HealingEventSpec};
use kubemend_api::limits::ActionName;
use kubemend_api::policy::StrategyKind;
use kubemend_api::targets::WorkloadKind;
use kubemend_engine::change::Object;
use kubemend_engine::episode::{
    Attempt, Baseline, Done, Outcome, Phase, Request, Skipped, Spent, State, UndoState, Verb,
};
use kubemend_engine::facts::{
    Container, Labels, Name, Owner, Phase as PodPhase, PodFacts, Proof, RevisionFacts, Role,
    TargetKey, Termination, Text, WorkloadFacts,
};
use kubemend_engine::{Episode, Moment, record_name};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Times near the present, and every other one.
pub fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        8 => (-4_000_000i64..4_000_000).prop_map(super::objects::moment),
        1 => any::<i64>().prop_map(Moment::from_millis),
        1 => select(vec![i64::MIN, i64::MAX, 0, -1]).prop_map(Moment::from_millis),
    ]
}

/// Times that a record can carry: years 1970 to 9999.
fn written() -> impl Strategy<Value = Moment> {
    (0i64..253_370_000_000_000).prop_map(Moment::from_millis)
}

fn word() -> impl Strategy<Value = Text> {
    "[a-zA-Z0-9 äß\"\\\\/-]{1,12}".prop_map(|text| text.as_str().into())
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0u32..6, 1 => any::<u32>()]
}

fn namespace() -> impl Strategy<Value = Text> {
    select(vec!["shop", "cafe", "kube-system"]).prop_map(Text::from)
}

fn target() -> impl Strategy<Value = TargetKey> {
    (
        namespace(),
        select(WorkloadKind::ALL.to_vec()),
        select(vec!["web", "db"]),
    )
        .prop_map(|(namespace, kind, name)| TargetKey::new(kind, &namespace, name))
}

fn hash() -> impl Strategy<Value = Text> {
    select(vec!["good", "bad"]).prop_map(Text::from)
}

fn uid_of(key: &TargetKey) -> Text {
    format!("{key}").as_str().into()
}

fn revision_name(key: &TargetKey, hash: &str) -> String {
    format!("{}-{hash}", key.name)
}

/// A workload of the small vocabulary, with any numbers.
pub fn workload() -> impl Strategy<Value = Object> {
    let numbers = (
        count(),
        count(),
        count(),
        any::<bool>(),
        any::<bool>(),
        moment(),
    );
    (
        target(),
        hash(),
        numbers,
        of(select(vec!["Enforce", "DryRun", "off"])),
    )
        .prop_map(
            |(key, hash, (desired, updated, available, observed, paused, created), mode)| {
                Object::Workload(WorkloadFacts {
                    uid: uid_of(&key),
                    version: "7".into(),
                    labels: labels(&key),
                    created,
                    deleting: false,
                    hash,
                    observed,
                    paused,
                    desired,
                    updated,
                    available,
                    mode: mode.map(Text::from),
                    gitops: None,
                    key,
                })
            },
        )
}

fn labels(key: &TargetKey) -> Labels {
    Labels::new([("app".into(), key.name.clone())].into())
}

pub fn revision() -> impl Strategy<Value = Object> {
    (
        target(),
        hash(),
        moment(),
        0u64..4,
        of((moment(), any::<i64>())),
    )
        .prop_map(|(mut key, hash, created, revision, proof)| {
            key.kind = WorkloadKind::Deployment;
            let name = revision_name(&key, &hash);
            Object::Revision(RevisionFacts {
                name: Name::new(&key.namespace, &name),
                uid: format!("{}/{name}", key.namespace).as_str().into(),
                version: "8".into(),
                owner: Some(Owner {
                    kind: "Deployment".into(),
                    name: key.name.clone(),
                    uid: uid_of(&key),
                }),
                created,
                revision,
                hash,
                proof: proof.map(|(since, seconds)| Proof { since, seconds }),
            })
        })
}

fn container() -> impl Strategy<Value = Container> {
    let end =
        (any::<i32>(), of(moment()), of(moment())).prop_map(|(exit_code, started, finished)| {
            Termination {
                exit_code,
                reason: "Error".into(),
                started,
                finished,
            }
        });
    let role = select(vec![Role::App, Role::Sidecar, Role::Init]);
    (
        role,
        count(),
        any::<bool>(),
        of(select(vec!["CrashLoopBackOff", "ImagePullBackOff"])),
        of(end),
    )
        .prop_map(|(role, restarts, running, waiting, newest)| Container {
            name: "app".into(),
            role,
            restarts,
            running,
            waiting: waiting.map(Text::from),
            newest,
        })
}

pub fn pod() -> impl Strategy<Value = Object> {
    let phase = select(vec![
        PodPhase::Running,
        PodPhase::Running,
        PodPhase::Pending,
        PodPhase::Failed,
        PodPhase::Unknown,
        PodPhase::Succeeded,
    ]);
    let flags = (
        any::<bool>(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    (
        target(),
        hash(),
        0u8..4,
        phase,
        flags,
        (moment(), of(moment())),
        vec(container(), 0..3),
    )
        .prop_map(
            |(
                key,
                hash,
                number,
                phase,
                (ready, deleting, disrupted),
                (created, ready_changed),
                containers,
            )| {
                let name = format!("{}-{}-{number}", key.name, key.kind);
                let owner = if key.kind == WorkloadKind::Deployment {
                    let revision = revision_name(&key, &hash);
                    Owner {
                        kind: "ReplicaSet".into(),
                        name: revision.as_str().into(),
                        uid: format!("{}/{revision}", key.namespace).as_str().into(),
                    }
                } else {
                    Owner {
                        kind: key.kind.as_str().into(),
                        name: key.name.clone(),
                        uid: uid_of(&key),
                    }
                };
                Object::Pod(PodFacts {
                    name: Name::new(&key.namespace, &name),
                    uid: format!("{}/{name}", key.namespace).as_str().into(),
                    owner: Some(owner),
                    labels: labels(&key),
                    created,
                    deleting,
                    disrupted,
                    mirror: false,
                    phase,
                    reason: "".into(),
                    ready,
                    ready_changed,
                    containers: containers.into(),
                })
            },
        )
}

fn request() -> impl Strategy<Value = Request> {
    let verb = select(vec![Verb::Evict, Verb::Delete, Verb::Scale, Verb::Rollback]);
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
    (
        select(vec!["restart", "scale", "gone"]),
        action,
        times,
        count(),
        vec(request(), 0..3),
        outcome,
        of(word()),
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
            },
        )
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
        of(undo()),
        vec(evidence(), 0..3),
    )
        .prop_map(
            |(
                phase,
                (reason, message, step, template_hash, symptom, rule, retried),
                (healthy_at, relapse_until, ended_at, relapses, relapsed_at, longest_run),
                (attempts, skips, later_steps, spent, baseline),
                undo,
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
                evidence,
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
        of(word()),
        spec,
        state(),
    )
        .prop_map(
            |(
                key,
                ordinal,
                dry,
                version,
                retry,
                (template_hash, rule, generation, within, ttl, failed_at, detected_at),
                state,
            )| Episode {
                id: record_name::name(&key, ordinal, dry),
                uid: "uid".into(),
                version: version.to_string().as_str().into(),
                retry,
                state,
                spec: HealingEventSpec {
                    target: EventTarget {
                        api_version: "apps/v1".into(),
                        kind: key.kind,
                        name: key.name.to_string(),
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
                    thresholds: [("restarts".to_owned(), "3".to_owned())].into(),
                    recover_within: within.map(Duration::from_millis),
                    ttl: Duration::from_millis(ttl),
                    failed_at: failed_at.into(),
                    detected_at: detected_at.into(),
                },
            },
        )
}

/// One object of any of the kinds that make trouble.
pub fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        3 => workload(),
        3 => revision(),
        6 => pod(),
        1 => episode().prop_map(|episode| Object::Record(Box::new(episode))),
    ]
}
