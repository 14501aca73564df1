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

/// Repairs what the derives make and an API must not have.
fn hardened(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(crd).expect("a CRD is plain data");
    repair(&mut value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    if value["spec"]["names"]["kind"] == "HealingConfig" {
        // kube-derive cannot put a rule on the root without the kube facade.
        value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] = json!([{
            "rule": "self.metadata.name == 'cluster'",
            "message": "there is one HealingConfig; name it cluster",
        }]);
    }
    serde_json::from_value(value).expect("removing optional members keeps a CRD a CRD")
}

/// Visits every schema: `nullable` goes, because an explicit null would be kept instead of pruned
/// and defaulted; `title`, because it is a Rust name; Rust's unsigned formats, because the API
/// server does not know them; line breaks in descriptions, because `kubectl explain` keeps them.
fn repair(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    members.remove("nullable");
    members.remove("title");
    if members
        .get("format")
        .is_some_and(|format| format == "uint32")
    {
        members.insert("format".into(), "int32".into());
    }
    if let Some(Value::String(description)) = members.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(repair);
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(schema) = members.get_mut(nested) {
            repair(schema);
        }
    }
}
