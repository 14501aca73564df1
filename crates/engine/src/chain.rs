//! Walking the chain: which step is next, and why others are passed over.

use kubemend_api::Trigger;
use kubemend_api::actions::ActionName;

use crate::action;
use crate::budget::Ledger;
use crate::cause::Cause;
use crate::episode::{Episode, Outcome, Request, Skipped};
use crate::guard::{self, Case};
use crate::hold::{Hold, No, Skip};
use crate::moment::Moment;
use crate::policy::{Chain, Policy, Step};
use crate::proposal::Proposal;
use crate::storm::Storm;
use crate::view::View;

/// A record lists so many attempts at most, as its schema says; ten steps of ten attempts fit.
const ATTEMPTS_MAX: usize = 100;

/// What is next on the chain.
pub enum Next<'a> {
    /// Act: this step, these requests.
    Act(&'a Step, Vec<Request>),
    /// Wait with this step.
    Hold(&'a Step, Hold),
    /// The chain is at its end.
    End,
}

/// What the walk needs to know.
pub struct Walk<'a, 'e> {
    /// The target.
    pub view: &'e View<'e>,
    /// The episode, with its memory.
    pub episode: &'e Episode,
    /// The claiming policy.
    pub policy: &'e Policy,
    /// What is answered.
    pub trigger: &'e Trigger,
    /// The chain, read live.
    pub chain: &'a Chain,
    /// What budgets count.
    pub ledger: &'e Ledger,
    /// The storm that is on, if one is.
    pub storm: Option<Storm>,
    /// What the target shares with others that fail.
    pub cause: Option<Cause>,
}

impl<'a> Walk<'a, '_> {
    /// The next step from where the chain stands, and the steps passed over on the way.
    pub fn next(&self) -> (Vec<Skipped>, Next<'a>) {
        let mut skips = Vec::new();
        let steps = &self.chain.steps;
        if self.episode.state.attempts.len() >= ATTEMPTS_MAX {
            return (skips, Next::End);
        }
        for (index, step) in steps.iter().enumerate().skip(self.position()) {
            if self.episode.spent_on(&step.name) >= step.attempts {
                continue;
            }
            if let Some(why) = self.refused_for_good(step) {
                let skip = Skip::CannotApply {
                    why: why.to_owned(),
                };
                skips.push(skipped(step, &skip));
                continue;
            }
            if let Some(until) = self.backoff(step) {
                return (skips, Next::Hold(step, Hold::Backoff { until }));
            }
            match self.judge(step, &steps[index + 1..]) {
                Ok(requests) => return (skips, Next::Act(step, requests)),
                Err(No::Hold(hold)) => return (skips, Next::Hold(step, hold)),
                Err(No::Skip(skip)) => skips.push(skipped(step, &skip)),
                Err(No::Stop(skip)) => {
                    skips.push(skipped(step, &skip));
                    return (skips, Next::End);
                }
            }
        }
        (skips, Next::End)
    }

    /// The step at which the chain stands: the last one on which attempts were spent, since a
    /// chain never goes back. Strategies are read live, so a position is a step's name.
    fn position(&self) -> usize {
        let spent = |step: &Step| {
            self.episode.spent_on(&step.name) > 0
                || self
                    .episode
                    .state
                    .attempts
                    .iter()
                    .any(|one| one.step == step.name)
        };
        self.chain.steps.iter().rposition(spent).unwrap_or(0)
    }

    /// The step was refused for a reason that lasts.
    fn refused_for_good(&self, step: &Step) -> Option<&'static str> {
        let attempts = &self.episode.state.attempts;
        let last = attempts.iter().rfind(|one| one.step == step.name)?;
        action::refused_for_good(last)
    }

    /// When the next attempt of this step is due, if that is later.
    fn backoff(&self, step: &Step) -> Option<Moment> {
        let tried = self
            .episode
            .state
            .attempts
            .iter()
            .filter(|one| one.step == step.name);
        let without_help = tried.filter(|one| {
            !matches!(
                one.outcome,
                Some(Outcome::Partial | Outcome::WouldAct | Outcome::Recovered)
            )
        });
        let failed = u32::try_from(without_help.count()).unwrap_or(u32::MAX);
        let last = self
            .episode
            .last_attempt()
            .filter(|one| one.step == step.name)?;
        if matches!(
            last.outcome,
            Some(Outcome::Partial | Outcome::WouldAct | Outcome::Recovered)
        ) {
            return None;
        }
        let due = last.judged_at?.plus(step.backoff(failed));
        (self.view.now < due).then_some(due)
    }

    /// What the step comes to now: lasting reasons first, then the intent, then passing reasons.
    fn judge(&self, step: &'a Step, later: &'a [Step]) -> Result<Vec<Request>, No> {
        let case = self.case(step, later);
        guard::admit(&case)?;
        let mut intent = action::resolve(&case)?;
        guard::pass(&case, &mut intent)?;
        Ok(intent)
    }

    /// The rollback that was passed over because somebody else keeps the template: what they are to do. It is resolved
    /// as if it were ours to make, so that it obeys everything else that a rollback does.
    pub fn proposal(&self, skips: &[Skipped]) -> Option<Proposal> {
        let owner = guard::owner(self.view.world, self.view.workload)?;
        let steps = &self.chain.steps;
        let passed = |step: &Step| {
            let skip = skips.iter().find(|one| one.step == step.name);
            step.action_name() == ActionName::Rollback
                && skip.is_some_and(|one| *one.reason == *owner.reason())
        };
        let index = steps.iter().position(passed)?;
        let (step, later) = (&steps[index], &steps[index + 1..]);
        let request = action::resolve(&self.case(step, later)).ok()?.pop()?;
        Some(Proposal {
            step: step.name.clone(),
            revision: request.name,
            uid: request.uid,
            from: request.from?,
            to: request.to?,
            patch: None,
            left_out: Vec::new(),
        })
    }

    /// The guards' view of a step.
    pub fn case<'b>(&'b self, step: &'b Step, later: &'b [Step]) -> Case<'b> {
        Case {
            view: self.view,
            episode: Some(self.episode),
            policy: self.policy,
            trigger: self.trigger,
            step,
            later,
            ledger: self.ledger,
            storm: self.storm,
            cause: self.cause.clone(),
        }
    }
}

/// The schema of a record holds so many characters of a reason.
const MESSAGE_MAX: usize = 256;

fn skipped(step: &Step, skip: &Skip) -> Skipped {
    Skipped {
        step: step.name.clone(),
        reason: skip.reason().into(),
        message: Some(skip.to_string().chars().take(MESSAGE_MAX).collect()),
    }
}
