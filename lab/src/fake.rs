//! Nodes played by KWOK, for machines without root: no container runs, but every object behaves.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::network::Place;
use crate::node_config::{BACKOFF_LABEL, backoff_cap};

/// Creates `node1` to `nodeN` through the given kubectl.
pub(crate) fn create_nodes(mut kubectl: Command, count: u8) -> Result<()> {
    let nodes: Vec<Value> = (1..=count).map(node).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": nodes});
    let mut child = kubectl
        .args(["apply", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start kubectl")?;
    child
        .stdin
        .take()
        .context("kubectl has no stdin")?
        .write_all(list.to_string().as_bytes())?;
    if !child.wait()?.success() {
        bail!("kubectl could not create the fake nodes");
    }
    Ok(())
}

/// Named and labelled like the real ones, so that what is written for one lab runs in the other.
fn node(number: u8) -> Value {
    let name = format!("node{number}");
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                BACKOFF_LABEL: backoff_cap(Place(number)).label
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kwok_manages_them() {
        let node = node(1);
        assert_eq!(
            node["metadata"]["annotations"]["kwok.x-k8s.io/node"],
            "fake"
        );
        assert_eq!(node["metadata"]["labels"][BACKOFF_LABEL], "10s");
    }
}
