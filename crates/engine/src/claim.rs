//! Which policy answers for a target: one chain per target, by the order between policies.

use kubemend_api::Mode;

use crate::detect::{Sight, detector};
use crate::episode::Episode;
use crate::facts::TargetKey;
use crate::health;
use crate::mode;
use crate::policy::{Chain, Policy, Rule};
use crate::view::View;
use crate::world::World;

/// The policy that answers for a target in this mode. A policy in another mode claims nothing:
/// DryRun policies compete among themselves for the dry episode.
pub fn policy<'a>(world: &'a World, key: &TargetKey, wanted: Mode) -> Option<&'a Policy> {
    world
        .policies_of(key)
        .find(|policy| mode::effective(world, policy, key).mode == wanted)
}

/// What a policy's rules see in a target.
pub enum Answer<'a> {
    /// This rule's threshold is met.
    Rule(&'a Rule, crate::detect::Symptom),
    /// None is.
    None {
        /// How near each is, in words.
        why: Vec<String>,
        /// Something was seen that counts towards one of them.
        near: bool,
    },
}

/// The first rule whose trigger holds. A target that has been well for the whole stable stretch
/// has no symptom, whatever its counters say: they only ever grow.
pub fn rule<'a>(policy: &'a Policy, view: &View<'_>, relapse_of: Option<&Episode>) -> Answer<'a> {
    let (mut words, mut close) = (Vec::new(), false);
    for rule in &policy.rules {
        match detector(&rule.trigger).look(view, &view.world.settings, relapse_of) {
            Sight::Present(symptom) => {
                let chain = view.world.chain_of(rule).ok();
                if !is_well(view, chain) {
                    return Answer::Rule(rule, symptom);
                }
                words.push(format!(
                    "rule {}: well for the whole stable stretch",
                    rule.name
                ));
            }
            Sight::Absent { why, near } => {
                words.push(format!("rule {}: {why}", rule.name));
                close |= near;
            }
        }
    }
    Answer::None {
        why: words,
        near: close,
    }
}

fn is_well(view: &View<'_>, chain: Option<&Chain>) -> bool {
    let stretch = health::calm(view, None, chain);
    health::since(view).is_some_and(|since| view.now.since(since) >= stretch)
}
