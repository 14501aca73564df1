//! The engine stays pure: no client and no runtime among what it links.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const FORBIDDEN: [&str; 7] = [
    "kube",
    "kube-client",
    "kube-runtime",
    "tokio",
    "hyper",
    "tower",
    "rand",
];

/// The names of a package's normal dependencies, their own included.
fn closure(metadata: &Value, root: &str) -> BTreeSet<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|one| (text(&one["id"]), text(&one["name"])))
        .collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let is_normal = |dependency: &Value| {
        list(&dependency["dep_kinds"])
            .iter()
            .any(|one| one["kind"].is_null())
    };
    let start = names.iter().find(|(_, name)| *name == root);
    let mut open: Vec<String> = start.map(|(id, _)| id.clone()).into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id.clone()) {
            let dependencies = list(&nodes[&id]["deps"]);
            let normal = dependencies.iter().filter(|one| is_normal(one));
            open.extend(normal.map(|one| text(&one["pkg"])));
        }
    }
    seen.iter().map(|id| names[id].clone()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The platform that this is: without a filter cargo wants the crates of every other one too.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc");
    let about = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = about.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("a host").to_owned()
}

#[test]
fn the_engine_links_no_client_and_no_runtime() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--filter-platform"])
        .arg(host())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata = serde_json::from_slice(&output.stdout).expect("JSON");
    let linked = closure(&metadata, "kubemend-engine");
    assert!(
        linked.contains("kubemend-api") && linked.contains("serde_json"),
        "the closure was not read: {linked:?}"
    );
    let found: Vec<_> = FORBIDDEN
        .into_iter()
        .filter(|name| linked.contains(*name))
        .collect();
    assert!(found.is_empty(), "{found:?} in the engine's closure");
}
