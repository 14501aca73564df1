//! Histories drawn from seeds: counts, the rate, and what failed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use kubemend_campaign::play::{self, Outcome};
use kubemend_campaign::shrink::shrink;

/// Which seeds.
#[derive(Args)]
pub(crate) struct Options {
    /// How many.
    #[arg(long, default_value_t = 2_000)]
    seeds: usize,
    /// The first.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Shows each history and how it ended, whether it fails or not.
    #[arg(long)]
    show: bool,
}

/// What all threads add to.
#[derive(Default)]
struct Tally {
    writes: AtomicU64,
    acts: AtomicU64,
    episodes: AtomicU64,
    minutes: AtomicU64,
    busy: AtomicU64,
    failed: Mutex<Vec<(u64, Outcome)>>,
}

/// True if no seed failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    if options.seeds == 0 {
        bail!("--seeds must be at least 1");
    }
    let (tally, began) = (Tally::default(), Instant::now());
    crate::on_every_core("seeds", options.seeds, |job| {
        let seed = options.from.wrapping_add(job as u64);
        one(seed, options.show, &tally);
    });
    report(options, &tally, began.elapsed());
    let failed = tally
        .failed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    for (seed, outcome) in &failed {
        explain(*seed, outcome);
    }
    Ok(failed.is_empty())
}

fn one(seed: u64, show: bool, tally: &Tally) {
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
    if show {
        println!("{}\n{outcome:#?}", play::history(seed));
    }
    if outcome.violation.is_some() {
        let mut failed = tally.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.push((seed, outcome));
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn report(options: &Options, tally: &Tally, took: Duration) {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let failed = tally.failed.lock().map_or(0, |failed| failed.len());
    println!(
        "{} seeds from {}, {failed} failed: {} episodes, {} acts, {} deciding writes, {} virtual hours",
        options.seeds,
        options.from,
        of(&tally.episodes),
        of(&tally.acts),
        of(&tally.writes),
        of(&tally.minutes) / 60
    );
    let seeds = options.seeds as f64;
    println!(
        "{:.1} seeds per second on {} cores, {:.0} ms per seed",
        seeds / took.as_secs_f64(),
        crate::cores(),
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
