//! `make bench`: what the operator costs, each figure beside a baseline of the same run.

mod report;
mod process;
mod pods;
mod server;
mod baseline;
mod memory;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::report::Report;

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
}

fn main() -> ExitCode {
    match act(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn act(cli: Cli) -> Result<()> {
    if let Some(Baseline::Reflector { trimmed }) = cli.baseline {
        return baseline::reflect(trimmed).await;
    }
    let wanted = |section| cli.only.is_empty() || cli.only.contains(&section);
    let mut report = Report::default();
    if wanted(Section::Memory) {
        memory::measure(cli.quick, &mut report).await?;
    }
    report.summary();
    Ok(())
}
