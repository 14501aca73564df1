//! A seed is a run: playing it again shows the same writes, with every kind of fault in it.

use kubemend_campaign::play;

#[test]
fn the_same_seed_gives_the_same_writes() {
    for seed in 1..=10 {
        let (first, again) = (play::seed(seed), play::seed(seed));
        assert_eq!(
            first.digest,
            again.digest,
            "seed {seed}\n{}",
            play::history(seed)
        );
        assert!(
            first.counts.0 > 0,
            "seed {seed} writes nothing, and so proves nothing"
        );
    }
}
