//! Which policy answers for a target: one chain per target, by the order between policies.

use kubemend_api::Mode;

use crate::detect::{Detect, Sight, detector};
use crate::episode::Episode;
use crate::facts::TargetKey;
use crate::health;
use crate::mode;
use crate::moment::Moment;
use crate::policy::{Chain, Policy, Rule};
use crate::view::View;
use crate::world::World;

/// The policy that answers for a target in this mode: the first that has a rule in it. A policy without one claims
/// nothing there: those with rules in DryRun compete among themselves for the dry episode.
pub fn policy<'a>(
    world: &'a World,
    key: &TargetKey,
    wanted: Mode,
    now: Moment,
) -> Option<&'a Policy> {
    world
        .policies_of(key)
        .filter(|policy| policy.answers)
        .find(|policy| {
            stands(
                policy,
                mode::effective(world, policy, key, now).mode,
                wanted,
            )
        })
}

/// Whether a policy of this effective mode has a rule in that one. Of rules that could not be read the policy's own
/// mode counts: it must not give way because of them.
pub(crate) fn stands(policy: &Policy, effective: Mode, wanted: Mode) -> bool {
    if policy.rules.is_empty() {
        return effective == wanted;
    }
    let mut rules = policy.rules.iter();
    rules.any(|rule| rule.mode(effective) == wanted)
}

/// What a policy's rules see in a target.
pub enum Answer<'a> {
    /// This rule's threshold is met.
    Rule(&'a Rule, Symptom),
    /// None is.
    None {
        /// How near each is, in words.
        why: Vec<String>,
        /// Something was seen that counts towards one of them.
        near: bool,
        /// When one of them will be met if nothing changes.
        again: Option<Moment>,
    },
}

/// An observed failure of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// Its name in records, for example `CrashLoop`.
    pub name: &'static str,
    /// When it began, as the objects tell.
    pub since: Moment,
}

/// The first rule whose trigger holds, of those that stand in this mode. A target that has been well for the whole
/// stable stretch has no symptom, whatever its counters say: they only ever grow.
///
/// Rules are tried in order whatever their mode, as if all were in this one. So a rule in a lower mode keeps none
/// from answering; one in a higher mode that holds has answered, and nothing is rehearsed after it.
pub fn rule<'a>(
    policy: &'a Policy,
    view: &View<'_>,
    wanted: Mode,
    relapse_of: Option<&Episode>,
) -> Answer<'a> {
    let (mut words, mut close, mut next) = (Vec::new(), false, None::<Moment>);
    let kind = view.key.kind;
    let modes = modes(policy, view);
    let concerns = |rule: &&Rule| {
        let of_kind = |kinds: &Vec<_>| kinds.contains(&kind);
        rule.kinds.as_ref().is_none_or(of_kind)
            && modes.is_none_or(|effective| rule.mode(effective) >= wanted)
    };
    for rule in policy.rules.iter().filter(concerns) {
        let detector = detector(&rule.trigger);
        match detector.look(view, &view.world.settings, relapse_of) {
            Sight::Present(since) => {
                let chain = view.world.chain_of(rule).ok();
                if !is_well(view, detector, chain) {
                    if modes.is_some_and(|effective| rule.mode(effective) > wanted) {
                        words.push(format!("rule {}: answers before", rule.name));
                        break;
                    }
                    let name = rule.trigger.name().title();
                    return Answer::Rule(rule, Symptom { name, since });
                }
                words.push(format!(
                    "rule {}: well for the whole stable stretch",
                    rule.name
                ));
            }
            Sight::Absent { why, near, again } => {
                words.push(format!("rule {}: {why}", rule.name));
                // Counters only grow: one of a target that is well again counts towards nothing.
                close |= near && !is_well(view, detector, view.world.chain_of(rule).ok());
                next = next.into_iter().chain(again).min();
            }
        }
    }
    Answer::None {
        why: words,
        near: close,
        again: next,
    }
}

/// The policy's mode over this target, where its rules may differ in theirs; where none has its own they all stand
/// in the mode that is asked for.
fn modes(policy: &Policy, view: &View<'_>) -> Option<Mode> {
    let differ = policy.rules.iter().any(|rule| rule.mode.is_some());
    differ.then(|| mode::effective(view.world, policy, &view.key, view.now).mode)
}

fn is_well(view: &View<'_>, detector: &dyn Detect, chain: Option<&Chain>) -> bool {
    let stretch = health::calm(view, None, chain);
    health::since_without(view, detector).is_some_and(|since| view.now.since(since) >= stretch)
}
