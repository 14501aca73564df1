//! An amount of memory, `512Mi`, and by what one grows, `"1.5"`.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of memory in whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory(u64);

/// One mebibyte: what is computed is rounded up to whole ones.
const MEBI: u64 = 1 << 20;

/// More digits than this are no number that memory has.
const DIGITS: usize = 18;

/// The suffixes of Kubernetes' quantities, with how many of a thousandth they stand for.
const SUFFIXES: [(&str, u128); 14] = [
    ("m", 1),
    ("", 1000),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
    ("Ei", 1000 << 60),
];

/// Not an amount of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMemory(String);

impl fmt::Display for InvalidMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no amount of memory; write for example 2Gi",
            self.0
        )
    }
}

impl std::error::Error for InvalidMemory {}

impl Memory {
    /// So many bytes.
    pub fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Reads a quantity as the API server writes it: `64Mi`, `128M`, `1.5Gi`, `1e9`, `100m`; parts
    /// of a byte are rounded up.
    pub fn quantity(text: &str) -> Option<Self> {
        // 1e9 is no suffix of the table; 1E is.
        let exponent = |at: usize| text[at + 1..].parse::<u32>().ok().map(|power| (at, power));
        if let Some((at, power)) = text.find(['e', 'E']).and_then(exponent) {
            let scale = 1000u128.checked_mul(10u128.checked_pow(power)?)?;
            return Self::scaled(&text[..at], scale);
        }
        let end = text.find(|c: char| c.is_ascii_alphabetic());
        let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
        let (_, scale) = SUFFIXES.iter().find(|(name, _)| *name == suffix)?;
        Self::scaled(number, *scale)
    }

    fn scaled(number: &str, thousandths: u128) -> Option<Self> {
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.len() <= DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) {
            return None;
        }
        let tens = 10u128.pow(u32::try_from(part.len()).ok()?);
        let mantissa = format!("{whole}{part}").parse::<u128>().ok()?;
        let bytes = mantissa
            .checked_mul(thousandths)?
            .div_ceil(tens.checked_mul(1000)?);
        u64::try_from(bytes).ok().map(Self)
    }

    /// So many times as much, rounded up to whole mebibytes.
    #[must_use]
    pub fn times(self, factor: Factor) -> Self {
        let product = u128::from(self.0) * u128::from(factor.0);
        let mebis = product.div_ceil(100).div_ceil(u128::from(MEBI));
        Self(u64::try_from(mebis * u128::from(MEBI)).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ("Ti", 1 << 40),
            ("Gi", 1 << 30),
            ("Mi", MEBI),
            ("Ki", 1 << 10),
        ];
        let whole = units
            .into_iter()
            .find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        match whole {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Memory {
    type Err = InvalidMemory;

    /// Reads what a manifest of ours may say: a whole number with a suffix up to `Ti`.
    fn from_str(text: &str) -> Result<Self, InvalidMemory> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let plain = (1..=12).contains(&digits)
            && !text.starts_with('0')
            && matches!(
                &text[digits..],
                "" | "Ki" | "Mi" | "Gi" | "Ti" | "k" | "M" | "G" | "T"
            );
        let read = Self::quantity(text).filter(|_| plain);
        read.ok_or_else(|| InvalidMemory(text.chars().take(40).collect()))
    }
}

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Memory {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Memory".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 14,
            "pattern": "^[1-9][0-9]{0,11}(Ki|Mi|Gi|Ti|k|M|G|T)?$",
        })
    }
}

/// A factor above 1, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u32);

/// Not a factor above 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFactor(String);

impl fmt::Display for InvalidFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no factor above 1 and below 10; write for example \"1.5\"",
            self.0
        )
    }
}

impl std::error::Error for InvalidFactor {}

impl Factor {
    /// So many hundredths: 150 is 1.5.
    pub const fn hundredths(hundredths: u32) -> Self {
        Self(hundredths)
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole}"),
            part if part.is_multiple_of(10) => write!(f, "{whole}.{}", part / 10),
            part => write!(f, "{whole}.{part:02}"),
        }
    }
}

impl FromStr for Factor {
    type Err = InvalidFactor;

    fn from_str(text: &str) -> Result<Self, InvalidFactor> {
        let (whole, part) = text
            .split_once('.')
            .map_or((text, None), |(w, p)| (w, Some(p)));
        let number = |text: &str| {
            let plain = text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| plain)
        };
        let hundredths = match part {
            None => Some(0),
            Some(part) if part.len() == 1 => number(part).map(|tenths| tenths * 10),
            Some(part) if part.len() == 2 => number(part),
            Some(_) => None,
        };
        let read = number(whole).filter(|_| whole.len() == 1).zip(hundredths);
        read.map(|(whole, part)| whole * 100 + part)
            .filter(|hundredths| *hundredths > 100)
            .map(Self)
            .ok_or_else(|| InvalidFactor(text.chars().take(40).collect()))
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Factor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Factor".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 4,
            "pattern": "^[1-9](\\.[0-9]{1,2})?$",
            "x-kubernetes-validations": [{
                "rule": "self.matches('^[1-9](\\\\.[0-9]{1,2})?$') && double(self) > 1.0",
                "message": "write a factor above 1 and below 10 in quotes, for example \"1.5\"",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_the_api_server_writes_them() {
        for (text, bytes) in [
            ("64Mi", 64 << 20),
            ("128M", 128_000_000),
            ("1.5Gi", 3 << 29),
            ("1e9", 1_000_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("12E3", 12_000),
            ("100m", 1),
            ("2500m", 3),
            ("0", 0),
            ("67108864", 64 << 20),
        ] {
            assert_eq!(Memory::quantity(text), Some(Memory(bytes)), "{text}");
        }
        for text in ["", "Mi", "-1", "1x", "1e99", "99999999999Ei", "1.2.3", "ee"] {
            assert_eq!(Memory::quantity(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_computed_is_whole_mebibytes() {
        let memory = |text| Memory::quantity(text).unwrap();
        let factor = |text: &str| text.parse::<Factor>().unwrap();
        assert_eq!(memory("64Mi").times(factor("1.5")).to_string(), "96Mi");
        assert_eq!(memory("1Gi").times(factor("2")).to_string(), "2Gi");
        assert_eq!(memory("100M").times(factor("1.25")).to_string(), "120Mi");
        assert_eq!(memory("128M").to_string(), "125000Ki");
        assert_eq!(memory("1000").to_string(), "1000");
    }

    #[test]
    fn manifests_say_plain_numbers_only() {
        for text in ["2Gi", "512Mi", "1000000", "1T"] {
            assert!(text.parse::<Memory>().is_ok(), "{text}");
        }
        for text in ["", "0", "1.5Gi", "2 Gi", "2GB", "-2Gi", "1e9", "1Pi"] {
            let error = text.parse::<Memory>().unwrap_err().to_string();
            assert!(error.contains("for example 2Gi"), "{text}: {error}");
        }
        for text in ["1.5", "2", "1.25", "9.99"] {
            assert_eq!(text.parse::<Factor>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1.0", "0.5", "10", "1.555", "1,5", "+2", "1.+5"] {
            let error = text.parse::<Factor>().unwrap_err().to_string();
            assert!(error.contains("for example \"1.5\""), "{text}: {error}");
        }
    }
}
