//! A length of time that is checked when it is read and written back as it was written.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A length of time such as `30s`, `10m`, `1h30m` or `500ms`.
///
/// It keeps the text that the user wrote, so that server-side apply and Git see no difference
/// where nothing changed. At most ten years: longer ones are a typing error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duration {
    text: String,
    millis: i64,
}

/// Ten years; keeps every sum with a point in time far from overflow.
const MAX_MS: i64 = 10 * 365 * 24 * 3_600_000;
/// The API server reads durations as nanoseconds in 64 bits, 292 years: 20 characters with at most
/// six digits a number say 240 years at most, so its rules never fail on a text that the pattern admits.
const MAX_DIGITS: usize = 6;
const MAX_LENGTH: usize = 20;

/// Why a text is not a [`Duration`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDuration(String);

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a duration: write numbers of at most six digits with a unit (ms, s, m or h), at most ten years, for example 30s or 1h30m",
            self.0
        )
    }
}

impl std::error::Error for InvalidDuration {}

impl Duration {
    /// Its length in milliseconds; never negative.
    pub fn as_millis(&self) -> i64 {
        self.millis
    }

    /// A duration of whole seconds, written as `<n>s`; negative becomes zero, too long the maximum.
    pub fn from_secs(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// A duration of milliseconds, written in the largest units that say it exactly.
    pub fn from_millis(millis: i64) -> Self {
        let millis = millis.clamp(0, MAX_MS);
        Self {
            text: render(millis),
            millis,
        }
    }
}

/// `90_000` becomes `1m30s`, `0` becomes `0s`.
fn render(millis: i64) -> String {
    let mut text = String::new();
    let mut rest = millis;
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= size {
            text.push_str(&(rest / size).to_string());
            text.push_str(unit);
            rest %= size;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let invalid = || InvalidDuration(text.chars().take(40).collect());
        let mut rest = text;
        let mut millis = 0_i64;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(invalid)?;
            if digits == 0 || digits > MAX_DIGITS {
                return Err(invalid());
            }
            let (number, tail) = rest.split_at(digits);
            let letters = tail
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let size = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return Err(invalid()),
            };
            let number: i64 = number.parse().map_err(|_| invalid())?;
            millis = millis.saturating_add(number.saturating_mul(size));
            rest = tail;
        }
        if text.is_empty() || text.len() > MAX_LENGTH || millis > MAX_MS {
            return Err(invalid());
        }
        Ok(Self {
            text: text.to_owned(),
            millis,
        })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 20,
            "pattern": "^([0-9]{1,6}(ms|s|m|h))+$",
            "x-kubernetes-validations": [{
                "rule": "self.matches('^([0-9]{1,6}(ms|s|m|h))+$') && duration(self) <= duration('87600h')",
                "message": "write numbers of at most six digits with a unit (ms, s, m or h), at most ten years (87600h), for example 30s or 1h30m",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_back_as_it_was_written() {
        for text in ["5m", "300s", "1h30m", "90m", "500ms", "0s", "007s"] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(
                serde_json::to_string(&duration).unwrap(),
                format!("{text:?}")
            );
        }
    }

    #[test]
    fn units_add_up() {
        assert_eq!(
            "1h30m5s10ms".parse::<Duration>().unwrap().as_millis(),
            5_405_010
        );
        assert_eq!(Duration::from_millis(90_000).to_string(), "1m30s");
        assert_eq!(Duration::from_secs(0).to_string(), "0s");
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "-5s",
            "1d",
            "99999999999999999999h",
            "999999999h",
            "5ms5",
            "1234567s",
            "87601h",
        ] {
            let error = text.parse::<Duration>().unwrap_err().to_string();
            assert!(error.contains("for example 30s"), "{text}: {error}");
        }
    }
}
