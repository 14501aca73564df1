//! Kubeconfig files, written as JSON, which is YAML too.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One with the cluster administrator's certificate: for the nodes, which the lab does not tell apart.
pub(crate) fn write_admin(path: &Path, server: &str, pki: &Path) -> Result<()> {
    let user = json!({
        "client-certificate": pki.join("admin.crt"),
        "client-key": pki.join("admin.key"),
    });
    write(path, server, &pki.join("ca.crt"), &user, "default")
}

/// One with a bearer token; `namespace` is what a client takes when it names none.
pub(crate) fn write_token(
    path: &Path,
    server: &str,
    authority: &Path,
    token: &str,
    namespace: &str,
) -> Result<()> {
    write(path, server, authority, &json!({"token": token}), namespace)
}

fn write(path: &Path, server: &str, authority: &Path, user: &Value, namespace: &str) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{
            "name": "lab",
            "cluster": {"server": server, "certificate-authority": authority}
        }],
        "contexts": [{
            "name": "lab",
            "context": {"cluster": "lab", "user": "lab", "namespace": namespace}
        }],
        "users": [{"name": "lab", "user": user}],
    });
    fs::write(path, format!("{config:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))
}
