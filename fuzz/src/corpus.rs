//! The committed hostile inputs, and those that are too large to commit.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kubemend_sim::hash;
use serde_json::json;

use crate::seeds;

/// Where the inputs of a target are.
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

/// The committed inputs of a target, by name.
pub fn committed(target: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let folder = folder(target);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("no corpus in {}", folder.display()))?;
    let mut inputs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        inputs.push((name, std::fs::read(&path)?));
    }
    inputs.sort();
    Ok(inputs)
}

/// Keeps an input that broke a target; from then on every test runs it.
pub fn save(target: &str, input: &[u8]) -> anyhow::Result<PathBuf> {
    let folder = folder(target);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!(
        "found-{:016x}",
        hash(&String::from_utf8_lossy(input))
    ));
    std::fs::write(&path, input)?;
    Ok(path)
}

/// Objects of the size that etcd just takes, and lists of very many parts.
pub fn huge() -> Vec<(&'static str, Vec<u8>)> {
    const SIZE: usize = 1_500_000;
    let long = "x".repeat(SIZE);
    let bytes = |value: serde_json::Value| value.to_string().into_bytes();
    let mut annotated = seeds::pod("shop", "web", 0);
    annotated["metadata"]["annotations"] = json!({ "note": long });
    let mut wrong = seeds::pod("shop", "web", 0);
    wrong["status"]["containerStatuses"][0]["restartCount"] = json!(long);
    let mut many = seeds::pod("shop", "web", 0);
    let status = many["status"]["containerStatuses"][0].clone();
    many["status"]["containerStatuses"] = json!(vec![status; 5_000]);
    let mut marked = seeds::revision("shop", "web", 2);
    marked["metadata"]["annotations"]["kubemend.io/healthy"] = json!(long);
    let mut moded = seeds::deployment("shop", "web");
    moded["metadata"]["annotations"]["kubemend.io/mode"] = json!(long);
    let mut record = seeds::record();
    record["status"]["message"] = json!("y".repeat(100_000));
    record["metadata"]["annotations"]["kubemend.io/retry"] = json!(long);
    let mut policy = seeds::policy("shop", 0);
    policy["spec"]["rules"] = json!(vec![policy["spec"]["rules"][0].clone(); 500]);
    let frame = format!("{{\"type\":\"ADDED\",\"object\":{annotated}}}\n");
    let page =
        format!("{{\"metadata\":{{\"resourceVersion\":\"5\"}},\"items\":[{annotated},{wrong}]}}");
    let endless = "{\"type\":\"ADDED\",\"object\":".to_owned() + &long.repeat(3);
    let bomb = format!(
        "a: &a {}\nb: [{}]\n",
        "z".repeat(200_000),
        "*a, ".repeat(50_000)
    );
    vec![
        ("pods", bytes(annotated)),
        ("pods", bytes(wrong)),
        ("pods", bytes(many)),
        ("replicasets", bytes(marked)),
        ("deployments", bytes(moded)),
        ("healingevents", bytes(record)),
        ("healingpolicies", bytes(policy)),
        ("watches", frame.into_bytes()),
        ("watches", endless.into_bytes()),
        ("lists", page.into_bytes()),
        ("leases", long.clone().into_bytes()),
        (
            "answers",
            format!("{{\"kind\":\"Status\",\"message\":\"{long}\"}}").into_bytes(),
        ),
        ("durations", long.into_bytes()),
        ("manifests", bomb.into_bytes()),
        ("manifests", "[".repeat(SIZE).into_bytes()),
        ("manifests", "- ".repeat(SIZE / 2).into_bytes()),
    ]
}
