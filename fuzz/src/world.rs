//! Objects of every collection, through reading, compilation, the World and the decision.

use kubemend_api::targets::WorkloadKind;
use kubemend_engine::change::{self, Change, Object};
use kubemend_engine::facts::TargetKey;
use kubemend_engine::{Effect, Episode, Moment, Plan, Settings, Source, World, decide};
use kubemend_engine::{explain, record, report};
use serde_json::Value;

use crate::seeds::{self, NOW};

/// What the World keeps of why an object cannot be read: a line of a log, not the object again.
const ERROR_MAX: usize = 1_300;

/// A record is far below etcd's 1.5 MiB, whatever the objects say.
const RECORD_MAX: usize = 512 * 1024;

/// A synced world under the lease: `shop/web`, which the input concerns, and `cafe/bar`, which it
/// does not; both crash.
pub fn base(first: u64) -> World {
    let mut world = World::new(Settings::default());
    for source in Source::ALL {
        world.apply(Change::ListBegins(source), NOW);
        let version = "5".into();
        world.apply(
            Change::ListEnds {
                source,
                version,
                at: Moment::MAX,
            },
            NOW,
        );
    }
    world.apply(Change::Lead(true), NOW);
    show(&mut world, Source::Config, &seeds::config());
    for (namespace, app) in [("shop", "web"), ("cafe", "bar")] {
        show(
            &mut world,
            Source::Policies,
            &seeds::policy(namespace, first),
        );
        show(
            &mut world,
            Source::Deployments,
            &seeds::deployment(namespace, app),
        );
        for number in [1, 2] {
            show(
                &mut world,
                Source::ReplicaSets,
                &seeds::revision(namespace, app, number),
            );
            show(
                &mut world,
                Source::Pods,
                &seeds::pod(namespace, app, number - 1),
            );
        }
    }
    world
}

/// Shows a good object to a world.
pub fn show(world: &mut World, source: Source, object: &Value) {
    let change = change::read(source, object.to_string().as_bytes()).expect("a name");
    assert!(
        matches!(change, Change::Object(_)),
        "a seed is a good object: {change:?}"
    );
    world.apply(change, NOW);
}

/// One object of a collection: no panic, bounded words, the same plan when it comes twice, records
/// that read as they were written, and `cafe/bar` still healed.
pub fn object(source: Source, json: &[u8]) {
    // The version and the name of a gone object are read from the same bytes.
    let _ = (change::version_of(json), change::read_gone(source, json));
    let Ok(change) = change::read(source, json) else {
        return;
    };
    bounded(&change);
    let mut world = base(json.len() as u64);
    world.apply(change.clone(), NOW);
    let plan = decide(&world, NOW);
    if is_elsewhere(source, &change) {
        assert!(
            heals_bar(&plan),
            "cafe/bar is not healed any more: {plan:?}"
        );
    }
    world.apply(change.clone(), NOW);
    assert_eq!(
        plan,
        decide(&world, NOW),
        "the same object twice is another world"
    );
    for now in [NOW, NOW.plus(61_000), NOW.plus(4_000_000)] {
        let plan = decide(&world, now);
        plan.effects.iter().for_each(written);
        told(&world, &plan, now, json.len());
    }
    for never in [Moment::MAX, Moment::from_millis(i64::MIN)] {
        let _ = decide(&world, never);
    }
    if let Change::Object(object) = &change
        && let Object::Record(episode) = &**object
    {
        round_trip(episode);
    }
    gone(&mut world, source, json);
}

/// What goes away leaves nothing behind that breaks.
fn gone(world: &mut World, source: Source, json: &[u8]) {
    if let Ok(gone) = change::read_gone(source, json) {
        world.apply(gone, NOW);
        let _ = decide(world, NOW);
    }
}

fn bounded(change: &Change) {
    if let Change::Unreadable(one) = change {
        assert!(
            one.error.len() <= ERROR_MAX,
            "an error of {} bytes",
            one.error.len()
        );
        assert!(
            !one.error.contains(char::is_control),
            "control characters in {:?}",
            one.error
        );
    }
}

/// Is this an object of another namespace than `cafe`, so that `cafe/bar` is none of its business?
fn is_elsewhere(source: Source, change: &Change) -> bool {
    let namespace = match change {
        Change::Unreadable(one) => one.name.namespace.clone(),
        Change::Object(object) => match &**object {
            Object::Pod(one) => one.name.namespace.clone(),
            Object::Workload(one) => one.key.namespace.clone(),
            Object::Revision(one) => one.name.namespace.clone(),
            Object::DisruptionBudget(one) => one.name.namespace.clone(),
            Object::Claim(one) => one.name.namespace.clone(),
            Object::Event(one) => one.name.namespace.clone(),
            Object::Job(one) => one.name.namespace.clone(),
            Object::Policy(one) => one.metadata.namespace.as_deref().unwrap_or_default().into(),
            Object::Strategy(one) => one.metadata.namespace.as_deref().unwrap_or_default().into(),
            Object::Record(one) => one.id.namespace.clone(),
            Object::Namespace(one) => one.name.clone(),
            Object::Node(_)
            | Object::ClusterPolicy(_)
            | Object::ClusterStrategy(_)
            | Object::Config(_) => {
                return false;
            }
        },
        _ => return false,
    };
    let everywhere = matches!(
        source,
        Source::Nodes | Source::ClusterPolicies | Source::ClusterStrategies | Source::Config
    );
    !everywhere && &*namespace != "cafe"
}

fn heals_bar(plan: &Plan) -> bool {
    let bar = TargetKey::new(WorkloadKind::Deployment, "cafe", "bar");
    plan.effects
        .iter()
        .any(|one| matches!(one, Effect::Open(..)) && one.target() == bar)
}

fn written(effect: &Effect) {
    match effect {
        Effect::Open(episode, _)
        | Effect::Write(episode)
        | Effect::Act(episode, _)
        | Effect::Undo(episode)
        | Effect::Rehearse(episode, _) => round_trip(episode),
        Effect::Prune(_) | Effect::Prove { .. } => {}
    }
}

fn round_trip(episode: &Episode) {
    let event = record::encode(episode);
    let json = serde_json::to_string(&event).expect("a record is JSON");
    assert!(json.len() <= RECORD_MAX, "a record of {} bytes", json.len());
    let again = record::decode(&serde_json::from_str(&json).expect("its own JSON"))
        .expect("its own record");
    assert_eq!(
        again.state, episode.state,
        "a record reads as it was written"
    );
}

/// Everything that is said to people has a bound.
fn told(world: &World, plan: &Plan, now: Moment, input: usize) {
    let web = TargetKey::new(WorkloadKind::Deployment, "shop", "web");
    let answer = explain::explain(world, &web, now);
    let said = answer.headline.len() + answer.lines.iter().map(String::len).sum::<usize>();
    assert!(
        said <= 64 * 1024 + 16 * input,
        "an explanation of {said} bytes"
    );
    let reports = report::policies(world, plan, now);
    let strategies = report::strategies(world, now);
    let said = format!("{reports:?}{strategies:?}{:?}", report::config(world, now)).len();
    assert!(said <= 256 * 1024 + 64 * input, "statuses of {said} bytes");
}
