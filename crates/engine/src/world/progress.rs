//! What was seen of a workload's replicas: since when its rollout has not moved, and since when how few
//! have been available. Its own conditions tell that for Deployments only, and only in part.

use super::Workload;
use crate::facts::WorkloadFacts;
use crate::moment::Moment;

/// So many steps of availability are told apart; a fall through more merges the newest, which only
/// makes a detection later.
const STEPS_MAX: usize = 16;

/// Local observations of one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// When template, updated or available replicas changed last.
    pub moved: Moment,
    /// When its conditions changed last.
    pub told: Moment,
    /// When the last of its pods that went was gone.
    pub departed: Option<Moment>,
    /// When the desired replicas changed last.
    resized: Moment,
    /// Since the time at the right never more replicas were available than at the left: the oldest
    /// entry has the most.
    falls: Vec<(u32, Moment)>,
}

impl Progress {
    /// What is known of the workload's progress with this newest state of it.
    pub(super) fn seen(known: Option<&Workload>, facts: &WorkloadFacts, now: Moment) -> Self {
        let Some(known) = known else {
            return Self {
                moved: now,
                told: now,
                departed: None,
                resized: now,
                falls: vec![(facts.available, now)],
            };
        };
        let (before, mut next) = (&known.facts, known.progress.clone());
        if before.conditions != facts.conditions {
            next.told = now;
        }
        if before.desired != facts.desired {
            next.resized = now;
        }
        let counts = |one: &WorkloadFacts| (one.desired, one.updated, one.available);
        if before.hash != facts.hash || counts(before) != counts(facts) {
            next.moved = now;
            next.falls = fall(&next.falls, facts.available, now);
        }
        next
    }

    /// Since when fewer replicas than this have been available without a break, of those that are desired
    /// now: what was too little for another number before does not count.
    pub fn below(&self, least: u32) -> Option<Moment> {
        let low = self.falls.iter().find(|(most, _)| *most < least);
        low.map(|(_, since)| self.resized.max(*since))
    }
}

fn fall(falls: &[(u32, Moment)], available: u32, now: Moment) -> Vec<(u32, Moment)> {
    let mut next: Vec<_> = falls
        .iter()
        .copied()
        .filter(|(most, _)| *most > available)
        .collect();
    // What was lower before is part of the stretch that never had more than this.
    let since = falls
        .iter()
        .find(|(most, _)| *most <= available)
        .map_or(now, |(_, since)| *since);
    if next.len() >= STEPS_MAX {
        next.pop();
    }
    next.push((available, since));
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_rise_breaks_only_what_it_rises_above() {
        let at = Moment::from_millis;
        let mut falls = vec![(10, at(0))];
        for (available, time) in [(4, 1), (2, 2), (3, 3), (1, 4)] {
            falls = fall(&falls, available, at(time));
        }
        let seen = Progress {
            moved: at(4),
            told: at(0),
            departed: None,
            resized: at(0),
            falls,
        };
        assert_eq!(seen.below(10), Some(at(1)));
        assert_eq!(seen.below(4), Some(at(2)));
        assert_eq!(seen.below(3), Some(at(4)));
        assert_eq!(seen.below(1), None);
    }
}
