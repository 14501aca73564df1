//! `make bench`: what the operator costs, each figure beside a baseline of the same run.

mod report;
mod process;
mod pods;
mod server;
mod baseline;
mod memory;
mod stand;
mod fleet;
mod sight;
mod latency;
mod cost;
mod scale;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::report::Report;
use crate::stand::Stand;

/// The operator's own: it gives memory back after a relist; glibc's allocator never does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the operator beside baselines in the same run, and says which goals are met.
#[derive(Parser)]
struct Cli {
    /// Only these sections
    #[arg(long, value_delimiter = ',')]
    only: Vec<Section>,
    /// A tenth of the size: to try the bench itself
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    baseline: Option<Baseline>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    Memory,
    Latency,
    Cost,
    Scale,
}

/// What runs as a process of its own beside the operator.
#[derive(Subcommand)]
enum Baseline {
    /// kube's reflector of pods
    #[command(hide = true)]
    Reflector {
        /// Drop what a healer never reads before a pod is stored
        #[arg(long)]
        trimmed: bool,
    },
    /// A watch of pods that keeps nothing
    #[command(hide = true)]
    Watcher,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = stand::beside_others().and_then(|()| act(&cli));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn act(cli: &Cli) -> Result<()> {
    match cli.baseline {
        Some(Baseline::Reflector { trimmed }) => return baseline::reflect(trimmed).await,
        Some(Baseline::Watcher) => return baseline::watch().await,
        None => {}
    }
    let wanted = |section| cli.only.is_empty() || cli.only.contains(&section);
    let mut report = Report::default();
    if wanted(Section::Memory) {
        memory::measure(cli.quick, &mut report).await?;
    }
    let on_cluster = [Section::Latency, Section::Cost, Section::Scale];
    if on_cluster.into_iter().any(wanted) {
        let stand = Stand::up().await?;
        if wanted(Section::Latency) {
            latency::measure(&stand, cli.quick, &mut report).await?;
        }
        if wanted(Section::Cost) {
            cost::measure(&stand, cli.quick, &mut report).await?;
        }
        if wanted(Section::Scale) {
            scale::measure(&stand, cli.quick, &mut report).await?;
        }
    }
    report.summary();
    Ok(())
}
