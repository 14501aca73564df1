//! Tables of every field, from the CRDs.

use std::fmt::Write as _;

use kubemend_api::crds;
use serde_json::Value;

/// The reference: each kind's fields, then those of a step.
pub(crate) fn tables() -> String {
    let kinds: Vec<(String, Value)> = crds::all()
        .into_iter()
        .map(|crd| {
            let kind = crd.spec.names.kind.clone();
            let value = serde_json::to_value(crd).unwrap();
            (
                kind,
                value["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone(),
            )
        })
        .collect();
    let schema = |kind: &str| &kinds.iter().find(|(name, _)| name == kind).unwrap().1["properties"];
    let mut out = String::new();
    let policy = &schema("HealingPolicy")["spec"];
    table(&mut out, "HealingPolicy", policy, "spec");
    let mut beyond = schema("ClusterHealingPolicy")["spec"].clone();
    let known = policy["properties"].as_object().unwrap();
    let members = beyond["properties"].as_object_mut().unwrap();
    members.retain(|name, _| !known.contains_key(name));
    table(
        &mut out,
        "ClusterHealingPolicy: the same, and",
        &beyond,
        "spec",
    );
    out.push_str("\n### RecoveryStrategy, ClusterRecoveryStrategy\n\n`spec.steps` is a list of 1 to 10 steps with unique names, tried in this order.\n");
    table(
        &mut out,
        "A step",
        &schema("RecoveryStrategy")["spec"]["properties"]["steps"]["items"],
        "",
    );
    table(
        &mut out,
        "HealingConfig",
        &schema("HealingConfig")["spec"],
        "spec",
    );
    table(
        &mut out,
        "Status of a policy",
        &schema("HealingPolicy")["status"],
        "status",
    );
    table(
        &mut out,
        "Status of a strategy",
        &schema("RecoveryStrategy")["status"],
        "status",
    );
    table(
        &mut out,
        "HealingEvent",
        &schema("HealingEvent")["spec"],
        "spec",
    );
    table(
        &mut out,
        "Status of a HealingEvent",
        &schema("HealingEvent")["status"],
        "status",
    );
    out
}

fn table(out: &mut String, heading: &str, schema: &Value, path: &str) {
    write!(
        out,
        "\n### {heading}\n\n| field | when absent | meaning |\n|---|---|---|\n"
    )
    .unwrap();
    rows(out, schema, path);
}

fn rows(out: &mut String, schema: &Value, path: &str) {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let (meaning, absent) = described(member, required.contains(&name.as_str()));
        let elsewhere = told_elsewhere(name, member);
        let list = if member["type"] == "array" { "[]" } else { "" };
        let told = elsewhere.map_or_else(String::new, |place| format!(" ({place})"));
        let bounds = bounds(member);
        writeln!(
            out,
            "| `{path}{list}` | {absent} | {meaning}{bounds}{told} |"
        )
        .unwrap();
        if elsewhere.is_none() {
            rows(out, member, &path);
            rows(out, &member["items"], &format!("{path}[]"));
        }
    }
}

/// Where members are told once for all, or are Kubernetes' own.
fn told_elsewhere(name: &str, member: &Value) -> Option<&'static str> {
    if !member["properties"]["matchLabels"].is_null() {
        return Some("a label selector");
    }
    match name {
        "steps" => Some("[a step](#a-step)"),
        "conditions" => Some("conditions as elsewhere in Kubernetes"),
        _ => None,
    }
}

/// The meaning, and what counts when the field is absent.
fn described(member: &Value, required: bool) -> (String, String) {
    let text = member["description"]
        .as_str()
        .unwrap_or_default()
        .replace('|', "\\|");
    let (text, example) = text
        .split_once(" Example: ")
        .map_or((text.as_str(), ""), |pair| pair);
    let (text, said) = match text.split_once("Absent: ") {
        Some((before, after)) => {
            let (absent, rest) = after.split_once(". ").unwrap_or((after, ""));
            (
                format!("{before}{rest}"),
                Some(absent.trim_end_matches('.').to_owned()),
            )
        }
        None => (text.to_owned(), None),
    };
    let default = match &member["default"] {
        Value::Null => None,
        Value::String(text) => Some(format!("`{text}`")),
        other => Some(format!("`{other}`")),
    };
    let absent = said
        .or(default)
        .unwrap_or_else(|| (if required { "required" } else { "–" }).to_owned());
    let mut meaning = text.trim().trim_end_matches('.').to_owned();
    if !example.is_empty() {
        write!(meaning, ". Example: `{example}`").unwrap();
    }
    (meaning, absent)
}

fn bounds(member: &Value) -> String {
    if let Some(words) = member["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return format!(" (one of {})", words.join(", "));
    }
    match (member["minimum"].as_f64(), member["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!(" ({least} to {most})"),
        _ => String::new(),
    }
}
