//! The mode that counts: the lowest of all that have a say. Nothing raises it.

use kubemend_api::{Mode, annotations};

use crate::facts::TargetKey;
use crate::moment::Moment;
use crate::policy::Policy;
use crate::world::World;

/// A mode and what set it that low.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Effective {
    pub mode: Mode,
    /// `None` where the policy's own mode is the lowest.
    pub why: Option<String>,
}

impl Effective {
    fn lower(&mut self, mode: Mode, why: impl FnOnce() -> String) {
        if mode < self.mode {
            *self = Self {
                mode,
                why: Some(why()),
            };
        }
    }
}

/// What the cluster's own settings let anybody do now: the ceiling, or a freeze below it.
pub fn ceiling(world: &World, now: Moment) -> Effective {
    let mut effective = Effective {
        mode: Mode::Enforce,
        why: None,
    };
    let Some(config) = &world.config else {
        effective.lower(Mode::Suspended, || {
            "HealingConfig/cluster is missing or unreadable".to_owned()
        });
        return effective;
    };
    let ceiling = config.ceiling;
    effective.lower(ceiling, || {
        format!("HealingConfig/cluster: modeCeiling is {ceiling}")
    });
    for freeze in config.freezes.iter().filter(|one| one.is_on(now)) {
        effective.lower(freeze.ceiling, || {
            format!("HealingConfig/cluster: freeze {} is on", freeze.name)
        });
    }
    effective
}

/// The mode of a policy over everything it selects: its own, the ceiling, and what the calendar says.
pub fn of_policy(world: &World, policy: &Policy, now: Moment) -> Effective {
    let mut effective = Effective {
        mode: policy.mode,
        why: None,
    };
    // Without configuration nothing acts, but the mode is not known to be low: that is held elsewhere.
    if world.config.is_some() {
        let ceiling = ceiling(world, now);
        effective.lower(ceiling.mode, || ceiling.why.unwrap_or_default());
    }
    for window in policy.windows.iter().filter(|one| one.is_open(now)) {
        effective.lower(window.mode, || format!("window {} is open", window.name));
    }
    effective
}

/// The mode of a policy over one target, whatever the calendar says.
pub fn standing(world: &World, policy: &Policy, key: &TargetKey) -> Effective {
    let own = Effective {
        mode: policy.mode,
        why: None,
    };
    let mut effective = own;
    if let Some(config) = &world.config {
        effective.lower(config.ceiling, String::new);
    }
    over_target(world, key, effective)
}

/// The mode of a policy over one target. Excluded namespaces, those that are being deleted and
/// those that are never targets count as suspended.
pub fn effective(world: &World, policy: &Policy, key: &TargetKey, now: Moment) -> Effective {
    over_target(world, key, of_policy(world, policy, now))
}

fn over_target(world: &World, key: &TargetKey, mut effective: Effective) -> Effective {
    let namespace = &key.namespace;
    if let Some(why) = never(world, key) {
        effective.lower(Mode::Suspended, || why);
    }
    if world
        .config
        .as_ref()
        .is_some_and(|config| config.exclude.contains(namespace))
    {
        effective.lower(Mode::Suspended, || {
            format!("HealingConfig/cluster: excludeNamespaces has {namespace}")
        });
    }
    let facts = world.namespaces.get(namespace);
    if facts.is_some_and(|one| one.deleting) {
        effective.lower(Mode::Suspended, || {
            format!("namespace {namespace} is being deleted")
        });
    }
    let annotated = [
        (facts.and_then(|one| one.mode.as_ref()), "namespace"),
        (
            world.workload(key).and_then(|one| one.facts.mode.as_ref()),
            "workload",
        ),
    ];
    for (value, what) in annotated {
        let Some(value) = value else { continue };
        let key = annotations::MODE;
        match Mode::named(value) {
            Some(mode) => effective.lower(mode, || format!("{what} annotation {key} is {value}")),
            // A word that nobody understands may have been meant as a stop.
            None => effective.lower(Mode::Suspended, || {
                format!("{what} annotation {key} is {value:?}; write Suspended, DryRun or Enforce")
            }),
        }
    }
    effective
}

/// Why nothing in this namespace is ever a target.
pub fn never(world: &World, key: &TargetKey) -> Option<String> {
    if &*key.namespace == "kube-system" {
        return Some("nothing in kube-system is ever a target".to_owned());
    }
    (key.namespace == world.settings.own_namespace).then(|| {
        format!(
            "nothing in {}, the operator's own namespace, is ever a target",
            key.namespace
        )
    })
}
