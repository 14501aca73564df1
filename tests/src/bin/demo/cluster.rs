//! The cluster of the demo: the lab's own, or the one that KUBECONFIG names.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use kubemend_lab::{Lab, Options};
use serde::de::DeserializeOwned;

use crate::voice::{self, Voice};

/// A cluster and how to talk to it.
pub(crate) enum Cluster {
    /// On this machine, started by the demo or before it.
    Lab(Box<Lab>),
    /// Somebody else's: the current context of KUBECONFIG.
    Given,
}

impl Cluster {
    /// The given cluster where there is one, else the lab's.
    pub(crate) fn find(voice: &Voice, fake: bool) -> Result<Self> {
        match std::env::var_os("KUBECONFIG").map(PathBuf::from) {
            Some(given) if !is_the_labs(&given) => Self::given(voice, &given),
            _ => Self::lab(voice, fake),
        }
    }

    fn lab(voice: &Voice, fake: bool) -> Result<Self> {
        voice.say("starting the lab: Kubernetes on this machine (the first time builds its binaries, some ten minutes)");
        let lab = Lab::up(&Options {
            fake,
            ..Options::default()
        })?;
        if lab.is_fake() {
            voice.say("FAKE NODES: no container runs here. KWOK plays two nodes and pods that crash; all else is real");
        }
        let cluster = Self::Lab(Box::new(lab));
        voice::kubectl(&cluster, &["get", "nodes"])?;
        Ok(cluster)
    }

    fn given(voice: &Voice, kubeconfig: &Path) -> Result<Self> {
        let cluster = Self::Given;
        let context = cluster
            .kubectl(&["config", "current-context"])
            .context("the demo needs kubectl and a current context in KUBECONFIG")?;
        voice.say(&format!(
            "KUBECONFIG is set: using the cluster of context {} in {}; unset it for a cluster on this machine",
            context.trim(),
            kubeconfig.display()
        ));
        cluster.has_no_policies_of_others()?;
        voice::kubectl(&cluster, &["get", "nodes"])?;
        Ok(cluster)
    }

    /// The demo raises the ceiling, which would let every policy of the cluster act, unless they may already.
    fn has_no_policies_of_others(&self) -> Result<()> {
        let ceiling = "jsonpath={.spec.modeCeiling}";
        let ceiling = self.kubectl(&["get", "healingconfig", "cluster", "-o", ceiling]);
        if ceiling.is_ok_and(|mode| mode == "Enforce") {
            return Ok(());
        }
        let columns = "custom-columns=N:.metadata.namespace,K:.kind,M:.metadata.name";
        let kinds = "healingpolicies,clusterhealingpolicies";
        let printed = self.kubectl(&["get", kinds, "-A", "--no-headers", "-o", columns]);
        let Ok(policies) = printed else { return Ok(()) };
        let foreign = policies.lines().find(|line| !line.starts_with("demo-"));
        if let Some(policy) = foreign {
            bail!(
                "this cluster has policies of its own ({}), and the demo would let them act by raising the ceiling; use another cluster, or unset KUBECONFIG",
                policy.split_whitespace().collect::<Vec<_>>().join(" ")
            );
        }
        Ok(())
    }

    /// True where KWOK plays the nodes.
    pub(crate) fn is_fake(&self) -> bool {
        matches!(self, Self::Lab(lab) if lab.is_fake())
    }

    /// What kubectl prints.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.run(arguments, "")
    }

    /// Objects as kubectl prints them for programs.
    pub(crate) fn get<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T> {
        let mut all = vec!["get", "-o", "json"];
        all.extend(arguments);
        Ok(serde_json::from_str(&self.kubectl(&all)?)?)
    }

    /// Applies a manifest.
    pub(crate) fn apply(&self, manifest: &str) -> Result<String> {
        self.run(&["apply", "-f", "-"], manifest)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut kubectl = match self {
            Self::Lab(lab) => lab.kubectl(),
            Self::Given => Command::new("kubectl"),
        };
        let mut child = kubectl
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start kubectl")?;
        child
            .stdin
            .take()
            .context("kubectl has no stdin")?
            .write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "kubectl {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// An image with a shell.
    pub(crate) fn busybox(&self) -> String {
        match self {
            Self::Lab(_) => "lab.local/busybox:1".to_owned(),
            Self::Given => {
                std::env::var("KUBEMEND_DEMO_BUSYBOX").unwrap_or_else(|_| "busybox:1.37".to_owned())
            }
        }
    }

    /// Where the demo's pods run: in the lab on the node that restarts crashing containers soonest.
    pub(crate) fn node_selector(&self) -> &'static str {
        match self {
            Self::Lab(_) => "nodeSelector: {kubemend.io/backoff-cap: 10s}",
            Self::Given => "",
        }
    }

    /// The command that makes `kubectl` and `kubemend` find this cluster.
    pub(crate) fn export(&self) -> Option<String> {
        match self {
            Self::Lab(lab) => Some(format!("export KUBECONFIG={}", lab.kubeconfig().display())),
            Self::Given => None,
        }
    }

    /// kubectl as people call it: the lab has its own.
    pub(crate) fn kubectl_for_people(&self) -> &'static str {
        match self {
            Self::Lab(_) => "target/debug/kubemend-lab kubectl",
            Self::Given => "kubectl",
        }
    }

    /// How to be rid of it all.
    pub(crate) fn how_to_end(&self, namespace: &str) -> String {
        match self {
            Self::Lab(_) => "End it:\n  make demo-down".to_owned(),
            Self::Given => format!(
                "End it:\n  kubectl delete namespace {namespace}\n  kubectl delete -k manifests --ignore-not-found    # the operator, its kinds and all records"
            ),
        }
    }
}

/// Whoever followed the last demo's advice has the lab's kubeconfig in the environment.
fn is_the_labs(kubeconfig: &Path) -> bool {
    let lab = Lab::attach().ok().flatten();
    lab.is_some_and(|lab| lab.kubeconfig() == kubeconfig)
}
