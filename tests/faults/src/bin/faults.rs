//! The whole campaign, or the plans that are named.

use std::process::ExitCode;

use clap::Parser;
use kubemend_faults::campaign::{Campaign, Choice};

/// Plays every plan of every story and judges how the operator bore it.
///
/// What was played is kept in target/faults; a further start goes on from there.
#[derive(Parser)]
struct Cli {
    /// Play these plans only, as a failure prints them, and again if they were played
    plans: Vec<String>,
}

fn main() -> ExitCode {
    let plans = Cli::parse().plans;
    Campaign::main(&if plans.is_empty() {
        Choice::Rest
    } else {
        Choice::Named(plans)
    })
}
