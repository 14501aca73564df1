//! Plays seeds and stories on every core, and shows the shortest history of what fails.

mod seeds;
mod stories;

use std::io::{Write as _, stderr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Plays histories of a failing cluster under the production code.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Histories drawn from seeds.
    Seeds(seeds::Options),
    /// The stories, with a crash before and after every write, and with every reply lost.
    Stories,
}

fn main() -> Result<ExitCode> {
    // A process that panics is a violation, which is shown with its history.
    std::panic::set_hook(Box::new(|_| {}));
    let well = match Options::parse().what {
        What::Seeds(options) => seeds::run(&options)?,
        What::Stories => stories::run(),
    };
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How many threads work at once.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Works through so many jobs on every core, with a line now and then so that nobody wonders.
fn on_every_core(what: &str, jobs: usize, work: impl Fn(usize) + Sync) {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        return;
                    }
                    work(job);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut told = Instant::now();
        while done.load(Ordering::Relaxed) < jobs {
            thread::sleep(Duration::from_millis(20));
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                let done = done.load(Ordering::Relaxed);
                let left = began.elapsed().as_secs() * (jobs - done) as u64 / done.max(1) as u64;
                // Progress that cannot be shown is no reason to stop.
                let _ = writeln!(stderr(), "{done} of {jobs} {what}, {left} s left");
            }
        }
    });
}
