//! Budgets of the policy, of other enforcing policies, of the namespace and of the cluster.

use kubemend_api::Mode;
use kubemend_api::limits::Limit;

use super::Case;
use crate::budget::Used;
use crate::episode::Request;
use crate::hold::{Hold, No};
use crate::mode;
use crate::source::Source;

/// What stands in for absent limits: concurrent, actsPerHour.
const POLICY: (u32, u32) = (1, 10);
const NAMESPACE: (u32, u32) = (2, 10);
const CLUSTER: (u32, u32) = (20, 100);

/// Cuts the intent to what every budget leaves; holds where one leaves nothing.
pub(super) fn check(case: &Case<'_>, intent: &mut Vec<Request>) -> Result<(), No> {
    // A wait takes nothing from anybody.
    if intent.is_empty() {
        return Ok(());
    }
    let (world, key) = (case.view.world, &case.view.key);
    let config = world
        .config
        .as_ref()
        .map(|config| config.budget.clone())
        .unwrap_or_default();

    let unreadable = |namespace: Option<&str>| {
        let records = world
            .unreadable
            .keys()
            .filter(|(source, _)| *source == Source::Records);
        count(
            records
                .filter(|(_, name)| namespace.is_none_or(|one| one == &*name.namespace))
                .count(),
        )
    };
    let limit = |limit: Option<&Limit>, absent: (u32, u32)| {
        (
            limit.and_then(|one| one.concurrent).unwrap_or(absent.0),
            limit.and_then(|one| one.acts_per_hour).unwrap_or(absent.1),
        )
    };

    let mut used = case.ledger.used(|_, _| true);
    used.slots += unreadable(None);
    cut(
        "the cluster",
        used,
        limit(config.cluster.as_ref(), CLUSTER),
        intent,
    )?;

    let mut used = case
        .ledger
        .used(|target, _| target.namespace == key.namespace);
    used.slots += unreadable(Some(&key.namespace));
    let scope = format!("namespace {}", key.namespace);
    cut(
        &scope,
        used,
        limit(config.per_namespace.as_ref(), NAMESPACE),
        intent,
    )?;

    for policy in world.policies_of(key) {
        let claims = policy.id == case.policy.id;
        if !claims && mode::effective(world, policy, key, case.view.now).mode != Mode::Enforce {
            continue;
        }
        let absent = if claims { POLICY } else { (u32::MAX, u32::MAX) };
        let limits = (
            policy.budget.concurrent.unwrap_or(absent.0),
            policy.budget.acts_per_hour.unwrap_or(absent.1),
        );
        let used = case.ledger.used(|target, acted_for| {
            *acted_for == policy.id || world.is_member(&policy.id, target)
        });
        cut(&policy.reference(), used, limits, intent)?;
    }
    Ok(())
}

/// Cuts the intent to what one budget leaves, at least one; else holds.
fn cut(
    scope: &str,
    used: Used,
    (concurrent, acts): (u32, u32),
    intent: &mut Vec<Request>,
) -> Result<(), Hold> {
    if used.slots >= concurrent {
        let detail = format!("{} of {concurrent} attempts are under way", used.slots);
        return Err(Hold::BudgetExhausted {
            scope: scope.to_owned(),
            detail,
            until: None,
        });
    }
    if used.acts >= acts {
        let detail = format!("{} of {acts} acts per hour are used", used.acts);
        return Err(Hold::BudgetExhausted {
            scope: scope.to_owned(),
            detail,
            until: used.until,
        });
    }
    intent.truncate((acts - used.acts) as usize);
    Ok(())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
