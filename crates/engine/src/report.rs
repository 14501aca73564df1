//! What the operator says about policies, strategies and the configuration.

mod strategies;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kubemend_api::policy::{FailingJobs, PolicyStatus, RecoverySummary};
use kubemend_api::{Duration, HealingConfigStatus, Mode};

use crate::claim::{self, Answer};
use crate::detect::detector;
use crate::episode::{Episode, Phase};
use crate::facts::{Name, TargetKey, Text};
use crate::hold::Hold;
use crate::jobs::{self, Failing};
use crate::mode;
use crate::moment::Moment;
use crate::plan::{Held, Plan};
use crate::policy::{ChainRef, Policy};
use crate::source::Source;
use crate::view::View;
use crate::world::{World, policy_id};

pub use strategies::{StrategyReport, strategies};

/// So many ended episodes are listed: as many as the schema admits.
const RECOVERIES_MAX: usize = 10;

/// An object's status as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<S> {
    /// The object's collection.
    pub source: Source,
    /// The object.
    pub name: Name,
    /// The UID that the status is meant for.
    pub uid: Text,
    /// The status as it should be; equal to the stored one where nothing changed.
    pub status: S,
    /// False where the stored status says the same.
    pub changed: bool,
}

/// A policy's status as it should be.
pub type PolicyReport = Report<PolicyStatus>;

/// The status of every policy, by collection and name. Pure: the caller limits how often it writes.
pub fn policies(world: &World, plan: &Plan, now: Moment) -> Vec<PolicyReport> {
    let mut records: BTreeMap<Name, Vec<&Episode>> = BTreeMap::new();
    for record in world.records.values() {
        records.entry(policy_id(record)).or_default().push(record);
    }
    let jobs = jobs::failing(world);
    let of = |policy: &Policy| {
        let records = records
            .get(&policy.id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut status = status(world, plan, policy, records, now);
        status.jobs = failing_jobs(world, policy, &jobs);
        PolicyReport {
            source: if policy.is_cluster() {
                Source::ClusterPolicies
            } else {
                Source::Policies
            },
            name: policy.id.clone(),
            uid: policy.uid.clone(),
            changed: status != policy.stored,
            status,
        }
    };
    world.policies.values().map(of).collect()
}

fn status(
    world: &World,
    plan: &Plan,
    policy: &Policy,
    records: &[&Episode],
    now: Moment,
) -> PolicyStatus {
    let open: Vec<_> = records.iter().filter(|one| one.is_open()).collect();
    let mut holds: BTreeMap<String, i64> = BTreeMap::new();
    let waits = |phase: Phase| matches!(phase, Phase::Held | Phase::AwaitingApproval);
    for record in open.iter().filter(|one| waits(one.state.phase)) {
        let reason = record.state.reason.as_deref().unwrap_or("Held");
        *holds.entry(reason.to_owned()).or_default() += 1;
    }
    let recorded = |held: &&Held| open.iter().any(|one| one.target() == held.target);
    for held in plan
        .holds
        .iter()
        .filter(|one| concerns(one, policy))
        .filter(|one| !recorded(one))
    {
        *holds.entry(held.hold.reason().to_owned()).or_default() += 1;
    }
    let shadowed = shadowed(world, policy, now);
    if shadowed > 0 {
        holds.insert("ShadowedBy".to_owned(), shadowed);
    }
    let effective = mode::of_policy(world, policy, now);
    let recovered = records
        .iter()
        .filter(|one| one.state.phase == Phase::Recovered)
        .count();
    PolicyStatus {
        observed_generation: Some(policy.generation),
        effective_mode: Some(effective.mode.as_str().to_owned()),
        effective_why: effective.why,
        defaults: defaults(world),
        targets: number(world.members_of(&policy.id).count()),
        open: number(open.len()),
        held: holds.values().sum(),
        recovered: number(recovered),
        holds,
        jobs: None,
        recoveries: recoveries(records),
        conditions: conditions(world, policy, now),
    }
}

/// The Jobs that fail where the policy heals, if any do.
fn failing_jobs(
    world: &World,
    policy: &Policy,
    all: &BTreeMap<Text, Failing>,
) -> Option<FailingJobs> {
    let here = all
        .iter()
        .filter(|(name, _)| policy.covers_namespace(name, world.namespaces.get(*name)));
    let (mut failing, mut pods) = (0i64, 0i64);
    for (_, one) in here {
        failing = failing.saturating_add(i64::from(one.jobs));
        pods = pods.saturating_add(i64::from(one.pods));
    }
    (failing > 0).then_some(FailingJobs { failing, pods })
}

/// Failing targets that this policy selects and another one answers for.
fn shadowed(world: &World, policy: &Policy, now: Moment) -> i64 {
    let suspects = world.suspects();
    let loses_in = |key: &TargetKey, view: &View<'_>, mode| {
        claim::policy(world, key, mode, now).is_some_and(|winner| winner.id != policy.id)
            && matches!(claim::rule(policy, view, mode, None), Answer::Rule(..))
    };
    let loses = |key: &&TargetKey| {
        // Its rules may stand lower than itself, and never higher.
        let most = mode::effective(world, policy, key, now).mode;
        let modes = [Mode::Enforce, Mode::DryRun].into_iter();
        let modes = modes.filter(|mode| claim::stands(policy, most, *mode));
        View::of(world, key, now)
            .is_some_and(|view| { modes }.any(|mode| loses_in(key, &view, mode)))
    };
    let selected = suspects
        .iter()
        .filter(|key| world.is_member(&policy.id, key));
    number(selected.filter(loses).count())
}

/// Whether a hold is one to count for this policy: own writes and waits come and go by themselves.
fn concerns(held: &Held, policy: &Policy) -> bool {
    let passing = matches!(
        held.hold,
        Hold::InFlight | Hold::IntentOpen { .. } | Hold::Backoff { .. } | Hold::NothingFailing
    );
    let reach = policy.is_cluster() || held.target.namespace == policy.id.namespace;
    !passing && reach && held.policy.as_deref() == Some(&*policy.reference())
}

fn defaults(world: &World) -> BTreeMap<String, String> {
    let timeout = Duration::from_millis(world.settings.verify_timeout);
    [
        (
            "crashLoop.restarts".to_owned(),
            world.settings.crash_loop_restarts.to_string(),
        ),
        ("verify.timeout".to_owned(), timeout.to_string()),
    ]
    .into()
}

/// The last episodes that ended or recovered, newest first.
fn recoveries(records: &[&Episode]) -> Vec<RecoverySummary> {
    let over = |one: &&&Episode| !one.is_open() || one.state.phase == Phase::Recovered;
    let mut ended: Vec<_> = records.iter().filter(over).collect();
    ended.sort_by_key(|one| {
        (
            std::cmp::Reverse(one.state.ended_at.or(one.state.healthy_at)),
            one.id.clone(),
        )
    });
    ended
        .into_iter()
        .take(RECOVERIES_MAX)
        .map(|one| summary(one))
        .collect()
}

fn summary(record: &Episode) -> RecoverySummary {
    let status = crate::record::status(record);
    RecoverySummary {
        event: record.id.name.to_string(),
        namespace: record.id.namespace.to_string(),
        target: record.spec.target_ref.clone(),
        phase: record.state.phase.as_str().to_owned(),
        step: status.step,
        recovery: status.recovery.map(|span| span.to_string()),
    }
}

/// What is wrong with a policy: its own problems, and strategies that are missing or have some.
pub fn problems(world: &World, policy: &Policy) -> Vec<String> {
    let mut problems = policy.problems.clone();
    for (index, rule) in policy.rules.iter().enumerate() {
        if let Err(name) = world.chain_of(rule) {
            problems.push(format!(
                "spec.rules[{index}].strategyRef: {name} does not exist"
            ));
        }
        if let (Ok(chain), ChainRef::Named(kind, name)) = (world.chain_of(rule), &rule.chain)
            && !policy.is_cluster()
            && !chain.serves(&policy.id.namespace)
        {
            problems.push(format!(
                "spec.rules[{index}].strategyRef: spec.namespaces of {} {name} does not name {}",
                kind.as_str(),
                policy.id.namespace
            ));
        }
        if let Some(strategy) = world.strategy_of(rule) {
            problems.extend(
                strategy
                    .problems
                    .iter()
                    .map(|one| format!("spec.rules[{index}].strategyRef: its {one}")),
            );
        }
    }
    problems
}

fn conditions(world: &World, policy: &Policy, now: Moment) -> Vec<Condition> {
    let problems = problems(world, policy);
    let mut all = ready_and_stalled(&policy.stored.conditions, &problems, policy.generation, now);
    if problems.is_empty() && !world.hears(now) && listens(policy) {
        for one in &mut all {
            "EventsUnseen".clone_into(&mut one.reason);
            "Events cannot be watched: triggers that look at them may miss failures; the others work"
                .clone_into(&mut one.message);
        }
    }
    all
}

/// Ready says that an object is valid, and Stalled that it is not until somebody changes it.
fn ready_and_stalled(
    stored: &[Condition],
    problems: &[String],
    generation: i64,
    now: Moment,
) -> Vec<Condition> {
    let message: String = problems.join("; ").chars().take(1024).collect();
    let ready = problems.is_empty();
    let reason = if ready { "Valid" } else { "Invalid" };
    let one = |type_, status| condition(stored, type_, status, reason, &message, generation, now);
    vec![one("Ready", ready), one("Stalled", !ready)]
}

/// Whether any rule looks at events.
fn listens(policy: &Policy) -> bool {
    let mut rules = policy.rules.iter();
    rules.any(|rule| !detector(&rule.trigger).hears().is_empty())
}

/// A condition whose transition time moves only when its status does.
fn condition(
    stored: &[Condition],
    type_: &str,
    status: bool,
    reason: &str,
    message: &str,
    generation: i64,
    now: Moment,
) -> Condition {
    let status = if status { "True" } else { "False" };
    let same = stored
        .iter()
        .find(|one| one.type_ == type_ && one.status == status);
    let seconds = now.as_millis().div_euclid(1000);
    let changed = || Time(jiff::Timestamp::from_second(seconds).unwrap_or_default());
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: Some(generation),
        last_transition_time: same.map_or_else(changed, |one| one.last_transition_time.clone()),
    }
}

/// The status of HealingConfig, if there is one and it should say something else.
pub fn config(world: &World, now: Moment) -> Option<HealingConfigStatus> {
    let config = world.config.as_ref()?;
    let (ready, reason, message) = match &config.pause {
        Some(pause) => (false, "Paused", pause.as_str()),
        None => (true, "Valid", ""),
    };
    let stored = &config.stored;
    let ready = condition(
        &stored.conditions,
        "Ready",
        ready,
        reason,
        message,
        config.generation,
        now,
    );
    let status = HealingConfigStatus {
        observed_generation: Some(config.generation),
        conditions: vec![ready],
    };
    (status != *stored).then_some(status)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
