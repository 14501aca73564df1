//! The process around the reconciler: command line, logs, Lease, admin server, and the commands
//! that people type. What is healed, and when, is decided elsewhere.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod args;
pub mod telemetry;
pub mod cluster;
pub mod lease;
pub mod admin;
pub mod run;
pub mod why;
pub mod report;
pub mod approve;
pub mod patch;
pub mod pause;
pub mod check;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use kubemend_engine::approval::Word;

use args::{Cli, Command};

/// Does what the command line says.
pub fn main(cli: Cli) -> Result<ExitCode> {
    // Two TLS providers in one process make rustls panic at its first use: name ours first.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider is installed already");
    }
    let Cli { access, command } = cli;
    let out = &mut std::io::stdout().lock();
    let done = match command {
        Command::Run(options) => {
            telemetry::init(&options.log_level)?;
            runtime(2)?
                .block_on(run::run(&access, options))
                .map(|()| true)
        }
        Command::Crds => crds(out).map(|()| true),
        Command::Check { files, timeline } => check::run(&files, out)
            .and_then(|well| Ok((!timeline || check::timeline(&files, out)?) && well)),
        Command::Why(options) => runtime(1)?.block_on(why::why(&access, &options, out)),
        Command::Report(options) => runtime(1)?.block_on(report::report(&access, &options, out)),
        Command::Approve(options) => runtime(1)?
            .block_on(approve::answer(&access, &options, Word::Approve, out))
            .map(|()| true),
        Command::Deny(options) => runtime(1)?
            .block_on(approve::answer(&access, &options, Word::Deny, out))
            .map(|()| true),
        Command::Patch(options) => runtime(1)?.block_on(patch::patch(&access, &options, out)),
        Command::Pause { reason } => runtime(1)?
            .block_on(pause::pause(&access, &reason, out))
            .map(|()| true),
        Command::Resume => runtime(1)?
            .block_on(pause::resume(&access, out))
            .map(|()| true),
        Command::Version => writeln!(out, "{}", version())
            .map(|()| true)
            .context("stdout"),
    };
    done.map(|well| {
        if well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    })
}

/// Did whoever reads our output stop reading?
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}

/// The number of workers is fixed: a CPU limit of half a core would else leave a single one, and
/// then a long round starves the Lease.
fn runtime(workers: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .context("no async runtime")
}

fn crds(out: &mut dyn std::io::Write) -> Result<()> {
    for (_, yaml) in kubemend_api::crds::files() {
        write!(out, "---\n{yaml}").context("stdout")?;
    }
    Ok(())
}

/// One line that a bug report needs.
pub fn version() -> String {
    format!(
        "kubemend {} (commit {}, {}, built for Kubernetes 1.37)",
        env!("CARGO_PKG_VERSION"),
        option_env!("KUBEMEND_COMMIT").unwrap_or("unknown"),
        kubemend_api::API_VERSION,
    )
}
