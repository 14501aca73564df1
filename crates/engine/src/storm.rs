//! Storms: so many targets fail at once that a cause they share is likelier than a cause in each.
//!
//! A storm is latched when enough targets began to fail within the window, and released once fewer than
//! that have been failing for a while: that many failing workloads are not restarted because they have failed
//! for long enough. It is read off the records, so that a new leader sees the same storm.

use std::collections::{BTreeMap, VecDeque};

use kubemend_api::config::Storm as Parameters;
use kubemend_api::{Amount, Duration};

use crate::episode::Episode;
use crate::facts::TargetKey;
use crate::moment::{Millis, Moment};
use crate::world::World;

/// HealingConfig.storm where it is absent.
const SHARE: Amount = Amount::Percent(30);
const LEAST: u32 = 10;
const WINDOW: Millis = 300_000;
const RELEASE: Millis = 600_000;

/// When failures are a storm, resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Limits {
    pub share: Amount,
    pub least: u32,
    pub window: Millis,
    pub release: Millis,
}

impl Limits {
    /// What the configuration says, and what stands in for the rest.
    pub fn read(written: Option<&Parameters>) -> Self {
        let millis = |one: Option<&Duration>, absent| one.map_or(absent, Duration::as_millis);
        Self {
            share: written.and_then(|one| one.share).unwrap_or(SHARE),
            least: written.and_then(|one| one.least).unwrap_or(LEAST),
            window: millis(written.and_then(|one| one.window.as_ref()), WINDOW),
            release: millis(written.and_then(|one| one.release.as_ref()), RELEASE),
        }
    }
}

/// A storm that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Storm {
    pub failing: u32,
    pub least: u32,
    /// When it is released if nothing else fails; `None` while too many still do.
    pub until: Option<Moment>,
}

/// The storm that is on now, if one is. `opening` are targets that fail and have no record yet,
/// since when.
pub fn now(world: &World, opening: &BTreeMap<&TargetKey, Moment>, now: Moment) -> Option<Storm> {
    let limits = world.config.as_ref()?.storm;
    let records: Vec<_> = world.records().filter(|one| !one.is_dry()).collect();
    let failures = records.len().saturating_add(opening.len());
    if failures < limits.least as usize {
        return None;
    }
    // More workloads than these failures could be a share of need not be counted: cost follows trouble.
    let enough = match limits.share {
        Amount::Count(_) => 0,
        Amount::Percent(percent) => failures.saturating_mul(100) / percent.max(1) as usize + 1,
    };
    let selected = u32::try_from(world.enforced(now, enough)).unwrap_or(u32::MAX);
    let least = limits.share.of(selected).max(limits.least);
    let mut sweep = Sweep {
        limits,
        least,
        failing: 0,
        begun: BTreeMap::new(),
        recent: VecDeque::new(),
        latched: false,
        low_since: None,
    };
    let targets: Vec<_> = records.iter().map(|one| one.target()).collect();
    for (at, begins, target) in events(&records, &targets, opening) {
        sweep.step(at, begins, target);
    }
    sweep.at(now);
    sweep.latched.then(|| Storm {
        failing: sweep.failing,
        least,
        until: sweep.low_since.map(|since| since.plus(limits.release)),
    })
}

/// When targets began to fail and when they were well or given up, in order; ends before beginnings.
fn events<'a>(
    records: &[&Episode],
    targets: &'a [TargetKey],
    opening: &BTreeMap<&'a TargetKey, Moment>,
) -> Vec<(Moment, bool, &'a TargetKey)> {
    let mut all = Vec::new();
    for (record, target) in records.iter().zip(targets) {
        // When it failed, not when it was detected: what has been broken for days is no storm only because it
        // is looked at again.
        let began = record.state.relapsed_at.unwrap_or(record.failed_at());
        all.push((began, true, target));
        // An end comes after its own beginning, however close the two are.
        let over = over_at(record).map(|at| (at.max(began.plus(1)), false, target));
        all.extend(over);
    }
    all.extend(
        opening
            .iter()
            .map(|(target, since)| (*since, true, *target)),
    );
    all.sort_unstable();
    all
}

/// When the target stopped failing. An exhausted one fails on until its symptom is gone.
fn over_at(record: &Episode) -> Option<Moment> {
    record.state.healthy_at.or(record.state.ended_at)
}

/// The state of the latch while time passes.
struct Sweep<'a> {
    limits: Limits,
    least: u32,
    failing: u32,
    /// When each target began to fail last, within the window.
    begun: BTreeMap<&'a TargetKey, Moment>,
    /// The beginnings within the window, oldest first: what leaves it is found without a look at the rest.
    recent: VecDeque<(Moment, &'a TargetKey)>,
    latched: bool,
    /// Since when too few fail for a storm.
    low_since: Option<Moment>,
}

impl<'a> Sweep<'a> {
    fn at(&mut self, now: Moment) {
        let released = self
            .low_since
            .is_some_and(|since| now >= since.plus(self.limits.release));
        if released {
            self.latched = false;
            self.low_since = None;
        }
    }

    fn step(&mut self, at: Moment, begins: bool, target: &'a TargetKey) {
        self.at(at);
        if begins {
            self.failing = self.failing.saturating_add(1);
            self.begun.insert(target, at);
            self.recent.push_back((at, target));
            self.forget(at.minus(self.limits.window));
            self.latched |= self.begun.len() >= self.least as usize;
        } else {
            self.failing = self.failing.saturating_sub(1);
        }
        if self.failing >= self.least {
            self.low_since = None;
        } else if self.latched {
            self.low_since.get_or_insert(at);
        }
    }

    /// Forgets the beginnings that are not within the window any more.
    fn forget(&mut self, horizon: Moment) {
        while let Some((began, target)) = self.recent.pop_front_if(|(began, _)| *began <= horizon) {
            // A target that began to fail again later still counts.
            if self.begun.get(target) == Some(&began) {
                self.begun.remove(target);
            }
        }
    }
}
