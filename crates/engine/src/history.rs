//! Garbage collection of records, by history and ttl.

use crate::action::was_rolled_back_from;
use crate::budget::WINDOW;
use crate::episode::{Episode, Phase};
use crate::facts::TargetKey;
use crate::moment::{Millis, Moment};
use crate::policy::DEFAULT_RELAPSE_WINDOW;
use crate::undo;
use crate::world::{World, policy_id};

/// Kept per target where the policy is gone.
const KEEP: usize = 10;
/// Rolled-back revisions are remembered so long, by their records.
const ROLLBACK_MEMORY: Millis = 24 * 3_600_000;

/// The oldest record of a target that nobody needs any more, and when the next one may be. Never
/// one that is open, has an undo due, is counted by a budget, remembers a rollback, or is the
/// newest acting record inside its relapse window.
pub(crate) fn prunable<'a>(
    world: &'a World,
    key: &TargetKey,
    now: Moment,
) -> (Option<&'a Episode>, Option<Moment>) {
    let mut records: Vec<_> = world.records_of(key).filter(|one| !one.is_open()).collect();
    records.sort_by_key(|one| std::cmp::Reverse(one.ordinal()));
    let newest_acting = records
        .iter()
        .find(|one| !one.is_dry())
        .map(|one| one.id.clone());
    let (mut well, mut other, mut found, mut next) = (0, 0, None, None::<Moment>);
    for record in records {
        let policy = world.policies.get(&policy_id(record));
        let recovered = matches!(record.state.phase, Phase::Recovered | Phase::SelfRecovered);
        let (kept, limit) = if recovered {
            (&mut well, policy.map_or(KEEP, |one| one.keep_recovered))
        } else {
            (&mut other, policy.map_or(KEEP, |one| one.keep_failed))
        };
        *kept += 1;
        let ended = record.state.ended_at.unwrap_or(now);
        let expires = ended.plus(record.spec.ttl.as_millis());
        let newest = newest_acting.as_ref() == Some(&record.id);
        let needed = needed_until(world, key, record, newest, now);
        let surplus = *kept > limit;
        let from = if surplus { needed } else { needed.max(expires) };
        if now > from {
            found = Some(record);
        } else {
            next = Some(next.map_or(from.plus(1), |at| at.min(from.plus(1))));
        }
    }
    (found, next.filter(|_| found.is_none()))
}

/// Until when something else than history needs the record.
fn needed_until(
    world: &World,
    key: &TargetKey,
    record: &Episode,
    newest: bool,
    now: Moment,
) -> Moment {
    if undo::is_pending(record) {
        return Moment::MAX.minus(1);
    }
    let ended = record.state.ended_at.unwrap_or(now);
    let mut until = ended;
    let window = relapse_window(world, record);
    if newest {
        let relapse_until = record.state.relapse_until.unwrap_or(ended);
        until = until.max(relapse_until.max(ended.plus(window)));
    }
    for attempt in record.state.attempts.iter().filter(|_| !record.is_dry()) {
        until = until.max(attempt.intent_at.plus(WINDOW));
        let remembers = attempt.requests.iter().any(|request| {
            request
                .from
                .as_deref()
                .is_some_and(|hash| was_rolled_back_from(world, key, hash, now))
        });
        if remembers {
            until = until.max(attempt.intent_at.plus(ROLLBACK_MEMORY));
        }
    }
    until
}

/// How long the record's chain remembers it: the longest window of its steps.
fn relapse_window(world: &World, record: &Episode) -> Millis {
    let policy = world.policies.get(&policy_id(record));
    let rule = policy.and_then(|policy| policy.rule(record.rule()));
    let chain = rule.and_then(|rule| world.chain_of(rule).ok());
    let windows = chain
        .into_iter()
        .flat_map(|chain| &chain.steps)
        .map(|step| step.relapse_window);
    windows
        .chain([DEFAULT_RELAPSE_WINDOW])
        .max()
        .unwrap_or(DEFAULT_RELAPSE_WINDOW)
}
