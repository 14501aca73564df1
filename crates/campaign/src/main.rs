//! Plays seeds on every core, and shows the shortest history of each one that fails.

use std::io::{Write as _, stderr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use kubemend_campaign::play::{self, Outcome};
use kubemend_campaign::shrink::shrink;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Plays seeded histories of a failing cluster under the production code.
#[derive(Parser)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Shows the history and every write, whether it fails or not.
    #[arg(long)]
    show: bool,
}

/// What all threads add to.
#[derive(Default)]
struct Tally {
    next: AtomicU64,
    done: AtomicU64,
    writes: AtomicU64,
    acts: AtomicU64,
    episodes: AtomicU64,
    minutes: AtomicU64,
    busy: AtomicU64,
    failed: Mutex<Vec<(u64, Outcome)>>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if options.seeds == 0 {
        bail!("--seeds must be at least 1");
    }
    let tally = Tally::default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| work(&options, &tally));
        }
        scope.spawn(|| progress(&options, &tally, began));
    });
    report(&options, &tally, cores, began.elapsed());
    let failed = tally
        .failed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    for (seed, outcome) in &failed {
        explain(*seed, outcome);
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn work(options: &Options, tally: &Tally) {
    loop {
        let nth = tally.next.fetch_add(1, Ordering::Relaxed);
        if nth >= options.seeds {
            return;
        }
        let seed = options.from + nth;
        let began = Instant::now();
        let outcome = play::seed(seed);
        let add = |to: &AtomicU64, what: u64| to.fetch_add(what, Ordering::Relaxed);
        let (writes, acts, episodes) = outcome.counts;
        add(&tally.writes, writes);
        add(&tally.acts, acts);
        add(&tally.episodes, episodes);
        add(&tally.minutes, outcome.lasted.as_secs() / 60);
        add(
            &tally.busy,
            u64::try_from(began.elapsed().as_micros()).unwrap_or(0),
        );
        if options.show {
            println!("{}\n{outcome:#?}", play::history(seed));
        }
        if outcome.violation.is_some() {
            let failed = &tally.failed;
            failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((seed, outcome));
        }
        add(&tally.done, 1);
    }
}

/// One line now and then, so that nobody wonders.
fn progress(options: &Options, tally: &Tally, began: Instant) {
    let mut told = Instant::now();
    while tally.done.load(Ordering::Relaxed) < options.seeds {
        thread::sleep(Duration::from_millis(50));
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            let done = tally.done.load(Ordering::Relaxed);
            let failed = tally.failed.lock().map_or(0, |failed| failed.len());
            let left = began.elapsed().as_secs() * (options.seeds - done) / done.max(1);
            // Progress that cannot be shown is no reason to stop.
            let _ = writeln!(
                stderr(),
                "{done}/{} seeds, {failed} failed, {left} s left",
                options.seeds
            );
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn report(options: &Options, tally: &Tally, cores: usize, took: Duration) {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let failed = tally.failed.lock().map_or(0, |failed| failed.len());
    println!(
        "{} seeds from {}, {failed} failed: {} episodes, {} acts, {} writes, {} virtual hours",
        options.seeds,
        options.from,
        of(&tally.episodes),
        of(&tally.acts),
        of(&tally.writes),
        of(&tally.minutes) / 60
    );
    let seeds = options.seeds as f64;
    println!(
        "{:.1} seeds per second on {cores} cores, {:.0} ms per seed",
        seeds / took.as_secs_f64(),
        of(&tally.busy) as f64 / 1_000.0 / seeds
    );
}

fn explain(seed: u64, outcome: &Outcome) {
    let Some(violation) = &outcome.violation else {
        return;
    };
    let history = shrink(play::history(seed), violation.rule);
    let again = play::play(&history);
    println!(
        "\nseed {seed}: {}",
        again.violation.as_ref().unwrap_or(violation)
    );
    println!("replay: make sim SEEDS=1 FROM={seed}");
    print!("the shortest history that breaks it:\n{history}");
    println!("the operator's last writes:");
    for line in again.trace.iter().rev().take(25).rev() {
        println!("  {line}");
    }
}
