//! The configuration that a real node's programs read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use crate::image::PAUSE;
use crate::network::{PODS, Place};
use crate::paths::Paths;

/// The folders and files of one node.
#[derive(Clone, Debug)]
pub(crate) struct NodeFiles {
    pub(crate) folder: PathBuf,
    place: Place,
}

impl NodeFiles {
    pub(crate) fn new(paths: &Paths, name: &str, place: Place) -> Self {
        Self {
            folder: paths.nodes().join(name),
            place,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn pids(&self) -> PathBuf {
        self.path("pids")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("containerd.sock")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// Writes everything but the kubeconfig.
    pub(crate) fn write(&self, pki: &Path) -> Result<()> {
        for folder in ["pids", "cni", "kubelet", "pod-logs", "plugins", "pki"] {
            fs::create_dir_all(self.path(folder))?;
        }
        fs::write(self.path("containerd.toml"), self.containerd())?;
        fs::write(
            self.path("cni/10-pods.conflist"),
            format!("{:#}", self.pod_network()),
        )?;
        fs::write(
            self.path("kubelet.json"),
            format!("{:#}", self.kubelet(pki)),
        )?;
        Ok(())
    }

    fn containerd(&self) -> String {
        let folder = self.folder.display();
        format!(
            r#"version = 2
root = "{folder}/containerd-root"
state = "{folder}/containerd"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE no score can be lowered, and every sandbox would fail.
  restrict_oom_score_adj = true
  sandbox_image = "{PAUSE}"
  # Below the state folder the teardown finds them.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{folder}/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
"#
        )
    }

    /// Point to point links instead of a bridge: all traffic passes the node's routing, hence kube-proxy's rules.
    fn pod_network(&self) -> Value {
        json!({
            "cniVersion": "0.4.0",
            "name": self.place.namespace(),
            "plugins": [
                {
                    "type": "ptp",
                    "ipMasq": false,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": self.path("cni-addresses"),
                        "ranges": [[{"subnet": self.place.pods()}]],
                        "routes": [{"dst": "0.0.0.0/0"}]
                    }
                },
                {"type": "portmap", "capabilities": {"portMappings": true}}
            ]
        })
    }

    fn kubelet(&self, pki: &Path) -> Value {
        let mut config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": false},
                "x509": {"clientCAFile": pki.join("ca.crt")}
            },
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{}", self.place.namespace()),
            "containerRuntimeEndpoint": format!("unix://{}", self.socket().display()),
            "enforceNodeAllocatable": [],
            // The nodes share the machine's disk: the kubelet's defaults would evict pods for what others fill.
            "evictionHard": {
                "memory.available": "50Mi",
                "nodefs.available": "1%",
                "nodefs.inodesFree": "1%",
                "imagefs.available": "1%"
            },
            // 100 switches the image collection off: there is no registry to get an image from again.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "failCgroupV1": false,
            "failSwapOn": false,
            "maxPods": 250,
            "nodeStatusUpdateFrequency": "2s",
            "podLogsDir": self.path("pod-logs"),
            "volumePluginDir": self.path("plugins")
        });
        if let Some(cap) = backoff_cap(self.place).configured {
            config["crashLoopBackOff"] = json!({"maxContainerRestartPeriod": cap});
        }
        config
    }

    /// The arguments of one of the node's programs.
    pub(crate) fn arguments(&self, program: &str, name: &str) -> Vec<String> {
        let path = |file: &str| self.path(file).display().to_string();
        match program {
            "containerd" => vec!["--config".to_owned(), path("containerd.toml")],
            "kubelet" => vec![
                format!("--config={}", path("kubelet.json")),
                format!("--kubeconfig={}", path("kubeconfig")),
                format!("--root-dir={}", path("kubelet")),
                format!("--cert-dir={}", path("pki")),
                format!("--node-ip={}", self.place.address()),
                format!("--hostname-override={name}"),
                format!(
                    "--node-labels={BACKOFF_LABEL}={}",
                    backoff_cap(self.place).label
                ),
            ],
            _ => vec![
                format!("--kubeconfig={}", path("kubeconfig")),
                format!("--hostname-override={name}"),
                format!("--cluster-cidr={PODS}"),
                "--proxy-mode=iptables".to_owned(),
                // The conntrack switches belong to the machine, not to a network namespace.
                "--conntrack-max-per-core=0".to_owned(),
                "--conntrack-tcp-timeout-established=0".to_owned(),
                "--conntrack-tcp-timeout-close-wait=0".to_owned(),
            ],
        }
    }
}

/// The label by which a test pins its pods to a node with a known cap on the crash-loop back-off.
pub(crate) const BACKOFF_LABEL: &str = "kubemend.io/backoff-cap";

/// The longest wait between two starts of a crashing container.
pub(crate) struct BackoffCap {
    configured: Option<&'static str>,
    pub(crate) label: &'static str,
}

/// The first node restarts a crashing container often, for tests in a hurry; the others have the kubelet's own cap.
pub(crate) fn backoff_cap(place: Place) -> BackoffCap {
    match place {
        Place(1) => BackoffCap {
            configured: Some("10s"),
            label: "10s",
        },
        Place(_) => BackoffCap {
            configured: None,
            label: "300s",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(number: u8) -> NodeFiles {
        let place = Place(number);
        NodeFiles::new(
            &Paths::at(Path::new("/tmp/lab")),
            &format!("node{number}"),
            place,
        )
    }

    #[test]
    fn only_the_first_node_has_a_short_backoff() {
        let pki = Path::new("/tmp/lab/pki");
        let first = files(1).kubelet(pki);
        assert_eq!(
            first["crashLoopBackOff"]["maxContainerRestartPeriod"],
            "10s"
        );
        assert_eq!(first["cgroupRoot"], "/kubemend-node1");
        assert!(files(2).kubelet(pki).get("crashLoopBackOff").is_none());
        assert!(
            files(2)
                .arguments("kubelet", "node2")
                .contains(&format!("--node-labels={BACKOFF_LABEL}=300s"))
        );
    }

    #[test]
    fn every_program_names_the_state_folder() {
        for program in ["containerd", "kubelet", "kube-proxy"] {
            let line = files(1).arguments(program, "node1").join(" ");
            assert!(line.contains("/tmp/lab/nodes/node1/"), "{line}");
        }
    }

    #[test]
    fn nodes_share_no_folder_and_no_pod_address() {
        let (one, two) = (files(1), files(2));
        assert!(
            one.containerd()
                .contains("root = \"/tmp/lab/nodes/node1/containerd-root\"")
        );
        assert!(!two.containerd().contains("node1"));
        assert_ne!(
            one.pod_network()["plugins"][0]["ipam"],
            two.pod_network()["plugins"][0]["ipam"]
        );
    }
}
