//! The lab as its users see it: up, attach, down.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::{is_root, run, wait_for};
use crate::node::Node;
use crate::paths::Paths;
use crate::{binaries, control_plane, fake, image, kubeconfig, network, packages, teardown};

/// What [`Lab::up`] shall start.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many nodes, 1 to 9. They are called `node1`, `node2`, … and labelled with the cap on their crash-loop
    /// back-off: `kubemend.io/backoff-cap=10s` for the first, `300s` (the kubelet's default) for the others.
    pub nodes: u8,
    /// Nodes played by KWOK instead of real ones. Without root this is taken for true.
    pub fake: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 2,
            fake: false,
        }
    }
}

/// A running cluster. Dropping it leaves the cluster up; [`Lab::down`] ends it.
#[derive(Debug)]
pub struct Lab {
    paths: Paths,
    binaries: PathBuf,
    kubeconfig: PathBuf,
    record: Record,
}

/// What a running lab is, for those who attach to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    nodes: u8,
    fake: bool,
}

impl Lab {
    /// Reuses a healthy cluster that has at least these nodes; else removes what is there and starts anew.
    ///
    /// Prints its progress. The first run on a machine builds the binaries, which takes about ten minutes; later ones
    /// take seconds. Processes that call this at the same time wait for one another.
    pub fn up(options: &Options) -> Result<Self> {
        if !(1..=9).contains(&options.nodes) {
            bail!("a lab has 1 to 9 nodes, not {}", options.nodes);
        }
        let paths = Paths::from_environment()?;
        let _lock = lock(&paths)?;
        let fake = options.fake || !is_root();
        let wanted = Record {
            nodes: options.nodes,
            fake,
        };
        if let Some(lab) = Self::recorded(&paths)? {
            match lab.fault(wanted) {
                None => return Ok(lab),
                Some(fault) => println!("starting anew: {fault}"),
            }
        }
        if fake && !options.fake {
            println!("not root on Linux: fake nodes, played by KWOK, stand in for real ones");
        }
        let binaries = binaries::build()?;
        Self::start(paths, binaries, wanted)
    }

    /// The running cluster, if `up` once completed and nobody ended it. Its health is not asked for.
    pub fn attach() -> Result<Option<Self>> {
        Self::recorded(&Paths::from_environment()?)
    }

    /// Ends the cluster, or what a crashed run left of one; harmless if there is none.
    pub fn down() -> Result<()> {
        let paths = Paths::from_environment()?;
        let _lock = lock(&paths)?;
        teardown::clean(&paths)
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A `kubectl` of the cluster's own version that uses [`Lab::kubeconfig`].
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(self.bin("kubectl"));
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig);
        kubectl
    }

    /// The file of a binary that the lab built: `kubectl`, `kwokctl`, `etcd`, …
    pub fn bin(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// The URL of the API server on this machine. Pods find it by `KUBERNETES_SERVICE_HOST`.
    pub fn server(&self) -> String {
        format!(
            "https://127.0.0.1:{}",
            control_plane::port(self.record.fake)
        )
    }

    /// The file with the certificate authority of the API server.
    pub fn ca(&self) -> PathBuf {
        self.paths.pki().join("ca.crt")
    }

    /// Writes a kubeconfig that acts as a `ServiceAccount`, with a token good for 24 hours. The account must exist.
    pub fn kubeconfig_for(
        &self,
        namespace: &str,
        service_account: &str,
        path: &Path,
    ) -> Result<()> {
        let mut create = self.kubectl();
        create.args([
            "create",
            "token",
            service_account,
            "-n",
            namespace,
            "--duration",
            "24h",
        ]);
        let token = run(&mut create)?;
        kubeconfig::write_token(path, &self.server(), &self.ca(), token.trim(), namespace)
    }

    /// Imports a docker-archive into every real node. Fake nodes need no images, so there it does nothing.
    ///
    /// Pods must not ask for `imagePullPolicy: Always`: there is no registry.
    pub fn load_image(&self, archive: &Path) -> Result<()> {
        if self.record.fake {
            return Ok(());
        }
        self.nodes()
            .iter()
            .try_for_each(|node| node.load_image(archive))
    }

    /// The nodes, `node1` first.
    pub fn nodes(&self) -> Vec<Node> {
        let node = |number| Node::new(number, self.record.fake, &self.paths, &self.binaries);
        (1..=self.record.nodes).map(node).collect()
    }

    /// Drops every packet that comes into the pod with that address, until a new pod replaces it.
    pub fn silence_pod(&self, address: &str) -> Result<()> {
        network::silence_pod(&self.paths.nodes(), address)
    }

    /// True if KWOK plays the nodes and no container runs.
    pub fn is_fake(&self) -> bool {
        self.record.fake
    }

    /// Ends the API server without grace and starts it again; returns when it is ready, after some seconds.
    pub fn restart_api_server(&self) -> Result<()> {
        control_plane::restart_api_server(&self.paths, &self.binaries)
    }

    /// Ends the API server without grace; harmless if it does not run.
    pub fn kill_api_server(&self) -> Result<()> {
        control_plane::api_server(&self.paths).kill()
    }

    /// Starts the API server after [`Lab::kill_api_server`]; returns when it is ready.
    pub fn start_api_server(&self) -> Result<()> {
        control_plane::start_api_server(&self.paths, &self.binaries)
    }

    /// Stops the API server with SIGSTOP: connections stay open, and nobody answers.
    pub fn pause_api_server(&self) -> Result<()> {
        control_plane::api_server(&self.paths).signal("STOP")
    }

    /// Lets a paused API server go on.
    pub fn resume_api_server(&self) -> Result<()> {
        control_plane::api_server(&self.paths).signal("CONT")
    }

    /// What is wrong with the cluster, in words; nothing if all programs run and all nodes are ready.
    pub fn ailment(&self) -> Option<String> {
        for daemon in control_plane::daemons(&self.paths) {
            if daemon.pid().is_none() {
                return Some(format!("{} does not run", daemon.program()));
            }
        }
        for node in self.nodes().iter().filter(|_| !self.record.fake) {
            if let Some(program) = node.stopped_programs().first() {
                return Some(format!("{program} of {} does not run", node.name()));
            }
        }
        match self.ready_nodes() {
            Err(error) => Some(format!("{error:#}")),
            Ok(ready) => {
                let missing = self
                    .nodes()
                    .into_iter()
                    .find(|node| !ready.contains(&node.name));
                missing.map(|node| format!("{} is not ready", node.name()))
            }
        }
    }

    fn recorded(paths: &Paths) -> Result<Option<Self>> {
        let Ok(record) = fs::read(paths.record()) else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&record)
            .with_context(|| format!("reading {}", paths.record().display()))?;
        Ok(Some(Self::new(paths.clone(), binaries::folder()?, record)))
    }

    fn new(paths: Paths, binaries: PathBuf, record: Record) -> Self {
        Self {
            kubeconfig: paths.kubeconfig(),
            paths,
            binaries,
            record,
        }
    }

    /// Why the running cluster cannot serve; a node may have a moment to come back, as after a restart of the API server.
    fn fault(&self, wanted: Record) -> Option<String> {
        if self.record.fake != wanted.fake || self.record.nodes < wanted.nodes {
            return Some(format!(
                "the running lab has {}, wanted {}",
                self.record, wanted
            ));
        }
        let mut fault = self.ailment()?;
        let _ = wait_for("a healthy lab", Duration::from_secs(5), || {
            let ailment = self.ailment();
            let healthy = ailment.is_none();
            fault = ailment.unwrap_or_default();
            Ok(healthy)
        });
        (!fault.is_empty()).then_some(fault)
    }

    fn start(paths: Paths, binaries: PathBuf, record: Record) -> Result<Self> {
        let began = Instant::now();
        let say = |what: &str| println!("[{:>5.1} s] {what}", began.elapsed().as_secs_f32());
        if !record.fake {
            packages::ensure()?;
            network::check_owner(paths.state())?;
        }
        teardown::clean(&paths).context("removing what an earlier lab left")?;
        fs::create_dir_all(paths.state())?;
        let lab = Self::new(paths, binaries, record);
        let images = if record.fake {
            None
        } else {
            Some(lab.prepare_nodes()?)
        };
        control_plane::start(&lab.paths, &lab.binaries, control_plane::port(record.fake))?;
        say("the control plane is ready");
        match images {
            Some(images) => lab.start_nodes(&images)?,
            None => fake::create_nodes(lab.kubectl(), record.nodes)?,
        }
        wait_for("all nodes to be ready", Duration::from_secs(90), || {
            lab.ailment().map_or(Ok(true), |ailment| bail!(ailment))
        })?;
        wait_for(
            "the default ServiceAccount",
            Duration::from_secs(30),
            || Ok(run(lab.kubectl().args(["get", "serviceaccount", "default"])).is_ok()),
        )?;
        fs::write(lab.paths.record(), serde_json::to_vec(&record)?)?;
        say(&format!("{record} ready: {}", lab.kubeconfig.display()));
        Ok(lab)
    }

    fn prepare_nodes(&self) -> Result<PathBuf> {
        network::create(self.paths.state())?;
        let folder = self.paths.state().join("images");
        fs::create_dir_all(&folder)?;
        image::build(&folder)
    }

    fn start_nodes(&self, images: &Path) -> Result<()> {
        let nodes = self.nodes();
        thread::scope(|scope| {
            let starts: Vec<_> = nodes
                .iter()
                .map(|node| scope.spawn(|| node.start(images)))
                .collect();
            for (node, start) in nodes.iter().zip(starts) {
                let Ok(started) = start.join() else {
                    bail!("starting {} panicked", node.name())
                };
                started.with_context(|| format!("starting {}", node.name()))?;
            }
            Ok(())
        })
    }

    fn ready_nodes(&self) -> Result<Vec<String>> {
        let list =
            run(self
                .kubectl()
                .args(["get", "nodes", "-o", "json", "--request-timeout=2s"]))?;
        Ok(ready_names(&serde_json::from_str(&list)?))
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.fake { "fake" } else { "real" };
        write!(
            formatter,
            "{} {kind} node{}",
            self.nodes,
            if self.nodes == 1 { "" } else { "s" }
        )
    }
}

/// Takes the record away from others while the lab changes. The file lock ends with the process that holds it.
fn lock(paths: &Paths) -> Result<File> {
    let file = paths.lock();
    let lock = File::options().create(true).append(true).open(&file);
    let lock = lock.with_context(|| format!("cannot open {}", file.display()))?;
    lock.lock()?;
    Ok(lock)
}

fn ready_names(list: &Value) -> Vec<String> {
    let ready = |node: &&Value| {
        let conditions = node["status"]["conditions"].as_array();
        conditions.is_some_and(|all| {
            all.iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True")
        })
    };
    let nodes = list["items"].as_array().into_iter().flatten().filter(ready);
    nodes
        .filter_map(|node| Some(node["metadata"]["name"].as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_ready_nodes_count() {
        let node = |name: &str, status: &str| {
            json!({
                "metadata": {"name": name},
                "status": {"conditions": [{"type": "Ready", "status": status}]}
            })
        };
        let list = json!({"items": [node("a", "True"), node("b", "Unknown"), {"metadata": {"name": "c"}}]});
        assert_eq!(ready_names(&list), ["a"]);
    }
}
