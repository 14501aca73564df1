//! The operator as its users install it: CRDs, manifests, image, ceiling.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kubemend_lab::{Lab, pack};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::voice::{Look, Voice};

const NAMESPACE: &str = "kubemend-system";
const NAME: &str = "kubemend";
const DEPLOYMENT: [&str; 4] = ["deployment", NAME, "-n", NAMESPACE];
const PODS: [&str; 5] = [
    "pods",
    "-n",
    NAMESPACE,
    "-l",
    "app.kubernetes.io/name=kubemend",
];
/// An image may have to be pulled, and a lost lease has to end before the next process leads.
const UNTIL_IT_LEADS: Duration = Duration::from_mins(2);
/// A live holder renews every two seconds.
const UNTIL_RENEWED: Duration = Duration::from_secs(8);
const UNTIL_IT_ENDS: Duration = Duration::from_secs(15);

/// The operator that heals: a pod, or a process of the demo where no container can run.
pub(crate) enum Operator {
    /// As installed.
    Pod,
    /// Beside fake nodes; it ends with the demo.
    Process { child: Child, log: PathBuf },
}

impl Operator {
    /// Installs everything, raises the ceiling, and waits until the operator leads.
    pub(crate) fn install(voice: &Voice, cluster: &Cluster) -> Result<Self> {
        nobody_else_leads(voice, cluster)?;
        let archive = match cluster {
            Cluster::Lab(lab) if !lab.is_fake() => Some(load_image(voice, lab)?),
            Cluster::Lab(_) | Cluster::Given => None,
        };
        apply_manifests(voice, cluster)?;
        raise_the_ceiling(voice, cluster)?;
        let operator = match cluster {
            Cluster::Lab(lab) if lab.is_fake() => run_here(voice, cluster, lab)?,
            Cluster::Lab(_) | Cluster::Given => run_as_pod(cluster, archive.as_deref())?,
        };
        let awaited = voice.wait("the operator leads", UNTIL_IT_LEADS, || look(cluster));
        match awaited {
            Ok(holder) => voice.say(&format!("the operator leads, as {holder}")),
            Err(error) => {
                println!("\nthe end of its log:\n{}", operator.log_tail(cluster));
                return Err(error.context(hint(cluster)));
            }
        }
        Ok(operator)
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self, cluster: &Cluster) -> String {
        const LINES: usize = 30;
        match self {
            Self::Pod => {
                let tail = format!("--tail={LINES}");
                let printed =
                    cluster.kubectl(&["logs", "deployment/kubemend", "-n", NAMESPACE, &tail]);
                printed.unwrap_or_else(|error| format!("{error:#}"))
            }
            Self::Process { log, .. } => {
                let text = fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(LINES)..].join("\n")
            }
        }
    }

    /// A command for people.
    pub(crate) fn how_to_read_the_log(&self, cluster: &Cluster) -> String {
        match self {
            Self::Pod => {
                let kubectl = cluster.kubectl_for_people();
                format!("{kubectl} logs deployment/{NAME} -n {NAMESPACE}")
            }
            Self::Process { log, .. } => {
                format!(
                    "less {}    # the operator ends with the demo",
                    log.display()
                )
            }
        }
    }
}

impl Drop for Operator {
    /// Asks it to end, so that it gives its lease back and the next run need not wait.
    fn drop(&mut self) {
        let Self::Process { child, .. } = self else {
            return;
        };
        let pid = child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let asked = Instant::now();
        while asked.elapsed() < UNTIL_IT_ENDS {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Packs the image, as `make image` does it, and loads it into the lab's nodes; returns a word for its contents.
fn load_image(voice: &Voice, lab: &Lab) -> Result<String> {
    let archive = root().join("target/demo/kubemend.tar");
    fs::create_dir_all(root().join("target/demo"))?;
    pack(&binary()?, &tag()?, &archive)?;
    let bytes = fs::read(&archive).with_context(|| format!("reading {}", archive.display()))?;
    lab.load_image(&archive)?;
    voice.say(&format!(
        "packed the operator into a container image of {} MB, and loaded it into every node",
        bytes.len().div_ceil(1_000_000)
    ));
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Ok(format!("{:x}", hasher.finish()))
}

/// A process that is not one of the operator's pods may hold the Lease, as the tests' does. A live one renews it soon; a
/// dead one no longer does, and nobody needs to wait for it here.
fn nobody_else_leads(voice: &Voice, cluster: &Cluster) -> Result<()> {
    let lease = || cluster.get::<Value>(&["lease", NAME, "-n", NAMESPACE]);
    let Ok(first) = lease() else { return Ok(()) };
    let holder = first["spec"]["holderIdentity"].as_str().unwrap_or_default();
    let is_pod = holder.starts_with(&format!("{NAME}-"));
    if holder.is_empty() || is_pod {
        return Ok(());
    }
    let renewed = voice.wait("the Lease is renewed", UNTIL_RENEWED, || {
        Ok(if lease()?["spec"] == first["spec"] {
            Look::NotYet(format!("held by {holder}"))
        } else {
            Look::Found(())
        })
    });
    if renewed.is_ok() {
        bail!(
            "another operator leads in this cluster: {holder} holds the Lease {NAMESPACE}/{NAME}; end it first"
        );
    }
    Ok(())
}

fn apply_manifests(voice: &Voice, cluster: &Cluster) -> Result<()> {
    let folder = |name: &str| root().join(name).display().to_string();
    cluster.kubectl(&["apply", "-k", &folder("crds")])?;
    let part_of = "app.kubernetes.io/part-of=kubemend";
    let established = "--for=condition=Established";
    cluster.kubectl(&["wait", established, "crd", "-l", part_of, "--timeout=30s"])?;
    cluster.kubectl(&["apply", "-k", &folder("manifests")])?;
    voice.say("installed: kubectl apply -k crds, then kubectl apply -k manifests");
    Ok(())
}

/// As shipped nothing acts; the demo says that it changes this.
fn raise_the_ceiling(voice: &Voice, cluster: &Cluster) -> Result<()> {
    let config: Value = cluster.get(&["healingconfig", "cluster"])?;
    if let Some(reason) = config["spec"]["pause"]["reason"].as_str() {
        bail!("healing is paused here ({reason}); run `target/debug/kubemend resume` first");
    }
    let patch = r#"{"spec":{"modeCeiling":"Enforce"}}"#;
    let arguments = [
        "patch",
        "healingconfig",
        "cluster",
        "--type=merge",
        "-p",
        patch,
    ];
    cluster.kubectl(&arguments)?;
    voice.say(match config["spec"]["modeCeiling"].as_str() {
        Some("Enforce") => "the ceiling is Enforce already; as shipped it is DryRun, and nothing acts",
        _ => "raised the ceiling of HealingConfig/cluster to Enforce; as shipped it is DryRun, and nothing acts",
    });
    Ok(())
}

/// The Deployment of `manifests/`. A new image under the same tag needs new pods; the word for its contents makes them.
fn run_as_pod(cluster: &Cluster, archive: Option<&str>) -> Result<Operator> {
    if let (Cluster::Given, Ok(image)) = (cluster, std::env::var("KUBEMEND_DEMO_IMAGE")) {
        let image = format!("{NAME}={image}");
        cluster.kubectl(&[&["set", "image"], &DEPLOYMENT[..], &[&image]].concat())?;
    }
    if let Some(archive) = archive {
        let annotations = json!({"demo.kubemend.io/archive": archive});
        let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        let patch = patch.to_string();
        cluster
            .kubectl(&[&["patch"], &DEPLOYMENT[..], &["--type=merge", "-p", &patch]].concat())?;
    }
    Ok(Operator::Pod)
}

/// No container runs on fake nodes, so the operator runs here, with its own account's rights.
fn run_here(voice: &Voice, cluster: &Cluster, lab: &Lab) -> Result<Operator> {
    cluster.kubectl(&[&["scale"], &DEPLOYMENT[..], &["--replicas=0"]].concat())?;
    let folder = root().join("target/demo");
    fs::create_dir_all(&folder)?;
    let (kubeconfig, log) = (folder.join("kubeconfig"), folder.join("operator.log"));
    lab.kubeconfig_for(NAMESPACE, NAME, &kubeconfig)?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let file = File::create(&log)?;
    let child = Command::new(binary()?)
        .args(["run", &format!("--admin-address={free}")])
        .env("KUBECONFIG", &kubeconfig)
        .env("POD_NAME", "demo")
        .env("POD_NAMESPACE", NAMESPACE)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("cannot start the operator")?;
    voice.say("no pod can run on fake nodes: the operator runs as a process here, with its ServiceAccount's rights");
    Ok(Operator::Process { child, log })
}

/// The image that `manifests/` asks for.
fn tag() -> Result<String> {
    let manifest = fs::read_to_string(root().join("manifests/deployment.yaml"))?;
    let tag = manifest
        .lines()
        .find_map(|line| line.trim().strip_prefix("image: "));
    Ok(tag
        .context("manifests/deployment.yaml names no image")?
        .to_owned())
}

/// What cargo built beside the demo.
fn binary() -> Result<PathBuf> {
    let demo = std::env::current_exe()?;
    let built = demo.with_file_name(NAME);
    ensure!(
        built.exists(),
        "the operator is not built; run `cargo build --bin kubemend`"
    );
    Ok(built)
}

/// Who holds the Lease: one of the operator's ready pods, or the demo's own process.
fn look(cluster: &Cluster) -> Result<Look<String>> {
    // Before the first operator there is no Lease.
    let lease = cluster.get(&["lease", NAME, "-n", NAMESPACE]);
    let lease: Value = lease.unwrap_or_default();
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    if cluster.is_fake() {
        return Ok(if holder.starts_with("demo") {
            Look::Found(holder.to_owned())
        } else {
            Look::NotYet(format!("the Lease is held by {holder:?}"))
        });
    }
    let pods: Value = cluster.get(&PODS)?;
    let mut state = format!("the Lease is held by {holder:?}");
    for pod in pods["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let status = &pod["status"]["containerStatuses"][0];
        let ready = status["ready"] == true && pod["metadata"]["deletionTimestamp"].is_null();
        if ready && holder.contains(name) {
            return Ok(Look::Found(holder.to_owned()));
        }
        if let Some(reason) = status["state"]["waiting"]["reason"].as_str() {
            state = format!("{state}, pod {name} waits: {reason}");
        }
    }
    Ok(Look::NotYet(state))
}

fn hint(cluster: &Cluster) -> &'static str {
    match cluster {
        Cluster::Lab(_) => {
            "the operator does not lead; another process may hold the Lease kubemend-system/kubemend: end it first"
        }
        Cluster::Given => {
            "the operator does not lead; if its image cannot be pulled, write the archive with `make image`, load target/image/kubemend.tar into the nodes (kind: `kind load image-archive target/image/kubemend.tar`) or push it and name it in KUBEMEND_DEMO_IMAGE"
        }
    }
}

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
