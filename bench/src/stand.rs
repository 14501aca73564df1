//! A real API server for the bench alone: its controllers are stopped, so that nothing but the
//! operator and the bench writes.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use kubemend_lab::{Lab, Options};
use kubemend_tests::cluster::Cluster;
use kubemend_tests::install;
use kubemend_tests::operator::{NAME, NAMESPACE};
use tokio::time::sleep;

use crate::process::Operator;

const STATE: &str = "KUBEMEND_LAB_STATE";
const PORT: &str = "KUBEMEND_LAB_PORT";

/// Heals every crash loop once; budgets are wide, so that what is measured is speed. Namespaces
/// keep the two attempts at once that they have by default.
const POLICY: &str = r"
apiVersion: kubemend.io/v1alpha1
kind: ClusterHealingPolicy
metadata: {name: bench}
spec:
  mode: Enforce
  namespaces: {all: true}
  targets: {all: true}
  rules:
  - name: crash-loop
    when: {crashLoop: {restarts: 3}}
    steps: [{name: restart, action: {restartPod: {}}, attempts: {max: 1}, verify: {timeout: 5m, stableFor: 15s, relapseWindow: 2m}}]
  budget: {concurrent: 1000, actsPerHour: 100000, maxUnavailable: 100%}
";

const CONFIG: &str = r"
apiVersion: kubemend.io/v1alpha1
kind: HealingConfig
metadata: {name: cluster}
spec:
  modeCeiling: Enforce
  budget:
    cluster: {concurrent: 1000, actsPerHour: 100000}
    perNamespace: {concurrent: 2, actsPerHour: 1000}
  storm: {least: 100000} # what is measured is what is done
";

/// The cluster of the bench; it is ended when this is dropped.
pub(crate) struct Stand {
    cluster: Cluster,
    kubeconfig: PathBuf,
}

/// Runs this program again with a lab of its own, unless the caller named one.
pub(crate) fn beside_others() -> Result<()> {
    if std::env::var_os(STATE).is_some() {
        return Ok(());
    }
    let state = std::env::temp_dir().join("kubemend-bench-lab");
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1));
    Err(again.env(STATE, state).env(PORT, "16446").exec().into())
}

impl Stand {
    /// Starts it and installs Kubemend, without an operator.
    pub(crate) async fn up() -> Result<Self> {
        let options = Options {
            nodes: 1,
            fake: true,
        };
        let lab = tokio::task::spawn_blocking(move || {
            Lab::down()?;
            Lab::up(&options)
        });
        let cluster = Cluster::of(lab.await??).await?;
        let kubeconfig = cluster.lab().kubeconfig().with_file_name("operator");
        let stand = Self {
            cluster,
            kubeconfig,
        };
        install::install(&stand.cluster).await?;
        stand.cluster.apply(None, CONFIG).await?;
        stand.cluster.apply(None, POLICY).await?;
        let lab = stand.cluster.lab();
        lab.kubeconfig_for(NAMESPACE, NAME, &stand.kubeconfig)?;
        for program in [
            "kube-controller-manager",
            "kube-scheduler",
            "kwok-controller",
        ] {
            stand.stop(program)?;
        }
        Ok(stand)
    }

    /// The administrator's client.
    pub(crate) fn client(&self) -> Client {
        self.cluster.client()
    }

    /// The kubeconfig of the administrator, for baselines.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.cluster.lab().kubeconfig().to_owned()
    }

    /// An operator that is ready and leads.
    pub(crate) async fn operator(&self) -> Result<Operator> {
        let operator = Operator::start(&self.kubeconfig)?;
        operator.ready().await?;
        let leases: Api<Lease> = Api::namespaced(self.client(), NAMESPACE);
        for _ in 0..300 {
            let held = leases.get_opt(NAME).await?.and_then(|one| one.spec);
            let holder = held
                .and_then(|spec| spec.holder_identity)
                .unwrap_or_default();
            if holder.starts_with(&format!("bench_{}_", operator.process.id())) {
                return Ok(operator);
            }
            sleep(Duration::from_millis(100)).await;
        }
        bail!("the operator does not lead");
    }

    fn stop(&self, program: &str) -> Result<()> {
        let state = self
            .cluster
            .lab()
            .kubeconfig()
            .with_file_name("kwok/clusters/lab/pids");
        let file = state.join(format!("{program}.pid"));
        let pid = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
        let stopped = Command::new("kill").args(["-STOP", pid.trim()]).status()?;
        ensure!(stopped.success(), "{program} does not stop");
        Ok(())
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Err(error) = Lab::down() {
            eprintln!("the cluster of the bench is still there: {error:#}");
        }
    }
}
