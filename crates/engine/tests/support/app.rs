//! How the apps in toy pods behave.

use super::objects::millis;

/// How the app of a revision behaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct App {
    /// Every run ends after so long.
    pub dies: Option<i64>,
    pub exit: i64,
    /// Ready so long after its start; `None` never.
    pub probe: Option<i64>,
    /// A pod made after this behaviour was set is well.
    pub until_replaced: bool,
}

impl App {
    /// `ok`, `never ready`, or `dies 5s [exit 0] [probe 10s] [until replaced]`.
    pub fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|one| *one == word)?;
            words.get(at + 1).copied()
        };
        Self {
            dies: after("dies").map(millis),
            exit: after("exit").map_or(1, |code| code.parse().expect("an exit code")),
            probe: match after("never") {
                Some(_) => None,
                None => Some(after("probe").map_or(0, millis)),
            },
            until_replaced: text.contains("until replaced"),
        }
    }
}
