//! A PodDisruptionBudget is never bypassed: the arithmetic of the API server, before it is asked.

use super::Case;
use crate::episode::{Request, Verb};
use crate::facts::{DisruptionBudgetFacts, Phase, PodFacts};
use crate::hold::{Hold, No};
use crate::view::PodView;

/// Keeps the pods that may be evicted now; holds where none may.
pub(super) fn check(case: &Case<'_>, intent: &mut Vec<Request>) -> Result<(), No> {
    let mut blocked = None;
    let mut spent: Vec<(&crate::facts::Name, u32)> = Vec::new();
    intent.retain(|request| {
        if !matches!(request.verb, Verb::Evict | Verb::Delete) {
            return true;
        }
        let pod = case.view.pod(&request.uid).map(PodView::facts);
        let Some(pod) = pod else { return false };
        let budgets = case.view.world.disruption_budgets_of(pod);
        if request.verb == Verb::Delete {
            // Decided before a budget covered the pod: the next intent evicts it.
            blocked = budgets
                .first()
                .map(|one| one.name.name.to_string())
                .or(blocked.take());
            return budgets.is_empty();
        }
        let [budget] = budgets.as_slice() else {
            // The API server refuses evictions under several budgets; it needs a person.
            blocked = budgets.first().map(|one| one.name.name.to_string());
            return budgets.is_empty();
        };
        let used = spent
            .iter()
            .filter(|(name, _)| **name == budget.name)
            .map(|(_, n)| n)
            .sum();
        if let Some(cost) = cost(budget, pod, used) {
            spent.push((&budget.name, cost));
            true
        } else {
            blocked = Some(budget.name.name.to_string());
            false
        }
    });
    match blocked {
        Some(name) if intent.is_empty() => Err(Hold::PdbBlocked { name }.into()),
        _ => Ok(()),
    }
}

/// What evicting this pod takes from `disruptionsAllowed`; `None` where it is refused.
fn cost(budget: &DisruptionBudgetFacts, pod: &PodFacts, used: u32) -> Option<u32> {
    if matches!(pod.phase, Phase::Pending | Phase::Succeeded | Phase::Failed) {
        return Some(0);
    }
    if !budget.observed {
        return None;
    }
    let healthy = budget.current_healthy >= budget.desired_healthy && budget.desired_healthy > 0;
    if !pod.ready && (budget.always_allow || healthy) {
        return Some(0);
    }
    (budget.allowed > used).then_some(1)
}
