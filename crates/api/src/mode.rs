//! How far the operator may go.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far the operator may go; the order is from least to most, so that the lowest wins by `min`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs)] // schemars reorders documented variants
pub enum Mode {
    Suspended,
    #[default]
    DryRun,
    Enforce,
}

impl Mode {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "Suspended",
            Self::DryRun => "DryRun",
            Self::Enforce => "Enforce",
        }
    }

    /// The mode of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Suspended, Self::DryRun, Self::Enforce]
            .into_iter()
            .find(|mode| mode.as_str() == name)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
