//! Whether the cluster's CRDs know every field that this version uses.

use std::time::Duration;

use kube::Client;
use kubemend_status::call::{self, Request};
use serde_json::Value;

/// The published schema, which every authenticated user may read; CRDs themselves few may.
const SCHEMA: &str = "/openapi/v3/apis/kubemend.io/v1alpha1";
/// Ours are about 150 kB.
const SCHEMA_MAX: usize = 8 << 20;
const WITHIN: Duration = Duration::from_secs(10);

/// The answer if the served CRDs lack a field; newer ones are fine. Where the schema cannot be
/// read nothing is said: the answer does not depend on it.
pub(super) async fn older(client: &Client) -> Option<String> {
    let bytes = call::read(client, Request::get(SCHEMA), WITHIN, SCHEMA_MAX)
        .await
        .ok()?;
    let served: Value = serde_json::from_slice(&bytes).ok()?;
    compare(&served["components"]["schemas"])
}

fn compare(served: &Value) -> Option<String> {
    for crd in kubemend_api::crds::all() {
        let kind = &crd.spec.names.kind;
        let ours = serde_json::to_value(&crd.spec.versions.first()?.schema).ok()?;
        let theirs = &served[format!("io.kubemend.v1alpha1.{kind}")];
        if let Some(field) = lacking(&ours["openAPIV3Schema"], theirs, "") {
            let advice = "update them: kubectl apply -k crds";
            return Some(format!(
                "CRDs older: the cluster's {kind} does not know {field}; {advice}"
            ));
        }
    }
    None
}

/// The first of our fields that their schema lacks.
fn lacking(ours: &Value, theirs: &Value, path: &str) -> Option<String> {
    for (name, schema) in ours["properties"].as_object().into_iter().flatten() {
        // The API server publishes its own schema of every object's metadata.
        if path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            continue;
        }
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let Some(theirs) = theirs["properties"].get(name) else {
            return Some(path);
        };
        let found = lacking(schema, theirs, &path)
            .or_else(|| lacking(&schema["items"], &theirs["items"], &format!("{path}[]")));
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn served() -> Value {
        let schema = |crd: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition| {
            let name = format!("io.kubemend.v1alpha1.{}", crd.spec.names.kind);
            (name, json!(crd.spec.versions[0].schema)["openAPIV3Schema"].clone())
        };
        Value::Object(kubemend_api::crds::all().iter().map(schema).collect())
    }

    #[test]
    fn a_field_that_the_cluster_lacks_is_named() {
        let mut theirs = served();
        assert_eq!(compare(&theirs), None);
        theirs["io.kubemend.v1alpha1.HealingConfig"]["properties"]["spec"]["properties"]["newer"] =
            json!({});
        assert_eq!(compare(&theirs), None);
        let steps = &mut theirs["io.kubemend.v1alpha1.RecoveryStrategy"]["properties"]["spec"]["properties"]
            ["steps"];
        steps["items"]["properties"]
            .as_object_mut()
            .unwrap()
            .remove("undo");
        let answer = compare(&theirs).unwrap();
        assert!(
            answer.contains("RecoveryStrategy does not know spec.steps[].undo"),
            "{answer}"
        );
    }
}
