//! The command line of the lab.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use kubemend_lab::{Lab, Node, Options, build, pack};

/// A real Kubernetes cluster on this machine, to try and to break.
///
/// The binaries are kept in `KUBEMEND_LAB_CACHE` (~/.cache/kubemend-lab), the cluster in `KUBEMEND_LAB_STATE`
/// (/tmp/kubemend-lab). One machine carries one lab of real nodes.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Build the binaries (about ten minutes, once per version)
    Build,
    /// Start the cluster, or reuse it if it is healthy
    Up {
        /// How many nodes, 1 to 9; the first restarts crashing containers after 10 s at most, the others as Kubernetes does
        #[arg(long, default_value_t = 2)]
        nodes: u8,
        /// Nodes played by KWOK, which need no root; pods annotated `kubemend.io/fake-crash: "true"` crash
        #[arg(long)]
        fake: bool,
    },
    /// End the cluster, or what a crashed run left of it
    Down,
    /// Say whether the cluster runs and is healthy; the exit code is 1 if not
    Status,
    /// Print the path of the administrator's kubeconfig, or write one for a `ServiceAccount`
    Kubeconfig {
        /// The `ServiceAccount` to act as, NAMESPACE/NAME; its token is good for 24 hours
        #[arg(long, value_name = "NAMESPACE/NAME", requires = "output")]
        service_account: Option<String>,
        /// The file to write
        #[arg(long, value_name = "FILE", requires = "service_account")]
        output: Option<PathBuf>,
    },
    /// Load docker-archives into every node
    Image {
        /// Archives as `docker save` writes them
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Pack a program and its libraries into a docker-archive
    Pack {
        /// The program
        program: PathBuf,
        /// The name of the image
        #[arg(long)]
        tag: String,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Break something, or mend it again
    #[command(subcommand)]
    Break(Target),
    /// Run kubectl against the cluster
    #[command(disable_help_flag = true)]
    Kubectl {
        /// Arguments for kubectl
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Subcommand)]
enum Target {
    /// One node
    Node {
        /// node1, node2, ...
        name: String,
        /// What to do to it
        fault: NodeFault,
    },
    /// One pod
    Pod {
        /// Its address, of kubectl get pods -o wide
        address: String,
        /// What to do to it
        fault: PodFault,
    },
    /// The API server
    Apiserver {
        /// What to do to it
        fault: ApiFault,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum NodeFault {
    /// Cut the link; the node is `NotReady` after about 16 s
    Partition,
    /// Join the link again
    Heal,
    /// End the kubelet
    KillKubelet,
    /// Start the kubelet again
    StartKubelet,
    /// Stop the kubelet with SIGSTOP
    PauseKubelet,
    /// Let the kubelet go on
    ResumeKubelet,
    /// End containerd
    KillContainerd,
    /// Start containerd again
    StartContainerd,
}

#[derive(Clone, Copy, ValueEnum)]
enum PodFault {
    /// Drop every packet that comes in; the process runs on
    Silence,
}

#[derive(Clone, Copy, ValueEnum)]
enum ApiFault {
    /// End it and start it again
    Restart,
    /// End it
    Kill,
    /// Start it again
    Start,
    /// Stop it with SIGSTOP
    Pause,
    /// Let it go on
    Resume,
}

fn main() -> ExitCode {
    match act(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(action: Action) -> Result<()> {
    match action {
        Action::Build => println!("built: {}", build()?.display()),
        Action::Up { nodes, fake } => {
            let lab = Lab::up(&Options { nodes, fake })?;
            println!("up: export KUBECONFIG={}", lab.kubeconfig().display());
        }
        Action::Down => {
            Lab::down()?;
            println!("down");
        }
        Action::Status => status()?,
        Action::Kubeconfig {
            service_account: Some(account),
            output: Some(file),
        } => {
            let (namespace, name) = account.split_once('/').context("want NAMESPACE/NAME")?;
            running()?.kubeconfig_for(namespace, name, &file)?;
            println!("{}", file.display());
        }
        Action::Kubeconfig { .. } => println!("{}", running()?.kubeconfig().display()),
        Action::Image { files } => {
            let lab = running()?;
            for file in files {
                lab.load_image(&file)?;
                println!("loaded {}", file.display());
            }
        }
        Action::Pack {
            program,
            tag,
            output,
        } => {
            pack(&program, &tag, &output)?;
            println!("{tag}: {}", output.display());
        }
        Action::Break(Target::Node { name, fault }) => {
            let nodes = running()?.nodes();
            let node = nodes.iter().find(|node| node.name() == name);
            break_node(node.with_context(|| format!("there is no {name}"))?, fault)?;
        }
        Action::Break(Target::Pod { address, fault }) => match fault {
            PodFault::Silence => running()?.silence_pod(&address)?,
        },
        Action::Break(Target::Apiserver { fault }) => {
            let start = Instant::now();
            break_api_server(&running()?, fault)?;
            println!("done in {:.1} s", start.elapsed().as_secs_f32());
        }
        Action::Kubectl { arguments } => {
            return Err(running()?.kubectl().args(arguments).exec().into());
        }
    }
    Ok(())
}

fn running() -> Result<Lab> {
    Lab::attach()?.context("no lab is running; start one with `kubemend-lab up`")
}

fn status() -> Result<()> {
    let lab = running()?;
    let kind = if lab.is_fake() { "fake" } else { "real" };
    println!("{} with {} {kind} nodes", lab.server(), lab.nodes().len());
    if let Some(ailment) = lab.ailment() {
        bail!("not healthy: {ailment}");
    }
    println!("healthy");
    Ok(())
}

fn break_node(node: &Node, fault: NodeFault) -> Result<()> {
    match fault {
        NodeFault::Partition => node.partition(),
        NodeFault::Heal => node.heal(),
        NodeFault::KillKubelet => node.kill_kubelet(),
        NodeFault::StartKubelet => node.start_kubelet(),
        NodeFault::PauseKubelet => node.pause_kubelet(),
        NodeFault::ResumeKubelet => node.resume_kubelet(),
        NodeFault::KillContainerd => node.kill_containerd(),
        NodeFault::StartContainerd => node.start_containerd(),
    }
}

fn break_api_server(lab: &Lab, fault: ApiFault) -> Result<()> {
    match fault {
        ApiFault::Restart => lab.restart_api_server(),
        ApiFault::Kill => lab.kill_api_server(),
        ApiFault::Start => lab.start_api_server(),
        ApiFault::Pause => lab.pause_api_server(),
        ApiFault::Resume => lab.resume_api_server(),
    }
}
