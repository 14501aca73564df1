//! The kubemend binary.

use std::process::ExitCode;

use clap::Parser as _;
use kubemend_operator::args::Cli;

/// It gives memory back after a relist; glibc's allocator never does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match kubemend_operator::main(Cli::parse()) {
        Ok(code) => code,
        // Whoever reads `kubemend why … | head -1` has read enough.
        Err(error) if kubemend_operator::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
