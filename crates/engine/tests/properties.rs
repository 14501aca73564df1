//! What holds for every world: no panic, no order, no act beyond budget or selection.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use kubemend_api::targets::WorkloadKind;
use kubemend_engine::change::{self, Change, Object};
use kubemend_engine::episode::{Done, Episode, Outcome};
use kubemend_engine::facts::{Name, TargetKey};
use kubemend_engine::source::Source;
use kubemend_engine::{Effect, Moment, Settings, World, decide, record};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use support::app::App;
use support::objects;
use support::stage::{Crash, Stage};
use support::toy::Toy;
use support::{arbitrary, arbitrary_record};

/// A world that is synced, fresh for ever, and leads; with a policy over everything.
fn ready(mode: &str) -> World {
    let mut world = World::new(Settings::default());
    let now = objects::moment(0);
    for source in Source::ALL {
        world.apply(Change::ListBegins(source), now);
        let ends = Change::ListEnds {
            source,
            version: "5".into(),
            at: Moment::MAX,
        };
        world.apply(ends, now);
    }
    world.apply(Change::Lead(true), now);
    let mut everywhere = objects::policy();
    everywhere["kind"] = json!("ClusterHealingPolicy");
    everywhere["metadata"] = json!({ "name": "everywhere", "uid": "everywhere" });
    everywhere["spec"]["namespaces"] = json!({ "all": true });
    everywhere["spec"]["mode"] = json!(mode);
    let kinds = WorkloadKind::ALL.map(WorkloadKind::as_str);
    everywhere["spec"]["targets"] = json!({ "all": true, "kinds": kinds });
    everywhere["spec"]["rules"] = json!([
        { "name": "failed", "when": { "podFailed": {} }, "strategyRef": { "kind": "ClusterRecoveryStrategy", "name": "crash-loop" } },
        { "name": "network", "when": { "networkIssue": {} }, "strategyRef": { "kind": "ClusterRecoveryStrategy", "name": "crash-loop" } },
        { "name": "loops", "when": { "crashLoop": {} }, "strategyRef": { "kind": "ClusterRecoveryStrategy", "name": "crash-loop" } },
        { "name": "told", "when": { "event": { "reasons": ["*Failed*"], "count": 2 } }, "strategyRef": { "kind": "ClusterRecoveryStrategy", "name": "crash-loop" } },
    ]);
    for object in [objects::config(), objects::strategy(), everywhere] {
        show(&mut world, &object, now);
    }
    world
}

fn show(world: &mut World, object: &Value, now: Moment) {
    let source = objects::source(object["kind"].as_str().expect("a kind"));
    let bytes = serde_json::to_vec(object).expect("JSON");
    world.apply(change::read(source, &bytes).expect("a name"), now);
}

/// Collection and name: what makes two objects the same one.
fn identity(object: &Object) -> (u8, Name) {
    match object {
        Object::Pod(pod) => (0, pod.name.clone()),
        Object::Workload(workload) => {
            let name = format!("{}/{}", workload.key.kind, workload.key.name);
            (1, Name::new(&workload.key.namespace, &name))
        }
        Object::Revision(revision) => (2, revision.name.clone()),
        Object::Record(episode) => (3, episode.id.clone()),
        Object::Event(event) => (5, event.name.clone()),
        _ => (4, Name::new("", "")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_world_makes_a_decision_panic(
        objects in vec((arbitrary::object(), arbitrary::moment()), 0..40),
        rounds in vec(arbitrary::moment(), 1..4),
        mode in select(vec!["Enforce", "DryRun", "Suspended"]),
    ) {
        let mut world = ready(mode);
        for (object, at) in objects {
            world.apply(Change::Object(Box::new(object)), at);
        }
        for now in rounds {
            let plan = decide(&world, now);
            prop_assert_eq!(&plan, &decide(&world, now), "the same world gave another plan");
            let targets: Vec<TargetKey> = plan.effects.iter().map(Effect::target).collect();
            let distinct: BTreeSet<_> = targets.iter().collect();
            prop_assert_eq!(distinct.len(), targets.len(), "two effects for one target");
            prop_assert!(plan.wake_at.is_none_or(|at| at > now || now == Moment::MAX), "a wake-up in the past");
            for effect in &plan.effects {
                world.begin(effect);
                if let Effect::Open(episode, _) | Effect::Write(episode) | Effect::Act(episode, _) | Effect::Rehearse(episode, _) | Effect::Undo(episode) = effect {
                    let written = Object::Record(episode.clone());
                    world.apply(Change::Object(Box::new(written)), now);
                }
            }
        }
    }

    #[test]
    fn the_order_in_which_facts_arrive_counts_for_nothing(
        objects in vec(arbitrary::object(), 0..30),
        seed in any::<u64>(),
        later in 0i64..2_000_000,
    ) {
        let mut distinct: BTreeMap<(u8, Name), Object> = BTreeMap::new();
        for object in objects {
            distinct.insert(identity(&object), object);
        }
        let mut permuted: Vec<(u64, Object)> = distinct.values().cloned().enumerate().map(|(index, object)| {
            let index = u64::try_from(index).unwrap_or(0) + 1;
            (seed.wrapping_mul(index.wrapping_mul(0x9E37_79B9_7F4A_7C15)) ^ (seed >> 7), object)
        }).collect();
        permuted.sort_by_key(|(key, _)| *key);
        let now = objects::moment(0);
        let (mut one, mut other) = (ready("Enforce"), ready("Enforce"));
        for object in distinct.into_values() {
            one.apply(Change::Object(Box::new(object)), now);
        }
        for (_, object) in permuted {
            // Twice: applying is idempotent.
            other.apply(Change::Object(Box::new(object.clone())), now);
            other.apply(Change::Object(Box::new(object)), now);
        }
        for at in [now, now.plus(later)] {
            prop_assert_eq!(decide(&one, at), decide(&other, at));
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written(episode in arbitrary_record::episode()) {
        let json = serde_json::to_vec(&record::encode(&episode)).expect("JSON");
        match change::read(Source::Records, &json).expect("a record") {
            Change::Object(object) => match *object {
                Object::Record(read) => prop_assert_eq!(*read, episode),
                other => prop_assert!(false, "{:?}", other),
            },
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

/// Something that happens to the small cluster.
#[derive(Clone, Copy, Debug)]
enum Happens {
    App(usize, &'static str),
    Release(usize, u64),
    Label(usize, bool),
    Mode(&'static str),
    Results(&'static [Done]),
    Crash(Crash),
    Restart,
    Pause(bool),
    Nothing,
}

fn happens() -> impl Strategy<Value = Happens> {
    let app = select(vec![
        "ok",
        "dies 5s",
        "dies 25s",
        "dies 5s until replaced",
        "dies 90s",
        "dies 5s probe 10s",
    ]);
    let results: Vec<&'static [Done]> = vec![
        &[],
        &[Done::NotApplied],
        &[Done::Unknown],
        &[Done::Applied, Done::NotApplied],
    ];
    prop_oneof![
        6 => (0usize..4, app).prop_map(|(index, app)| Happens::App(index, app)),
        2 => (0usize..4, 1u64..4).prop_map(|(index, revision)| Happens::Release(index, revision)),
        1 => (0usize..4, any::<bool>()).prop_map(|(index, on)| Happens::Label(index, on)),
        1 => select(vec!["Enforce", "Enforce", "DryRun", "Suspended"]).prop_map(Happens::Mode),
        2 => select(results).prop_map(Happens::Results),
        1 => select(vec![Crash::AfterIntent, Crash::AfterAct]).prop_map(Happens::Crash),
        1 => Just(Happens::Restart),
        1 => any::<bool>().prop_map(Happens::Pause),
        2 => Just(Happens::Nothing),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    policy: (u32, u32),
    namespace: (u32, u32),
    cluster: (u32, u32),
}

/// Four workloads in two namespaces; the labelled ones are selected by one policy.
fn cluster(limits: Limits) -> Stage {
    let mut stage = Stage::new(Vec::new(), false, Settings::default());
    let name = Name::new("shop", "shop");
    stage.delete(Source::Policies, &name);
    let limit =
        |(concurrent, acts): (u32, u32)| json!({ "concurrent": concurrent, "actsPerHour": acts });
    let mut policy = objects::policy();
    policy["kind"] = json!("ClusterHealingPolicy");
    policy["metadata"] = json!({ "name": "platform", "uid": "platform" });
    policy["spec"]["namespaces"] = json!({ "all": true });
    policy["spec"]["targets"] = json!({ "selector": { "matchLabels": { "heal": "yes" } } });
    policy["spec"]["budget"] = limit(limits.policy);
    stage.put(policy);
    let mut config = objects::config();
    config["spec"]["budget"] =
        json!({ "cluster": limit(limits.cluster), "perNamespace": limit(limits.namespace) });
    stage.put(config);
    for (index, name) in NAMES.into_iter().enumerate() {
        let namespace = if index < 2 { "shop" } else { "cafe" };
        let mut toy = Toy::new(namespace, name, "Deployment");
        toy.labels = json!({ "app": name, "heal": if index == 3 { "no" } else { "yes" } });
        stage.toys.insert(name.to_owned(), toy);
    }
    stage.sync();
    stage
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn patch(stage: &mut Stage, source: Source, name: &str, spec: &Value) {
    let mut object = stage.store[&(source, Name::new("", name))].clone();
    objects::merge(&mut object["spec"], spec);
    stage.put(object);
}

fn happen(stage: &mut Stage, event: Happens) {
    let now = stage.now;
    match event {
        Happens::App(index, app) => {
            let toy = stage.toys.get_mut(NAMES[index]).expect("a workload");
            let revision = toy.revision;
            toy.behave(revision, &App::parse(app), now);
        }
        Happens::Release(index, revision) => {
            let toy = stage.toys.get_mut(NAMES[index]).expect("a workload");
            if toy.revision != revision {
                toy.release(revision, now);
            }
        }
        Happens::Label(index, on) => {
            let toy = stage.toys.get_mut(NAMES[index]).expect("a workload");
            toy.labels["heal"] = json!(if on { "yes" } else { "no" });
        }
        Happens::Mode(mode) => patch(
            stage,
            Source::ClusterPolicies,
            "platform",
            &json!({ "mode": mode }),
        ),
        Happens::Results(results) => {
            stage.results = results.iter().map(|done| (*done, None)).collect();
        }
        Happens::Crash(crash) => stage.crash = Some(crash),
        Happens::Restart => stage.restart(),
        Happens::Pause(true) => patch(
            stage,
            Source::Config,
            "cluster",
            &json!({ "pause": { "reason": "x" } }),
        ),
        Happens::Pause(false) => patch(stage, Source::Config, "cluster", &json!({ "pause": null })),
        Happens::Nothing => {}
    }
}

fn records(stage: &Stage) -> Vec<Episode> {
    let records = stage
        .store
        .iter()
        .filter(|((source, _), _)| *source == Source::Records);
    records
        .map(|(_, object)| {
            let bytes = serde_json::to_vec(object).expect("JSON");
            match change::read(Source::Records, &bytes).expect("a record") {
                Change::Object(object) => match *object {
                    Object::Record(episode) => *episode,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

/// Slots and acts of one hour, counted from the records by the words of the design.
fn used(records: &[Episode], now: Moment, counts: impl Fn(&Episode) -> bool) -> (u32, u32) {
    let (mut slots, mut acts) = (0, 0);
    for attempt in records
        .iter()
        .filter(|one| !one.is_dry() && counts(one))
        .flat_map(|one| &one.state.attempts)
    {
        slots +=
            u32::from(attempt.judged_at.is_none() && attempt.outcome != Some(Outcome::WouldAct));
        if now.since(attempt.intent_at) < 3_600_000 {
            let sent = attempt
                .requests
                .iter()
                .filter(|one| one.result != Some(Done::NotApplied));
            acts += u32::try_from(sent.count()).expect("a count");
        }
    }
    (slots, acts)
}

fn check(stage: &Stage, limits: Limits) -> Result<(), TestCaseError> {
    let records = records(stage);
    let now = objects::moment(stage.now);
    let within = |(slots, acts): (u32, u32), (concurrent, per_hour): (u32, u32)| {
        slots <= concurrent && acts <= per_hour
    };
    prop_assert!(
        within(used(&records, now, |_| true), limits.cluster),
        "over the budget of the cluster"
    );
    prop_assert!(
        within(used(&records, now, |_| true), limits.policy),
        "over the budget of the policy"
    );
    for namespace in ["shop", "cafe"] {
        let counted = used(&records, now, |one| *one.id.namespace == *namespace);
        prop_assert!(
            within(counted, limits.namespace),
            "over the budget of {}",
            namespace
        );
    }
    let mut open = BTreeSet::new();
    for record in records.iter().filter(|one| one.is_open() && !one.is_dry()) {
        prop_assert!(
            open.insert(record.target()),
            "two acting episodes of {}",
            record.target()
        );
    }
    Ok(())
}

/// Nothing is opened or done to a workload that no label selects. What was open ends.
fn unselected(stage: &Stage, before: usize) -> Result<(), TestCaseError> {
    for (name, toy) in &stage.toys {
        if toy.labels["heal"] == "yes" {
            continue;
        }
        let own = |line: &&String| {
            line.contains(&format!(" {name}#")) || line.contains(&format!("/{name}#"))
        };
        for line in stage.lines[before..].iter().filter(own) {
            prop_assert!(
                !line.contains(" act     ") && !line.contains(" open    "),
                "{} is not selected: {}",
                name,
                line
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_leads_beyond_a_budget_or_the_selection(
        events in vec((happens(), 1i64..900), 4..20),
        policy in (1u32..4, 1u32..12),
        namespace in (1u32..3, 1u32..8),
        cluster_budget in (1u32..4, 1u32..12),
    ) {
        let limits = Limits { policy, namespace, cluster: cluster_budget };
        let mut stage = cluster(limits);
        for toy in stage.toys.values_mut() {
            toy.behave(1, &App::parse("dies 5s"), 0);
        }
        for (event, seconds) in events {
            let before = stage.lines.len();
            happen(&mut stage, event);
            stage.sync();
            stage.rounds();
            let end = stage.now + seconds * 1000;
            while stage.now < end {
                let next = end.min(stage.now + 20_000);
                stage.run_until(next);
                stage.now = next;
                stage.sync();
                stage.rounds();
                check(&stage, limits)?;
            }
            unselected(&stage, before)?;
            prop_assert!(!stage.lines.iter().any(|line| line.contains("NEVER SETTLES")), "{}", stage.lines.join("\n"));
        }
    }
}
