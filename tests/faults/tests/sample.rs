//! Forty plans that cover every kind of fault, the same ones every time.

use std::process::ExitCode;

use kubemend_faults::campaign::{Campaign, Choice};

fn main() -> ExitCode {
    Campaign::main(&Choice::Sample(40))
}
