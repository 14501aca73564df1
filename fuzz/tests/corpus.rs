//! Every committed hostile input, the huge ones, and a short run of mutations.

use kubemend_fuzz::mutate::mutate;
use kubemend_fuzz::{corpus, guard, targets};
use kubemend_sim::{Rng, hash};

/// Mutated inputs per target: two seconds for the slowest.
const RUNS: u64 = 40;

#[test]
fn no_input_breaks_a_parser() {
    guard::listen();
    let targets = targets::all();
    let huge = corpus::huge();
    let mut failures = Vec::new();
    for target in &targets {
        let mut inputs = corpus::committed(target.name).expect("a corpus for every target");
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        let seeds = target
            .seeds
            .iter()
            .enumerate()
            .map(|(at, seed)| (format!("seed {at}"), seed.clone()));
        inputs.extend(seeds);
        let large = huge
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| *name == target.name);
        let large: Vec<_> = large
            .map(|(at, (_, input))| (format!("huge {at}"), input.clone()))
            .collect();
        let mut rng = Rng::new(hash(target.name));
        for run in 0..RUNS {
            let mut choose = || usize::try_from(rng.up_to(inputs.len() as u64 - 1)).unwrap_or(0);
            let (one, other) = (choose(), choose());
            let input = mutate(&mut rng, &inputs[one].1, &inputs[other].1);
            failures.extend(
                guard::failure(target, &input)
                    .map(|why| format!("{} run {run}: {why}", target.name)),
            );
        }
        for (name, input) in inputs.iter().chain(&large) {
            failures.extend(
                guard::failure(target, input).map(|why| format!("{} {name}: {why}", target.name)),
            );
        }
    }
    let shown: Vec<_> = failures
        .iter()
        .map(|one| one.chars().take(700).collect::<String>())
        .collect();
    // The hook took the panics, this one too: print before.
    eprintln!("{}", shown.join("\n"));
    assert!(shown.is_empty(), "{} inputs break a parser", shown.len());
}
