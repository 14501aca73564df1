//! What must hold before anything acts at all: the lease, a complete and fresh view, the
//! configuration, no pause, and a clock that agrees with the API server's.

use kubemend_api::policy::StrategyKind;

use crate::facts::{Name, TargetKey};
use crate::hold::Hold;
use crate::moment::{Millis, Moment};
use crate::policy::ChainRef;
use crate::source::Source;
use crate::world::World;

/// Object times have whole seconds and requests take some: below this a difference says nothing.
const SKEW_MAX: Millis = 10_000;

/// Whether this process may write at all.
pub fn may_write(world: &World) -> Result<(), Hold> {
    if let Some(source) = world.unsynced() {
        return Err(Hold::Syncing { source });
    }
    if world.leads() {
        Ok(())
    } else {
        Err(Hold::NotLeader)
    }
}

/// Whether the view can be trusted for a judgement.
pub fn can_see(world: &World, now: Moment) -> Result<(), Hold> {
    match world.stale(now) {
        Some(source) => Err(Hold::ViewStale { source }),
        None => Ok(()),
    }
}

/// Whether anything may act now.
pub fn may_act(world: &World, now: Moment) -> Result<(), Hold> {
    can_see(world, now)?;
    let Some(config) = &world.config else {
        return Err(Hold::NoConfig);
    };
    if world
        .unreadable
        .keys()
        .any(|(source, _)| *source == Source::Config)
    {
        return Err(Hold::NoConfig);
    }
    if let Some(reason) = &config.pause {
        return Err(Hold::Paused {
            reason: reason.clone(),
        });
    }
    let millis = world.skew();
    if millis.saturating_abs() > SKEW_MAX {
        return Err(Hold::ClockSkew { millis });
    }
    Ok(())
}

/// Whether what concerns this target could all be read.
pub fn readable(world: &World, key: &TargetKey) -> Result<(), Hold> {
    if world.unreadable.is_empty() {
        return Ok(());
    }
    let stem = crate::record_name::stem(key);
    for (source, name) in world.unreadable.keys() {
        let here = name.namespace == key.namespace;
        let what = format!("{}/{}", source.kind(), name.name);
        return Err(match source {
            Source::Records if here && name.name.starts_with(&stem) => Hold::RecordUnreadable {
                name: name.name.to_string(),
            },
            Source::Policies if here => Hold::PolicyUnreadable { name: what },
            Source::ClusterPolicies => Hold::PolicyUnreadable { name: what },
            // What limits healing from outside, or says how to heal: unread, it may forbid this.
            Source::DisruptionBudgets
            | Source::Autoscalers
            | Source::VerticalAutoscalers
            | Source::Rollouts
            | Source::Jobs
            | Source::Strategies
                if here =>
            {
                Hold::ObjectUnreadable { name: what }
            }
            Source::Namespaces if name.name == key.namespace => {
                Hold::ObjectUnreadable { name: what }
            }
            Source::ClusterStrategies if is_used(world, key, name) => {
                Hold::ObjectUnreadable { name: what }
            }
            _ => continue,
        });
    }
    let Some(workload) = world.workload(key) else {
        return Ok(());
    };
    match world.unreadable_of(&workload.facts).into_iter().next() {
        Some(name) => Err(Hold::ObjectUnreadable { name }),
        None => Ok(()),
    }
}

/// Whether a policy over this target names that strategy.
fn is_used(world: &World, key: &TargetKey, strategy: &Name) -> bool {
    let rules = world.policies_of(key).flat_map(|policy| &policy.rules);
    rules.into_iter().any(|rule| {
        matches!(&rule.chain, ChainRef::Named(StrategyKind::ClusterRecoveryStrategy, name) if name == strategy)
    })
}
