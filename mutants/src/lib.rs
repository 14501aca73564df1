//! Deliberate bugs, each of which the proofs must catch.

mod answers;
mod engine;
mod hands;

/// A deliberate bug: a text of the source, and what stands there instead.
#[derive(Debug)]
pub struct Mutant {
    /// What is wrong, in a few words.
    pub name: &'static str,
    /// The file, from the workspace's root.
    pub file: &'static str,
    /// Occurs exactly once in the file.
    pub find: &'static str,
    /// What replaces it.
    pub replace: &'static str,
    /// What it would do to a cluster.
    pub harm: &'static str,
    /// The tests that must fail.
    pub proof: Proof,
}

/// The narrowest tests that catch a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The scenario files of the engine.
    Scenarios,
    /// What an act makes of each answer.
    Replies,
    /// A story, with a crash at every write and every reply lost.
    Story,
    /// The writer of records and its fence.
    Status,
    /// The watches.
    Watches,
}

impl Proof {
    /// Every proof, cheapest first.
    pub const ALL: [Self; 5] = [
        Self::Scenarios,
        Self::Status,
        Self::Watches,
        Self::Replies,
        Self::Story,
    ];

    /// What cargo is told after `test`.
    pub fn args(self) -> &'static [&'static str] {
        match self {
            Self::Scenarios => &["-p", "kubemend-engine", "--test", "scenarios"],
            Self::Replies => &["-p", "kubemend-reconciler", "--test", "replies"],
            Self::Story => &["-p", "kubemend-reconciler", "--test", "story_b"],
            Self::Status => &["-p", "kubemend-status", "--lib"],
            Self::Watches => &["-p", "kubemend-reconciler", "--lib"],
        }
    }
}

/// A bug of decisions, which a scenario of the engine must catch.
const fn decided(
    name: &'static str,
    file: &'static str,
    (find, replace): (&'static str, &'static str),
    harm: &'static str,
) -> Mutant {
    bug(name, file, (find, replace), Proof::Scenarios, harm)
}

/// A bug with the proof that must catch it.
const fn bug(
    name: &'static str,
    file: &'static str,
    (find, replace): (&'static str, &'static str),
    proof: Proof,
    harm: &'static str,
) -> Mutant {
    Mutant {
        name,
        file,
        find,
        replace,
        harm,
        proof,
    }
}

/// Every bug, ordered by what has to be compiled anew for it.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    engine::MUTANTS
        .iter()
        .chain(&answers::MUTANTS)
        .chain(&hands::MUTANTS)
}
