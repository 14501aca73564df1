//! A count or a share: `1` or `"50%"`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of pods, or a share of the desired replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u32),
    /// A percentage, 0 to 100, of the desired replicas.
    Percent(u32),
}

impl Amount {
    /// How many that is of `whole`; shares are rounded up, as the design of budgets demands.
    pub fn of(self, whole: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let product = u64::from(whole) * u64::from(percent);
                u32::try_from(product.div_ceil(100)).unwrap_or(u32::MAX)
            }
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1000 or a percentage such as \"50%\"")
            }

            fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Amount, E> {
                u32::try_from(count)
                    .ok()
                    .filter(|count| *count <= 1000)
                    .map(Amount::Count)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(count), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Amount, E> {
                u64::try_from(count)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(count), &self))
                    .and_then(|count| self.visit_u64(count))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
                text.strip_suffix('%')
                    .filter(|digits| {
                        digits.bytes().all(|b| b.is_ascii_digit())
                            && (digits.len() == 1 || !digits.starts_with('0'))
                    })
                    .and_then(|digits| digits.parse().ok())
                    .filter(|percent| *percent <= 100)
                    .map(Amount::Percent)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "minimum": 0,
            "maximum": 1000,
            "maxLength": 4,
            "pattern": "^(100|[1-9]?[0-9])%$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_up() {
        assert_eq!(Amount::Percent(50).of(3), 2);
        assert_eq!(Amount::Percent(50).of(1), 1);
        assert_eq!(Amount::Percent(0).of(9), 0);
        assert_eq!(Amount::Count(4).of(1), 4);
    }

    #[test]
    fn both_forms_are_written_back_as_written() {
        for text in ["1", "\"50%\"", "0", "\"100%\""] {
            let amount: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), text);
        }
        for text in [
            "-1", "\"50\"", "\"101%\"", "\"%\"", "\"00%\"", "1001", "1.5", "true",
        ] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
    }
}
