//! Label selectors, as Kubernetes defines them; an empty one selects nothing here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::facts::Labels;

/// Whether the selector asks for anything at all.
pub fn is_empty(selector: &LabelSelector) -> bool {
    selector
        .match_labels
        .as_ref()
        .is_none_or(std::collections::BTreeMap::is_empty)
        && selector
            .match_expressions
            .as_ref()
            .is_none_or(Vec::is_empty)
}

/// Whether the labels satisfy the selector. An empty selector selects nothing: what is healed is
/// always an explicit choice.
pub fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    !is_empty(selector) && matches(selector, labels)
}

/// Whether the labels satisfy every requirement; an empty selector has none.
pub fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key.as_str()).is_some_and(|one| **one == **value));
    equal
        && selector
            .match_expressions
            .iter()
            .flatten()
            .all(|one| requirement(one, labels))
}

fn requirement(requirement: &LabelSelectorRequirement, labels: &Labels) -> bool {
    let value = labels.get(requirement.key.as_str());
    let among = |value: &str| requirement.values.iter().flatten().any(|one| one == value);
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| among(value)),
        "NotIn" => value.is_none_or(|value| !among(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // An operator of a later Kubernetes: nothing is selected by what is not understood.
        _ => false,
    }
}
