//! Giving way: who only watches one failure must not keep another from being healed.

use kubemend_api::Mode;

use crate::claim::{self, Answer, Symptom};
use crate::decide::Round;
use crate::episode::{Episode, Outcome, Phase};
use crate::facts::Text;
use crate::note::answer_with;
use crate::plan::Effect;
use crate::policy::{Policy, Rule};
use crate::view::View;

/// A failure that an earlier rule answers, while nothing was done about the one that the episode follows: who
/// only watches must not keep that one from being healed.
pub(crate) fn by<'a>(
    view: &View<'_>,
    policy: &'a Policy,
    episode: &Episode,
) -> Option<(&'a Rule, Symptom)> {
    let rank = |name: &str| policy.rules.iter().position(|rule| *rule.name == *name);
    match claim::rule(policy, view, Mode::Enforce, None) {
        Answer::Rule(rule, symptom) if rank(&rule.name) < rank(episode.rule()) => {
            Some((rule, symptom))
        }
        Answer::Rule(..) | Answer::None { .. } => None,
    }
}

/// Ends a wait for the sake of another failure, which the episode follows from now on.
pub(crate) fn give_way(
    round: &mut Round<'_>,
    episode: &Episode,
    rule: &Text,
    symptom: &str,
) -> bool {
    let mut next = episode.clone();
    if let Some(attempt) = next.state.attempts.last_mut() {
        attempt.outcome = Some(Outcome::NotRecovered);
        attempt.message = Some(format!("rule {rule} sees {symptom}"));
        attempt.judged_at = Some(round.now);
    }
    next.state.phase = Phase::Pending;
    next.state.reason = Some("Overtaken".into());
    next.state.message = None;
    answer_with(&mut next, rule, symptom);
    round.effect(Effect::Write(Box::new(next)))
}
