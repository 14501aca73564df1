//! The control plane: etcd, the API server, the controller manager, the scheduler and KWOK, started by kwokctl.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::binaries::KUBERNETES;
use crate::command::{run, wait_for};
use crate::network::{API_PORT, HOST};
use crate::paths::Paths;
use crate::process::Daemon;

const API_SERVER: &str = "kube-apiserver";

/// A lab of fake nodes has a port of its own, because it may stand beside one of real nodes; with `KUBEMEND_LAB_PORT` and
/// a state folder of its own it may stand beside other fake ones too.
pub(crate) fn port(fake: bool) -> u16 {
    let named = std::env::var("KUBEMEND_LAB_PORT").ok();
    match named.and_then(|port| port.parse().ok()) {
        Some(port) if fake => port,
        _ if fake => API_PORT + 1,
        _ => API_PORT,
    }
}

/// Starts the control plane and returns when it is ready.
pub(crate) fn start(paths: &Paths, binaries: &Path, port: u16) -> Result<()> {
    fs::create_dir_all(paths.kwok())?;
    let stages = paths.state().join("stages.yaml");
    fs::write(&stages, include_str!("../stages.yaml"))?;
    let config = paths.state().join("kwokctl.json");
    fs::write(
        &config,
        format!("{:#}", configuration(paths, binaries, &stages, port)),
    )?;
    let mut create = kwokctl(paths, binaries);
    create
        .args(["create", "cluster", "--wait", "120s", "--config"])
        .arg(&config);
    create.arg("--kubeconfig").arg(paths.kubeconfig());
    run(&mut create).map(drop).with_context(|| {
        format!(
            "the control plane did not start; see {}",
            paths.cluster().join("logs").display()
        )
    })
}

/// The programs of the control plane that kwokctl started and that should run.
pub(crate) fn daemons(paths: &Paths) -> Vec<Daemon> {
    Daemon::recorded(&paths.cluster().join("pids"), paths.state())
}

/// Ends the control plane at once.
pub(crate) fn kill(paths: &Paths) -> Result<()> {
    daemons(paths).iter().try_for_each(Daemon::kill)
}

/// Ends the API server and starts it with the same arguments; returns when it is ready again.
pub(crate) fn restart_api_server(paths: &Paths, binaries: &Path) -> Result<()> {
    api_server(paths).kill()?;
    start_api_server(paths, binaries)
}

/// The daemon behind the API.
pub(crate) fn api_server(paths: &Paths) -> Daemon {
    Daemon::new(API_SERVER, &paths.cluster().join("pids"), paths.state())
}

/// Starts the API server if it does not run, and waits until it is ready.
pub(crate) fn start_api_server(paths: &Paths, binaries: &Path) -> Result<()> {
    run(kwokctl(paths, binaries).args(["start", "cluster"]))?;
    wait_for("the API server to be ready", Duration::from_mins(1), || {
        let mut kubectl = Command::new(binaries.join("kubectl"));
        kubectl.arg("--kubeconfig").arg(paths.kubeconfig());
        Ok(run(kubectl.args(["get", "--raw", "/readyz", "--request-timeout=2s"])).is_ok())
    })
}

fn kwokctl(paths: &Paths, binaries: &Path) -> Command {
    let mut kwokctl = Command::new(binaries.join("kwokctl"));
    kwokctl
        .env("KWOK_WORKDIR", paths.kwok())
        .args(["--name", "lab"]);
    kwokctl
}

/// Patches of single arguments, because kwokctl's `--extra-args` panics when those of two programs interleave.
fn configuration(paths: &Paths, binaries: &Path, stages: &Path, port: u16) -> Value {
    let pki = paths.pki();
    json!({
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": {
            "runtime": "binary",
            // Loopback only; the nodes come through the bridge's address, which the network redirects.
            "bindAddress": "127.0.0.1",
            "kubeApiserverPort": port,
            "kubeApiserverCertSANs": [HOST, "10.0.0.1"],
            "kubeVersion": KUBERNETES,
            "etcdBinary": binaries.join("etcd"),
            "kubeApiserverBinary": binaries.join("kube-apiserver"),
            "kubeControllerManagerBinary": binaries.join("kube-controller-manager"),
            "kubeSchedulerBinary": binaries.join("kube-scheduler"),
            "kubectlBinary": binaries.join("kubectl"),
            "kwokControllerBinary": binaries.join("kwok")
        },
        "componentsPatches": [
            {
                // Else KWOK also plays the kubelet of the real nodes: their pods look Running and never run.
                "name": "kwok-controller",
                "extraArgs": [
                    replace("manage-all-nodes", "false"),
                    // KWOK renews after a quarter of it; kwokctl's 200 s are over long after the grace period below.
                    replace("node-lease-duration-seconds", "40"),
                    add("manage-nodes-with-annotation-selector", "kwok.x-k8s.io/node=fake"),
                    // A second file keeps KWOK's own stages; stages in this file would replace them.
                    add("config", &stages.to_string_lossy())
                ]
            },
            {
                // kwokctl's own values are 25 s and 200 s: too patient for tests.
                "name": "kube-controller-manager",
                "extraArgs": [
                    replace("node-monitor-period", "2s"),
                    replace("node-monitor-grace-period", "16s")
                ]
            },
            {
                "name": API_SERVER,
                "extraArgs": [
                    // There is no DNS: logs and exec would look up "node1".
                    add("kubelet-preferred-address-types", "InternalIP"),
                    add("advertise-address", HOST),
                    add("kubelet-client-certificate", &pki.join("admin.crt").to_string_lossy()),
                    add("kubelet-client-key", &pki.join("admin.key").to_string_lossy())
                ]
            }
        ]
    })
}

fn add(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value})
}

fn replace(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value, "override": true})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_listens_beyond_loopback() {
        let paths = Paths::at(Path::new("/tmp/lab"));
        let config = configuration(
            &paths,
            Path::new("/bin"),
            Path::new("/tmp/lab/stages.yaml"),
            port(true),
        );
        assert_eq!(config["options"]["bindAddress"], "127.0.0.1");
        assert!(!config.to_string().contains("0.0.0.0\""));
    }
}
