//! Every CRD schema is bounded and teaches: one walk over all of them, one rule per line of complaint.

#![allow(clippy::unwrap_used)]

use kubemend_api::crds;
use serde_json::Value;

#[test]
fn every_schema_is_bounded_and_described() {
    let mut complaints = Vec::new();
    for crd in crds::all() {
        let crd = serde_json::to_value(crd).unwrap();
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        if says(root).is_empty() || says(root).contains("derived type") {
            complaints.push(format!("{kind}: the kind itself has no description"));
        }
        for part in ["spec", "status"] {
            if let Some(schema) = root["properties"].get(part) {
                if says(schema).is_empty() {
                    complaints.push(format!("{kind}.{part}: no description"));
                }
                walk(&format!("{kind}.{part}"), schema, &mut complaints);
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Condition lists merge by type, so that several writers never drop one another's conditions.
#[test]
fn conditions_are_maps_by_type() {
    for crd in crds::all() {
        let crd = serde_json::to_value(crd).unwrap();
        let status =
            &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
        if status.is_null() {
            continue;
        }
        let conditions = &status["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map");
        assert_eq!(conditions["x-kubernetes-list-map-keys"][0], "type");
    }
}

/// The short names, the category and the columns that the documentation promises.
#[test]
fn names_and_columns_are_as_documented() {
    let columns = |kind: &str| {
        let crd = crds::all()
            .into_iter()
            .find(|crd| crd.spec.names.kind == kind)
            .unwrap();
        let names = crd.spec.names;
        assert_eq!(names.categories, Some(vec!["healing".to_owned()]));
        let shown = crd.spec.versions[0]
            .additional_printer_columns
            .iter()
            .flatten()
            .filter(|column| column.priority.unwrap_or_default() == 0)
            .map(|column| column.name.clone())
            .collect::<Vec<_>>();
        (names.short_names.unwrap().join(","), shown.join(" "))
    };
    let expected = [
        (
            "HealingPolicy",
            "hpol",
            "Mode Effective Targets Open Held Recovered Ready Age",
        ),
        (
            "ClusterHealingPolicy",
            "chpol",
            "Mode Effective Priority Targets Open Held Recovered Ready Age",
        ),
        (
            "RecoveryStrategy",
            "rstrat",
            "Steps Used by Attempts Cures Ready Age",
        ),
        (
            "ClusterRecoveryStrategy",
            "crstrat",
            "Steps Used by Attempts Cures Ready Age",
        ),
        ("HealingConfig", "hcfg", "Cluster Ceiling Paused Ready Age"),
        (
            "HealingEvent",
            "hev",
            "Target Symptom Phase Reason Step Attempts Recovery Mode Age",
        ),
    ];
    for (kind, short, shown) in expected {
        assert_eq!(
            columns(kind),
            (short.to_owned(), shown.to_owned()),
            "{kind}"
        );
    }
}

/// What `kubectl get hev --field-selector` can ask for.
#[test]
fn records_are_found_by_phase_policy_and_target() {
    let records = crds::all().pop().unwrap();
    let fields = records.spec.versions[0].selectable_fields.iter().flatten();
    let paths: Vec<_> = fields.map(|field| field.json_path.as_str()).collect();
    assert_eq!(
        paths,
        [".status.phase", ".spec.policyRef", ".spec.targetRef"]
    );
}

fn walk(path: &str, schema: &Value, complaints: &mut Vec<String>) {
    let has = |member: &str| schema.get(member).is_some();
    let mut complain = |what: &str| complaints.push(format!("{path}: {what}"));
    if has("nullable") {
        complain("nullable");
    }
    if has("title") {
        complain("a title, which is a Rust name");
    }
    let written_by_people = !path.contains(".status") && !path.starts_with("HealingEvent.");
    match schema["type"].as_str() {
        Some("string") if !has("maxLength") && !has("enum") && schema["format"] != "date-time" => {
            complain("a string without bound");
        }
        Some("integer") if written_by_people && (!has("minimum") || !has("maximum")) => {
            complain("an integer without bounds");
        }
        Some("array") if !has("maxItems") => complain("an array without maxItems"),
        Some("object") if has("additionalProperties") && !has("maxProperties") => {
            complain("a map without maxProperties");
        }
        None if schema["x-kubernetes-int-or-string"] != true => complain("no type"),
        None if !has("maxLength") => complain("an int-or-string without maxLength"),
        _ => {}
    }
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        if rule["message"].as_str().is_none_or(str::is_empty) {
            complain("a rule without message");
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        // YAML 1.1, which kubectl reads, takes these for booleans.
        if ["on", "off", "yes", "no", "y", "n"].contains(&name.as_str()) {
            complaints.push(format!("{path}: a name that YAML 1.1 takes for a boolean"));
        }
        if says(property).is_empty() {
            complaints.push(format!("{path}: no description"));
        } else if path.contains(".spec") && !says(property).contains("Example: ") {
            complaints.push(format!("{path}: a description without example"));
        }
        if says(property).contains('\n') {
            complaints.push(format!("{path}: a line break in the description"));
        }
        walk(&path, property, complaints);
    }
    if let Some(items) = schema.get("items") {
        walk(&format!("{path}[]"), items, complaints);
    }
    if let Some(values) = schema.get("additionalProperties") {
        walk(&format!("{path}{{}}"), values, complaints);
    }
}

fn says(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}
