//! Runs every target with mutated inputs on all cores for a while, or one saved input again.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use kubemend_fuzz::mutate::mutate;
use kubemend_fuzz::targets::{self, Target};
use kubemend_fuzz::{corpus, guard};
use kubemend_sim::{Rng, hash};

/// Hostile inputs for every parser of outside data.
#[derive(Parser)]
struct Args {
    /// How long to run, over all targets together.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// The same seed makes the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
    /// Runs one saved input of the target instead.
    #[arg(long, requires = "target")]
    replay: Option<PathBuf>,
}

/// What became of one target.
#[derive(Default)]
struct Tally {
    runs: u64,
    spent: Duration,
    found: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let mut targets = targets::all();
    targets.retain(|one| args.target.as_deref().is_none_or(|name| name == one.name));
    anyhow::ensure!(!targets.is_empty(), "no such target");
    if let Some(path) = &args.replay {
        // Without `guard::listen`, so that the panic is printed as it is.
        let input =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let failed = targets
            .iter()
            .any(|target| guard::failure(target, &input).is_some());
        println!("{}", if failed { "it fails" } else { "it passes" });
        return Ok(if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        });
    }
    guard::listen();
    let found = fuzz(&args, &targets)?;
    Ok(if found == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Gives each target its turns, on all cores, until the time is over; returns the failures found.
fn fuzz(args: &Args, targets: &[Target]) -> anyhow::Result<u64> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (turns, tallies) = (AtomicUsize::new(0), Mutex::new(Vec::<Tally>::new()));
    tallies
        .lock()
        .expect("no thread has panicked")
        .resize_with(targets.len(), Tally::default);
    let started = Instant::now();
    println!(
        "seed {}, {} targets, {cores} cores, {} s",
        args.seed,
        targets.len(),
        args.seconds
    );
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while started.elapsed().as_secs() < args.seconds {
                    let turn = turns.fetch_add(1, Ordering::Relaxed);
                    let at = turn % targets.len();
                    let seed = args.seed ^ hash(&format!("{turn}"));
                    let result = one_turn(&targets[at], seed);
                    let mut tallies = tallies.lock().expect("no thread has panicked");
                    let tally = &mut tallies[at];
                    tally.runs += result.runs;
                    tally.spent += result.spent;
                    tally.found += result.found;
                    let total: u64 = tallies.iter().map(|one| one.runs).sum();
                    println!(
                        "{:>4} s  {:<26} {:>8} runs, {total} in all",
                        started.elapsed().as_secs(),
                        targets[at].name,
                        tallies[at].runs
                    );
                }
            });
        }
    });
    let tallies = tallies.into_inner().context("a thread panicked")?;
    Ok(summary(targets, &tallies))
}

/// A second of one target.
fn one_turn(target: &Target, seed: u64) -> Tally {
    let mut rng = Rng::new(seed);
    let mut inputs = target.seeds.clone();
    inputs.extend(
        corpus::committed(target.name)
            .unwrap_or_default()
            .into_iter()
            .map(|(_, input)| input),
    );
    let (started, mut tally) = (Instant::now(), Tally::default());
    while started.elapsed() < Duration::from_secs(1) && tally.found == 0 {
        let mut choose = || usize::try_from(rng.up_to(inputs.len() as u64 - 1)).unwrap_or(0);
        let (one, other) = (choose(), choose());
        let input = mutate(&mut rng, &inputs[one], &inputs[other]);
        tally.runs += 1;
        if let Some(why) = guard::failure(target, &input) {
            tally.found += 1;
            let why: String = why.chars().take(600).collect();
            match corpus::save(target.name, &input) {
                Ok(path) => println!(
                    "FAILED {}: {why}\n  again: cargo run --bin kubemend-fuzz -- --target {} --replay {}",
                    target.name,
                    target.name,
                    path.display()
                ),
                Err(error) => println!("FAILED {}: {why}\n  not saved: {error}", target.name),
            }
        }
    }
    tally.spent = started.elapsed();
    tally
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of runs are far below 2^52"
)]
fn summary(targets: &[Target], tallies: &[Tally]) -> u64 {
    println!(
        "\n{:<26} {:>10} {:>10} {:>8}",
        "target", "runs", "runs/s", "failed"
    );
    for (target, tally) in targets.iter().zip(tallies) {
        let rate = tally.runs as f64 / tally.spent.as_secs_f64().max(0.001);
        println!(
            "{:<26} {:>10} {rate:>10.0} {:>8}",
            target.name, tally.runs, tally.found
        );
    }
    let (runs, found) = tallies.iter().fold((0, 0), |(runs, found), one| {
        (runs + one.runs, found + one.found)
    });
    println!("{runs} inputs, {found} failed");
    found
}
