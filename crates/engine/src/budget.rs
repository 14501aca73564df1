//! Budgets, counted from the records: restarts and failovers refill nothing.

use crate::facts::TargetKey;
use crate::moment::{Millis, Moment};
use crate::policy::PolicyId;
use crate::world::{World, policy_id};

/// The window of every `actsPerHour`.
pub const WINDOW: Millis = 3_600_000;

/// What has been done and what is under way, from records, tombstones and this round's own plan.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    target: TargetKey,
    policy: PolicyId,
    at: Moment,
    /// Destroyed pods or patches.
    units: u32,
    /// The attempt's outcome is not written yet.
    slot: bool,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Used {
    pub slots: u32,
    pub acts: u32,
    /// When the oldest act that counts leaves the window.
    pub until: Option<Moment>,
}

impl Ledger {
    /// Everything that counts now.
    pub fn of(world: &World, now: Moment) -> Self {
        let horizon = now.minus(WINDOW);
        let mut entries = Vec::new();
        for record in world.records.values().filter(|one| !one.is_dry()) {
            for attempt in &record.state.attempts {
                let (slot, recent) = (attempt.takes_slot(), attempt.intent_at > horizon);
                if slot || (recent && attempt.units() > 0) {
                    entries.push(Entry {
                        target: record.target(),
                        policy: policy_id(record),
                        at: attempt.intent_at,
                        units: if recent { attempt.units() } else { 0 },
                        slot,
                    });
                }
            }
        }
        for (target, takes) in world.taken(now) {
            entries.push(Entry {
                target: target.clone(),
                policy: takes.policy.clone(),
                at: takes.at,
                units: takes.units,
                slot: true,
            });
        }
        for lost in world.tombstones.iter().filter(|one| one.at > horizon) {
            entries.push(Entry {
                target: lost.target.clone(),
                policy: lost.policy.clone(),
                at: lost.at,
                units: lost.units,
                slot: false,
            });
        }
        Self { entries }
    }

    /// Takes a slot and so many units for an intent of this round.
    pub fn take(&mut self, target: &TargetKey, policy: &PolicyId, units: u32, now: Moment) {
        self.entries.push(Entry {
            target: target.clone(),
            policy: policy.clone(),
            at: now,
            units,
            slot: true,
        });
    }

    /// What the acts that `counts` accepts have used.
    pub fn used(&self, counts: impl Fn(&TargetKey, &PolicyId) -> bool) -> Used {
        let mut used = Used {
            slots: 0,
            acts: 0,
            until: None,
        };
        for entry in self
            .entries
            .iter()
            .filter(|one| counts(&one.target, &one.policy))
        {
            used.slots += u32::from(entry.slot);
            used.acts = used.acts.saturating_add(entry.units);
            if entry.units > 0 {
                let leaves = entry.at.plus(WINDOW);
                used.until = Some(used.until.map_or(leaves, |until| until.min(leaves)));
            }
        }
        used
    }
}
