//! Which disruption budgets and claims concern a pod or workload.

use crate::facts::{DisruptionBudgetFacts, Name, PodFacts, TargetKey, Text};
use crate::select;
use crate::source::Source;
use crate::world::World;

impl World {
    /// The PodDisruptionBudgets over a pod. Unlike elsewhere an empty selector covers every pod of
    /// the namespace: that is how policy/v1 defines it.
    pub fn disruption_budgets_of(&self, pod: &PodFacts) -> Vec<&DisruptionBudgetFacts> {
        let first = Name {
            namespace: pod.name.namespace.clone(),
            name: Text::from(""),
        };
        self.disruption_budgets
            .range(first..)
            .take_while(|(name, _)| name.namespace == pod.name.namespace)
            .map(|(_, budget)| budget)
            .filter(|budget| {
                let selector = budget.selector.as_ref();
                selector.is_some_and(|selector| select::matches(selector, &pod.labels))
            })
            .collect()
    }

    /// The object of that collection that owns its part of a workload, such as an autoscaler.
    pub fn claim_of(&self, source: Source, key: &TargetKey) -> Option<&Name> {
        let first = Name {
            namespace: key.namespace.clone(),
            name: Text::from(""),
        };
        self.claims
            .range((source, first)..)
            .take_while(|((one, name), _)| *one == source && name.namespace == key.namespace)
            .map(|(_, claim)| claim)
            .find(|one| *one.kind == *key.kind.as_str() && one.target == key.name)
            .map(|one| &one.name)
    }
}
