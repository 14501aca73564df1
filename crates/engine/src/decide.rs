//! The whole decision: every suspect and every open episode, once, in order.

use std::collections::{BTreeMap, BTreeSet};

use kubemend_api::Mode;

use crate::budget::Ledger;
use crate::cause::Causes;
use crate::course;
use crate::episode::{Episode, Phase};
use crate::facts::TargetKey;
use crate::gate;
use crate::history;
use crate::hold::Hold;
use crate::moment::Moment;
use crate::open::{self, Look};
use crate::plan::{Effect, Held, Plan};
use crate::proof::{self, Progress};
use crate::rehearsal;
use crate::storm::{self, Storm};
use crate::undo;
use crate::view::View;
use crate::world::World;

/// What to do about this world at this time. Pure: no IO, no clock, cannot fail; equal worlds and
/// times give equal plans.
pub fn decide(world: &World, now: Moment) -> Plan {
    let targets = targets(world);
    let mut round = Round {
        world,
        now,
        ledger: Ledger::of(world, now),
        storm: None,
        causes: Causes::of(world, now),
        looks: BTreeMap::new(),
        plan: Plan::default(),
        answered: BTreeSet::new(),
    };
    round.storm = round.storm(&targets);
    for key in &targets {
        round.target(key);
    }
    if gate::may_write(world).is_ok() && gate::may_act(world, now).is_ok() {
        round.prove();
        round.prune();
    }
    round.wake(world.stale_at(now));
    round.wake(round.causes.again);
    round.wake(calendar_changes_at(world, now));
    round.plan
}

/// When a window or a freeze begins or ends next.
fn calendar_changes_at(world: &World, now: Moment) -> Option<Moment> {
    let windows = world.policies.values().flat_map(|one| &one.windows);
    let freezes = world.config.iter().flat_map(|one| &one.freezes);
    let windows = windows.filter_map(|one| one.changes_at(now));
    windows
        .chain(freezes.filter_map(|one| one.changes_at(now)))
        .min()
}

/// Where there is something to judge: trouble, or an episode or undo that is not finished.
fn targets(world: &World) -> BTreeSet<TargetKey> {
    let mut targets = world.suspects();
    let unfinished = world.recorded_targets().filter(|key| {
        world
            .records_of(key)
            .any(|one| one.is_open() || undo::is_pending(one))
    });
    targets.extend(unfinished.cloned());
    targets
}

/// One round: the plan so far, and what its own intents take from the budgets.
pub(crate) struct Round<'a> {
    pub(crate) world: &'a World,
    pub(crate) now: Moment,
    pub(crate) ledger: Ledger,
    /// The storm that is on, if one is.
    pub(crate) storm: Option<Storm>,
    /// What targets that fail share.
    pub(crate) causes: Causes<'a>,
    /// What enforcing policies see where no record is open, as far as it was asked already.
    pub(crate) looks: BTreeMap<&'a TargetKey, Look<'a>>,
    pub(crate) plan: Plan,
    /// Targets with an effect in this plan: they get no other.
    answered: BTreeSet<&'a TargetKey>,
}

impl<'a> Round<'a> {
    /// The storm that is on. Targets that fail and have no record yet count too: of many that fail at once
    /// none must be acted on before the others are counted.
    fn storm(&mut self, targets: &'a BTreeSet<TargetKey>) -> Option<Storm> {
        let (world, now) = (self.world, self.now);
        let least = world.config.as_ref()?.storm.least;
        let known = self.world.recorded_targets().count();
        if targets.len().saturating_add(known) < least as usize {
            return None;
        }
        let fresh = targets
            .iter()
            .filter(|key| world.open_record(key, false).is_none());
        let looks = fresh.filter_map(|key| Some((key, Look::enforcing(world, key, now)?)));
        self.looks = looks.collect();
        let opening = self
            .looks
            .iter()
            .filter_map(|(key, look)| Some((*key, look.fails_since()?)));
        storm::now(world, &opening.collect(), now)
    }

    /// Judges one target: at most one effect, else one typed hold per symptom.
    fn target(&mut self, key: &'a TargetKey) {
        let effects = self.plan.effects.len();
        self.judge(key);
        if self.plan.effects.len() > effects {
            self.answered.insert(key);
        }
    }

    fn judge(&mut self, key: &TargetKey) {
        let (world, now) = (self.world, self.now);
        if let Err(hold) = gate::may_write(world) {
            return self.hold_symptom(key, hold);
        }
        if let Some(retry_at) = world.in_flight(key, now) {
            self.wake(retry_at);
            return self.hold_symptom(key, Hold::InFlight);
        }
        if let Err(hold) = gate::readable(world, key) {
            return match world.open_record(key, false) {
                Some(episode) => self.unreadable(key, episode, &hold),
                None => self.hold_symptom(key, hold),
            };
        }
        let effects = self.plan.effects.len();
        let _ = undo::due(self, key)
            || match world.open_record(key, false) {
                Some(episode) => course::follow(self, key, episode),
                None => open::acting(self, key),
            };
        // One effect per target; the dry episode of another policy has its turn beside holds.
        if self.plan.effects.len() > effects {
            return;
        }
        match world.open_record(key, true) {
            Some(episode) => rehearsal::follow(self, key, episode),
            None => open::dry(self, key),
        }
    }

    /// What cannot be read holds its target; an act that is being verified gets its verdict all
    /// the same: no data is inconclusive.
    fn unreadable(&mut self, key: &TargetKey, episode: &Episode, hold: &Hold) {
        let effects = self.plan.effects.len();
        if matches!(hold, Hold::ObjectUnreadable { .. }) && episode.state.phase == Phase::Verifying
        {
            course::follow(self, key, episode);
        }
        match hold {
            _ if self.plan.effects.len() > effects => {}
            // What cannot be read cannot be written under its version either.
            Hold::RecordUnreadable { .. } => {
                self.held(key, Some(episode.spec.policy_ref.clone()), hold.clone());
            }
            _ => course::hold(self, episode, hold),
        }
    }

    /// Adds an effect.
    pub(crate) fn effect(&mut self, effect: Effect) -> bool {
        self.plan.effects.push(effect);
        true
    }

    /// Adds a hold.
    pub(crate) fn held(&mut self, key: &TargetKey, policy: Option<String>, hold: Hold) {
        self.wake(hold.until());
        let policy = policy.map(Into::into);
        self.plan.holds.push(Held {
            target: key.clone(),
            policy,
            hold,
        });
    }

    /// Looks again then at the latest.
    pub(crate) fn wake(&mut self, at: Option<Moment>) {
        let Some(at) = at else { return };
        let at = at.max(self.now.plus(1));
        self.plan.wake_at = Some(self.plan.wake_at.map_or(at, |wake| wake.min(at)));
    }

    /// Holds a target for a reason that concerns the process, where there is anything to hold.
    fn hold_symptom(&mut self, key: &TargetKey, hold: Hold) {
        let (world, now) = (self.world, self.now);
        let policies: Vec<_> = world
            .policies_of(key)
            .filter(|policy| policy.answers)
            .filter(|policy| {
                crate::mode::effective(world, policy, key, now).mode != Mode::Suspended
            })
            .collect();
        let Some(policy) = policies.first() else {
            return;
        };
        let open =
            world.open_record(key, false).is_some() || world.open_record(key, true).is_some();
        let answers = |view: &View<'_>, mode| {
            let answer = crate::claim::rule(policy, view, mode, None);
            matches!(answer, crate::claim::Answer::Rule(..))
        };
        let seen = View::of(world, key, now)
            .is_some_and(|view| answers(&view, Mode::Enforce) || answers(&view, Mode::DryRun));
        if open || seen {
            self.held(key, Some(policy.reference()), hold);
        }
    }

    /// Marks revisions that have proven themselves.
    fn prove(&mut self) {
        for key in &self.world.unproven {
            if self.answered.contains(key) || self.world.in_flight(key, self.now).is_some() {
                continue;
            }
            let again = self.world.refused_marks.get(key).copied();
            if again.is_some_and(|again| again > self.now) {
                self.wake(again);
                continue;
            }
            match proof::progress(self.world, key, self.now) {
                Progress::Proven(effect, true) => {
                    self.effect(effect);
                    self.answered.insert(key);
                }
                Progress::Proven(
                    Effect::Prove {
                        target, uid, proof, ..
                    },
                    false,
                ) => {
                    self.plan.proofs.push((target, uid, proof));
                }
                Progress::At(at) => self.wake(Some(at)),
                Progress::Proven(..) | Progress::Nothing => {}
            }
        }
    }

    /// Deletes records that nobody needs any more.
    fn prune(&mut self) {
        for key in self.world.recorded_targets() {
            if self.answered.contains(key) || self.world.in_flight(key, self.now).is_some() {
                continue;
            }
            let (record, next) = history::prunable(self.world, key, self.now);
            self.wake(next);
            if let Some(record) = record {
                self.effect(Effect::Prune(Box::new(record.clone())));
            }
        }
    }
}
