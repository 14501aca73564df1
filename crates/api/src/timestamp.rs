//! A point in time as RFC 3339 text.

use std::fmt;
use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What RFC 3339 can write and this program can hold: years 1 to 9999, but for the last day.
const WRITABLE: RangeInclusive<i64> = -62_135_596_800_000..=253_402_207_199_999;

/// A point in time as RFC 3339 text. It is read leniently: an absurd one in an object must never
/// make the object unreadable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

impl Timestamp {
    /// The point in time so many milliseconds after 1970, UTC; the nearest that can be written.
    pub fn from_millis(millis: i64) -> Self {
        let millis = millis.clamp(*WRITABLE.start(), *WRITABLE.end());
        let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self(format!("{at:.3}"))
    }

    /// Milliseconds since 1970; `None` where the text is no point in time that this program can hold.
    pub fn as_millis(&self) -> Option<i64> {
        Self::parse_millis(&self.0)
    }

    /// The same for a text that is no field of ours.
    pub fn parse_millis(text: &str) -> Option<i64> {
        let at = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        WRITABLE.contains(&at).then_some(at)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "maxLength": 40 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_written_again_as_it_was() {
        for text in ["0001-01-01T00:00:00.000Z", "9999-12-30T21:59:59.999Z"] {
            let millis = Timestamp::parse_millis(text).unwrap();
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
        for text in [
            "9999-12-31T23:59:59Z",
            "9999-12-30T22:00:00.999Z",
            "-009000-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_millis(text), None, "{text}");
        }
        assert_eq!(
            Timestamp::from_millis(i64::MAX).to_string(),
            "9999-12-30T21:59:59.999Z"
        );
        assert_eq!(
            Timestamp::from_millis(i64::MIN).to_string(),
            "0001-01-01T00:00:00.000Z"
        );
    }
}
