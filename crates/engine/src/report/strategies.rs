//! What the operator says about strategies: who uses them, and what the records that exist tell of each step.

use std::collections::{BTreeMap, BTreeSet};

use kubemend_api::Duration;
use kubemend_api::policy::StrategyKind;
use kubemend_api::strategy::{StepSummary, StrategyStatus};

use super::{Report, ready_and_stalled};
use crate::episode::{Attempt, Episode, Outcome, Phase};
use crate::facts::{Name, Text};
use crate::moment::{Millis, Moment};
use crate::policy::{ChainRef, Strategy};
use crate::source::Source;
use crate::world::World;

/// A strategy's status as it should be.
pub type StrategyReport = Report<StrategyStatus>;

/// So many users are named: as many as the schema admits.
const USERS_MAX: usize = 20;

type Id = (StrategyKind, Name);

/// What the records tell of one step.
#[derive(Default)]
struct Tally {
    attempts: usize,
    /// Detection to healthy of each episode that it cured.
    cures: Vec<Millis>,
}

/// The status of every strategy, by kind and name: one pass over the policies, and one over the records.
pub fn strategies(world: &World, now: Moment) -> Vec<StrategyReport> {
    let users = users(world);
    let tallies = tallies(world);
    let none = (BTreeSet::new(), BTreeMap::new());
    let of = |(id, strategy): (&Id, &Strategy)| {
        let users = users.get(id).unwrap_or(&none.0);
        let steps = tallies.get(id).unwrap_or(&none.1);
        let status = status(strategy, users, steps, now);
        StrategyReport {
            source: match id.0 {
                StrategyKind::RecoveryStrategy => Source::Strategies,
                StrategyKind::ClusterRecoveryStrategy => Source::ClusterStrategies,
            },
            name: id.1.clone(),
            uid: strategy.uid.clone(),
            changed: status != strategy.stored,
            status,
        }
    };
    world.strategies.iter().map(of).collect()
}

/// The policies that name each strategy.
fn users(world: &World) -> BTreeMap<Id, BTreeSet<String>> {
    let mut users: BTreeMap<Id, BTreeSet<String>> = BTreeMap::new();
    for policy in world.policies.values() {
        let kind = if policy.is_cluster() {
            "ClusterHealingPolicy"
        } else {
            "HealingPolicy"
        };
        let user = format!("{kind} {}", policy.id);
        for rule in &policy.rules {
            if let ChainRef::Named(kind, name) = &rule.chain {
                let id = (*kind, name.clone());
                users.entry(id).or_default().insert(user.clone());
            }
        }
    }
    users
}

/// What the steps of each strategy came to, by name. An episode that went over to another rule tells nothing
/// certain of either chain, and a dry one nothing at all.
fn tallies(world: &World) -> BTreeMap<Id, BTreeMap<Text, Tally>> {
    let mut tallies: BTreeMap<Id, BTreeMap<Text, Tally>> = BTreeMap::new();
    let certain = |one: &&Episode| !one.is_dry() && one.state.rule.is_none();
    for record in world.records.values().filter(certain) {
        let Some((id, uid)) = strategy_of(record) else {
            continue;
        };
        // One that was created anew under the same name begins anew.
        if world.strategies.get(&id).is_none_or(|one| *one.uid != *uid) {
            continue;
        }
        let steps = tallies.entry(id).or_default();
        for attempt in record.state.attempts.iter().filter(|one| one.is_spent()) {
            steps.entry(attempt.step.clone()).or_default().attempts += 1;
        }
        if let Some((attempt, recovery)) = cure(record) {
            let tally = steps.entry(attempt.step.clone()).or_default();
            tally.cures.push(recovery);
        }
    }
    tallies
}

/// The strategy that a record names, and its UID then.
fn strategy_of(record: &Episode) -> Option<(Id, &str)> {
    let strategy = record.spec.strategy.as_ref()?;
    let namespace = match strategy.kind {
        StrategyKind::RecoveryStrategy => &*record.id.namespace,
        StrategyKind::ClusterRecoveryStrategy => "",
    };
    let name = Name::new(namespace, &strategy.name);
    Some(((strategy.kind, name), &strategy.uid))
}

/// The attempt that cured the episode, and how long that took from detection. Where the failure came back there
/// is no cure yet.
fn cure(record: &Episode) -> Option<(&Attempt, Millis)> {
    let healthy_at = record
        .state
        .healthy_at
        .filter(|_| record.state.phase == Phase::Recovered)?;
    let last = record.last_attempt()?;
    let recovery = healthy_at.since(record.detected_at());
    (last.outcome == Some(Outcome::Recovered)).then_some((last, recovery))
}

fn status(
    strategy: &Strategy,
    users: &BTreeSet<String>,
    tallies: &BTreeMap<Text, Tally>,
    now: Moment,
) -> StrategyStatus {
    let none = Tally::default();
    let summary = |name: &Text| {
        let tally = tallies.get(name).unwrap_or(&none);
        StepSummary {
            name: name.to_string(),
            attempts: super::number(tally.attempts),
            cures: super::number(tally.cures.len()),
            median_recovery: median(tally.cures.clone()),
        }
    };
    let names: Vec<&Text> = strategy.chain.steps.iter().map(|step| &step.name).collect();
    let steps: Vec<StepSummary> = names.iter().map(|name| summary(name)).collect();
    let words: Vec<&str> = names.iter().map(|name| &***name).collect();
    StrategyStatus {
        observed_generation: Some(strategy.generation),
        chain: Some(words.join(" > ")),
        used_by: super::number(users.len()),
        users: users.iter().take(USERS_MAX).cloned().collect(),
        attempts: steps.iter().map(|one| one.attempts).sum(),
        cures: steps.iter().map(|one| one.cures).sum(),
        steps,
        conditions: ready_and_stalled(
            &strategy.stored.conditions,
            &strategy.problems,
            strategy.generation,
            now,
        ),
    }
}

/// The middle one, the lower of two, in the whole seconds that records show.
fn median(mut times: Vec<Millis>) -> Option<Duration> {
    times.sort_unstable();
    let middle = times.get(times.len().checked_sub(1)? / 2)?;
    Some(crate::record::span(*middle))
}
