//! A node: real (containerd, kubelet and kube-proxy in a network namespace) or played by KWOK.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cgroup;
use crate::command::{PATH, run, wait_for};
use crate::kubeconfig;
use crate::network::{API_PORT, HOST, Place};
use crate::node_config::NodeFiles;
use crate::paths::Paths;
use crate::process::Daemon;

/// The programs of a real node in the order in which they start.
pub(crate) const PROGRAMS: [&str; 3] = ["containerd", "kubelet", "kube-proxy"];

/// A node of the lab, with the ways to break it and to mend it.
///
/// Every method of a fake node but [`Node::name`] is an error: there is nothing behind it to break.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) name: String,
    place: Place,
    fake: bool,
    paths: Paths,
    files: NodeFiles,
    binaries: std::path::PathBuf,
}

impl Node {
    pub(crate) fn new(number: u8, fake: bool, paths: &Paths, binaries: &Path) -> Self {
        let (name, place) = (format!("node{number}"), Place(number));
        let files = NodeFiles::new(paths, &name, place);
        let (paths, binaries) = (paths.clone(), binaries.to_owned());
        Self {
            name,
            place,
            fake,
            paths,
            files,
            binaries,
        }
    }

    /// The name of the Node object: `node1`, `node2`, …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Cuts the node's link: the kubelet and the pods run on, but nobody reaches them. `NotReady` follows in about 16 s.
    pub fn partition(&self) -> Result<()> {
        self.real()?.place.cut()
    }

    /// Joins the link again; harmless on a node that was never cut.
    pub fn heal(&self) -> Result<()> {
        self.real()?.place.join()
    }

    /// Ends the kubelet at once; the containers run on.
    pub fn kill_kubelet(&self) -> Result<()> {
        self.daemon("kubelet")?.kill()
    }

    /// Starts the kubelet again; harmless if it runs.
    pub fn start_kubelet(&self) -> Result<()> {
        self.start_program("kubelet")
    }

    /// Stops the kubelet with SIGSTOP: it lives, but says nothing.
    pub fn pause_kubelet(&self) -> Result<()> {
        self.daemon("kubelet")?.signal("STOP")
    }

    /// Lets a paused kubelet go on.
    pub fn resume_kubelet(&self) -> Result<()> {
        self.daemon("kubelet")?.signal("CONT")
    }

    /// Ends containerd at once; the containers run on, but the kubelet can start and stop none.
    pub fn kill_containerd(&self) -> Result<()> {
        self.daemon("containerd")?.kill()
    }

    /// Starts containerd again and waits until it answers; harmless if it runs.
    pub fn start_containerd(&self) -> Result<()> {
        self.start_program("containerd")?;
        self.wait_for_containerd()
    }

    /// Makes the node's network and cgroup and starts its programs. The bridge and the API server must be there.
    pub(crate) fn start(&self, images: &Path) -> Result<()> {
        self.files.write(&self.paths.pki())?;
        let server = format!("https://{HOST}:{API_PORT}");
        kubeconfig::write_admin(&self.files.kubeconfig(), &server, &self.paths.pki())?;
        self.place.create()?;
        cgroup::create(&self.place.namespace())?;
        self.start_containerd()?;
        self.load_image(images)?;
        self.start_program("kubelet")?;
        self.start_program("kube-proxy")
    }

    /// Imports a docker-archive into containerd.
    pub(crate) fn load_image(&self, archive: &Path) -> Result<()> {
        let mut import = self.ctr();
        import
            .args(["-n", "k8s.io", "images", "import"])
            .arg(archive);
        run(&mut import)
            .with_context(|| format!("loading an image into {}", self.name))
            .map(drop)
    }

    /// Gives an image of this node another name, as if it had been pulled under that one.
    pub fn tag_image(&self, image: &str, name: &str) -> Result<()> {
        self.images(&["tag", "--force", image, name])
    }

    /// Takes an image's name away, as if it had never been pulled; containers of it run on. Harmless if it is not there.
    pub fn forget_image(&self, name: &str) -> Result<()> {
        self.images(&["rm", name])
    }

    fn images(&self, arguments: &[&str]) -> Result<()> {
        let mut ctr = self.real()?.ctr();
        ctr.args(["-n", "k8s.io", "images"]).args(arguments);
        run(&mut ctr).map(drop)
    }

    /// The programs of this node that do not run.
    pub(crate) fn stopped_programs(&self) -> Vec<&'static str> {
        let daemon = |program| Daemon::new(program, &self.files.pids(), self.paths.state());
        PROGRAMS
            .into_iter()
            .filter(|program| daemon(program).pid().is_none())
            .collect()
    }

    fn real(&self) -> Result<&Self> {
        if self.fake {
            bail!(
                "{} is a fake node: only real nodes can be broken",
                self.name
            );
        }
        Ok(self)
    }

    fn daemon(&self, program: &str) -> Result<Daemon> {
        Ok(Daemon::new(
            program,
            &self.real()?.files.pids(),
            self.paths.state(),
        ))
    }

    fn start_program(&self, program: &str) -> Result<()> {
        let daemon = self.daemon(program)?;
        if daemon.pid().is_some() {
            return Ok(());
        }
        // Not `ip netns exec`: that gives a mount namespace too, and containerd would not see the kubelet's volumes.
        let namespace = format!("--net={}", self.place.namespace_file().display());
        let built = self.binaries.join(program);
        let program_file = if built.exists() {
            built.display().to_string()
        } else {
            program.to_owned()
        };
        let mut line = vec!["nsenter".to_owned(), namespace, program_file];
        line.extend(self.files.arguments(program, &self.name));
        daemon.start(&line, &self.files.path(&format!("{program}.log")))
    }

    fn wait_for_containerd(&self) -> Result<()> {
        let what = format!(
            "containerd of {}; see {}",
            self.name,
            self.files.path("containerd.log").display()
        );
        wait_for(&what, Duration::from_secs(30), || {
            Ok(fs::exists(self.files.socket())? && run(self.ctr().arg("version")).is_ok())
        })
    }

    fn ctr(&self) -> Command {
        let mut ctr = Command::new("ctr");
        ctr.env("PATH", PATH)
            .arg("--address")
            .arg(self.files.socket());
        ctr
    }
}
