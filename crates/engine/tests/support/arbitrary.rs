//! Arbitrary facts, absurd ones included.

use kubemend_api::Memory;
use kubemend_api::targets::WorkloadKind;
use kubemend_api::triggers::{ConditionStatus, Probe};
use kubemend_engine::change::Object;
use kubemend_engine::facts::event::NoAnswer;
use kubemend_engine::facts::{
    Checks, Clue, Condition, Container, EventFacts, Labels, Name, Owner, Phase as PodPhase,
    PodFacts, Proof, Rare, RevisionFacts, Role, Starved, TargetKey, Termination, Text, Trouble,
    Updates, WorkloadFacts, template,
};
use kubemend_engine::{Moment, Source};
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

pub fn word() -> impl Strategy<Value = Text> {
    "[a-zA-Z0-9 äß\"\\\\/-]{1,12}".prop_map(|text| text.as_str().into())
}

pub fn count() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0u32..6, 1 => any::<u32>()]
}

fn namespace() -> impl Strategy<Value = Text> {
    select(vec!["shop", "cafe", "kube-system"]).prop_map(Text::from)
}

pub fn target() -> impl Strategy<Value = TargetKey> {
    (
        namespace(),
        select(WorkloadKind::ALL.to_vec()),
        select(vec!["web", "db"]),
    )
        .prop_map(|(namespace, kind, name)| match kind {
            WorkloadKind::Pod => TargetKey::spelled("CloneSet", &namespace, name),
            kind => TargetKey::new(kind, &namespace, name),
        })
}

pub fn hash() -> impl Strategy<Value = Text> {
    select(vec!["good", "bad"]).prop_map(Text::from)
}

pub fn uid_of(key: &TargetKey) -> Text {
    format!("{key}").as_str().into()
}

fn revision_name(key: &TargetKey, hash: &str) -> String {
    format!("{}-{hash}", key.name)
}

/// Pods have no object of their own that would be watched.
fn of_workload(key: TargetKey) -> TargetKey {
    if key.kind != WorkloadKind::Pod {
        return key;
    }
    TargetKey::new(WorkloadKind::StatefulSet, &key.namespace, key.words().1)
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
        vec(condition(), 0..3),
    )
        .prop_map(
            |(
                key,
                hash,
                (desired, updated, available, observed, paused, created),
                mode,
                conditions,
            )| {
                let key = of_workload(key);
                Object::Workload(WorkloadFacts {
                    uid: uid_of(&key),
                    version: "7".into(),
                    labels: labels(&key),
                    created,
                    deleting: false,
                    hash,
                    images: 0,
                    observed,
                    paused,
                    desired,
                    updated,
                    available,
                    mode: mode.map(Text::from),
                    gitops: None,
                    controller: None,
                    conditions: conditions.into(),
                    updates: Updates::Rolling,
                    rolling: updated < desired,
                    restarted_at: None,
                    memory: [("app".into(), Memory::from_bytes(64 << 20))].into(),
                    configs: ["ConfigMap/settings".into()].into(),
                    history: 10,
                    key,
                })
            },
        )
}

/// One condition of the few types that detectors know.
fn condition() -> impl Strategy<Value = Condition> {
    let kind = select(vec![
        "Progressing",
        "ReplicaFailure",
        "PodScheduled",
        "PodReadyToStartContainers",
        "Degraded",
    ]);
    let status = select(vec![
        ConditionStatus::True,
        ConditionStatus::False,
        ConditionStatus::Unknown,
    ]);
    (kind, status, of(moment())).prop_map(|(kind, status, since)| Condition {
        kind: kind.into(),
        status,
        reason: "Told".into(),
        since,
    })
}

fn labels(key: &TargetKey) -> Labels {
    Labels::new([("app".into(), key.name.clone())].into())
}

/// A pod of a `StatefulSet` or `DaemonSet` names its revision.
fn pod_labels(key: &TargetKey, hash: &str) -> Labels {
    let revision: Text = revision_name(key, hash).as_str().into();
    Labels::new(
        [
            ("app".into(), key.name.clone()),
            (template::REVISION_LABEL.into(), revision),
        ]
        .into(),
    )
}

pub fn revision() -> impl Strategy<Value = Object> {
    (
        target(),
        hash(),
        moment(),
        0u64..4,
        of((moment(), any::<i64>())),
    )
        .prop_map(|(key, hash, created, revision, proof)| {
            let (kind, name) = match key.kind {
                WorkloadKind::Pod => (WorkloadKind::Deployment, key.words().1),
                kind => (kind, &*key.name),
            };
            let key = TargetKey::new(kind, &key.namespace, name);
            let name = revision_name(&key, &hash);
            Object::Revision(RevisionFacts {
                source: Source::of_revisions(key.kind),
                name: Name::new(&key.namespace, &name),
                uid: format!("{}/{name}", key.namespace).as_str().into(),
                version: "8".into(),
                owner: Some(Owner {
                    kind: key.kind.as_str().into(),
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
    let exit = prop_oneof![any::<i32>(), select(vec![0, 1, 137, 143])];
    let reason = select(vec!["Error", "OOMKilled", "StartError"]);
    let end = (exit, reason, of(moment()), of(moment()), any::<bool>()).prop_map(
        |(exit_code, reason, started, finished, expected)| Termination {
            exit_code,
            reason: reason.into(),
            started,
            finished,
            expected,
        },
    );
    let probes = select(vec![Probe::Liveness, Probe::Readiness, Probe::Startup]);
    let checks = (vec(probes, 0..3), any::<bool>(), any::<bool>())
        .prop_map(|(probes, started, ready)| Checks::new(&probes, started, ready));
    let role = select(vec![Role::App, Role::Sidecar, Role::Init]);
    (
        role,
        count(),
        any::<bool>(),
        of(select(vec![
            "CrashLoopBackOff",
            "ImagePullBackOff",
            "CreateContainerConfigError",
            "ContainerCreating",
        ])),
        of(end),
        checks,
    )
        .prop_map(
            |(role, restarts, running, waiting, newest, checks)| Container {
                name: "app".into(),
                role,
                checks,
                restarts,
                running,
                waiting: waiting.map(Text::from),
                newest: newest.map(Box::new),
            },
        )
}

fn rare() -> impl Strategy<Value = Option<Rare>> {
    let clue = (of(word()), of(word()), of(word()));
    let clue = clue.prop_map(|(node, image, object)| Clue {
        host_network: false,
        node,
        image,
        object,
    });
    let starved = (of(64u64..200), of(64u64..200), any::<bool>(), any::<bool>());
    let starved = starved.prop_map(|(limit, given, guaranteed, restarts)| Starved {
        container: "app".into(),
        sidecar: false,
        limit: limit.map(|mebis| Memory::from_bytes(mebis << 20)),
        given: given.map(|mebis| Memory::from_bytes(mebis << 20)),
        guaranteed,
        restarts,
    });
    let rare = (
        vec(condition(), 0..3),
        of(moment()),
        vec(word(), 0..2),
        clue,
        vec(starved, 0..2),
        any::<bool>(),
    );
    of(rare.prop_map(
        |(conditions, due, finalizers, clue, starved, autosized)| Rare {
            conditions: conditions.into(),
            due,
            finalizers: finalizers.into(),
            clue,
            starved: starved.into(),
            autosized,
            trouble: Trouble::default(),
        },
    ))
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
        rare(),
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
                rare,
            )| {
                let name = format!("{}-{}-{number}", key.words().1, key.kind);
                let owner = if key.kind == WorkloadKind::Deployment {
                    let revision = revision_name(&key, &hash);
                    Owner {
                        kind: "ReplicaSet".into(),
                        name: revision.as_str().into(),
                        uid: format!("{}/{revision}", key.namespace).as_str().into(),
                    }
                } else {
                    let (kind, name) = key.words();
                    Owner {
                        kind: kind.into(),
                        name: name.into(),
                        uid: uid_of(&key),
                    }
                };
                Object::Pod(PodFacts {
                    name: Name::new(&key.namespace, &name),
                    uid: format!("{}/{name}", key.namespace).as_str().into(),
                    owner: Some(owner.into()),
                    labels: pod_labels(&key, &hash),
                    created,
                    deleting,
                    disrupted,
                    mirror: false,
                    finite: false,
                    phase,
                    evicted: false,
                    ready,
                    ready_changed,
                    containers: containers.into(),
                    rare: rare.map(Box::new),
                })
            },
        )
}

/// An event about a pod or a workload of the small vocabulary, or about nothing.
pub fn event() -> impl Strategy<Value = Object> {
    let about = (target(), 0u8..4, any::<bool>());
    let reason = select(vec![
        "Failed",
        "FailedCreatePodSandBox",
        "Unhealthy",
        "Other",
    ]);
    let probe = of(select(vec![NoAnswer::Silence, NoAnswer::Refused]));
    let times = (of(moment()), of(moment()));
    (about, reason, count(), times, probe, 0u8..3).prop_map(
        |((key, number, own), reason, count, (first, last), probe, id)| {
            let pod = format!("{}-{}-{number}", key.name, key.kind);
            let (kind, name, uid) = if own {
                (key.kind.as_str(), key.name.to_string(), uid_of(&key))
            } else {
                let uid = format!("{}/{pod}", key.namespace);
                ("Pod", pod, uid.as_str().into())
            };
            Object::Event(EventFacts {
                name: Name::new(&key.namespace, &format!("{name}.{id}")),
                uid: format!("{name}.{id}").as_str().into(),
                kind: kind.into(),
                about: Name::new(&key.namespace, &name),
                about_uid: (&*uid).into(),
                warning: true,
                reason: reason.into(),
                count,
                first,
                last,
                probe,
            })
        },
    )
}

/// One object of any of the kinds that make trouble.
pub fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        3 => workload(),
        3 => revision(),
        6 => pod(),
        3 => event(),
        1 => super::arbitrary_record::episode().prop_map(|episode| Object::Record(Box::new(episode))),
    ]
}
