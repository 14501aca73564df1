//! The CRDs as they are shipped: derived from the types, then hardened.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;
use serde_json::{Value, json};

use crate::{
    ClusterHealingPolicy, ClusterRecoveryStrategy, HealingConfig, HealingEvent, HealingPolicy,
    RecoveryStrategy,
};

/// The six CRDs, in the order of the documentation.
pub fn all() -> Vec<CustomResourceDefinition> {
    [
        HealingPolicy::crd(),
        ClusterHealingPolicy::crd(),
        RecoveryStrategy::crd(),
        ClusterRecoveryStrategy::crd(),
        HealingConfig::crd(),
        HealingEvent::crd(),
    ]
    .into_iter()
    .map(hardened)
    .collect()
}

/// The CRDs as one YAML document each, with the file name under `crds/`.
pub fn files() -> Vec<(String, String)> {
    all()
        .into_iter()
        .map(|crd| {
            let name = format!("{}.yaml", crd.spec.names.plural);
            let yaml = serde_saphyr::to_string(&crd).expect("a CRD is plain data");
            (name, yaml)
        })
        .collect()
}

/// Removes what the derive adds and an API must not have: `nullable`, because an explicit null
/// would be kept instead of pruned and defaulted, and `title`, which is a Rust name.
fn hardened(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(crd).expect("a CRD is plain data");
    strip(&mut value);
    if value["spec"]["names"]["kind"] == "HealingConfig" {
        // kube-derive cannot put a rule on the root without the kube facade.
        value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] = json!([{
            "rule": "self.metadata.name == 'cluster'",
            "message": "there is one HealingConfig; name it cluster",
        }]);
    }
    serde_json::from_value(value).expect("removing optional members keeps a CRD a CRD")
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, member| match key.as_str() {
                "nullable" => !member.is_boolean(),
                "title" => !member.is_string(),
                _ => true,
            });
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
