//! What a toy pod does.

use std::time::Duration;

use serde_json::Value;

/// The annotation of a pod template that holds the program.
pub const PROGRAM: &str = "toy/program";
/// The annotation that numbers the pods of a `ReplicaSet`, from 0.
pub(super) const ORDINAL: &str = "toy/ordinal";

/// A pod's behaviour, read from words that commas separate:
///
/// - `healthy` runs for ever; it is the default
/// - `exit-after:5s` exits 5 s after each start; with `code:3` other than 1, and as `oom` with 137
/// - `needs:96Mi`: only while its container is limited to less than that
/// - `…-until-replaced` (or the word `until-replaced`): only the first pod of a `ReplicaSet` does
/// - `spares-first`: only the first pod of a `ReplicaSet` does not
/// - `second-after:40s`: the second pod of a `ReplicaSet` exits after 40 s, whoever is spared else
/// - `…-times:3` (or the word `times:3`): only the first three runs of a container do
/// - `ready-after:10s` is ready 10 s after its start instead of at once; `never-ready` never is
/// - `image-missing` never starts; `unschedulable` never gets a node
///
/// It is read anew at every start of a container, so a test may change a pod's annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent words of a tiny language"
)]
pub struct Program {
    /// When a run ends by itself, counted from its start.
    pub exit_after: Option<Duration>,
    /// The exit code.
    pub code: i64,
    /// Was it killed for its memory?
    pub oom: bool,
    /// Only with less than so many mebibytes it exits.
    pub needs: Option<u64>,
    /// Only a `ReplicaSet`'s first pod exits.
    pub until_replaced: bool,
    /// A `ReplicaSet`'s first pod does not exit.
    pub spares_first: bool,
    /// When a run of a `ReplicaSet`'s second pod ends by itself.
    pub second_after: Option<Duration>,
    /// Only this many runs exit.
    pub times: Option<u64>,
    /// When a run is ready, counted from its start; `None`: never.
    pub ready_after: Option<Duration>,
    /// Can its image be pulled?
    pub has_image: bool,
    /// Does it fit on a node?
    pub fits: bool,
}

impl Program {
    /// Read a program.
    ///
    /// # Panics
    /// At a word it does not know: a typo in the test.
    pub fn parse(text: &str) -> Self {
        let mut program = Self {
            exit_after: None,
            code: 1,
            oom: false,
            needs: None,
            until_replaced: false,
            spares_first: false,
            second_after: None,
            times: None,
            ready_after: Some(Duration::ZERO),
            has_image: true,
            fits: true,
        };
        let text = text
            .replace("-until-replaced", ",until-replaced")
            .replace("-times:", ",times:");
        for word in text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            program.word(word, word.split_once(':').unwrap_or((word, "")));
        }
        program
    }

    fn word(&mut self, word: &str, (name, value): (&str, &str)) {
        let known = match name {
            "healthy" => Some(()),
            "exit-after" => span(value).map(|time| self.exit_after = Some(time)),
            "code" => value.parse().ok().map(|code| self.code = code),
            "oom" => {
                (self.oom, self.code) = (true, 137);
                Some(())
            }
            "needs" => mebis(value).map(|memory| self.needs = Some(memory)),
            "until-replaced" => {
                self.until_replaced = true;
                Some(())
            }
            "spares-first" => {
                self.spares_first = true;
                Some(())
            }
            "second-after" => span(value).map(|time| self.second_after = Some(time)),
            "times" => value.parse().ok().map(|times| self.times = Some(times)),
            "ready-after" => span(value).map(|time| self.ready_after = Some(time)),
            "never-ready" => {
                self.ready_after = None;
                Some(())
            }
            "image-missing" => {
                self.has_image = false;
                Some(())
            }
            "unschedulable" => {
                self.fits = false;
                Some(())
            }
            _ => None,
        };
        assert!(known.is_some(), "unknown word {word:?} in a toy program");
    }

    /// The program of a pod.
    pub(super) fn of(pod: &Value) -> Self {
        Self::parse(
            pod["metadata"]["annotations"][PROGRAM]
                .as_str()
                .unwrap_or_default(),
        )
    }

    /// When this run of a pod's container ends, counted from its start.
    pub(super) fn exit(&self, pod: &Value, restarts: u64) -> Option<Duration> {
        let ordinal = pod["metadata"]["annotations"][ORDINAL]
            .as_str()
            .unwrap_or("0");
        if ordinal == "1" && self.second_after.is_some() {
            return self.second_after;
        }
        let limit = pod["spec"]["containers"][0]["resources"]["limits"]["memory"].as_str();
        let limit = limit.and_then(mebis).unwrap_or(u64::MAX);
        let spared = self.needs.is_some_and(|needs| limit >= needs)
            || self.until_replaced && ordinal != "0"
            || self.spares_first && ordinal == "0"
            || self.times.is_some_and(|times| restarts >= times);
        self.exit_after.filter(|_| !spared)
    }
}

fn mebis(text: &str) -> Option<u64> {
    text.strip_suffix("Mi")?.parse().ok()
}

fn span(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number = digits.parse().ok()?;
    match &text[digits.len()..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_mins(number)),
        _ => None,
    }
}
