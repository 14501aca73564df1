//! Time as the engine knows it: a number that comes in as an argument and never overflows.

use std::fmt;

/// Milliseconds.
pub type Millis = i64;

/// A point in time: milliseconds since 1970, UTC; sums saturate, so no object can break them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// The last representable moment.
    pub const MAX: Self = Self(i64::MAX);

    /// So many milliseconds after 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment and so many milliseconds more.
    #[must_use]
    pub const fn plus(self, millis: Millis) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// So many milliseconds before this moment.
    #[must_use]
    pub const fn minus(self, millis: Millis) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// Milliseconds from `earlier` to this moment; negative where it is later.
    pub const fn since(self, earlier: Self) -> Millis {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 text, read leniently: `None` for what no clock shows, such as year 9999.
    pub fn parse(text: &str) -> Option<Self> {
        kubemend_api::event::Timestamp::parse_millis(text).map(Self)
    }
}

impl From<&kubemend_api::event::Timestamp> for Moment {
    fn from(at: &kubemend_api::event::Timestamp) -> Self {
        Self(at.as_millis().unwrap_or(0))
    }
}

impl From<Moment> for kubemend_api::event::Timestamp {
    fn from(at: Moment) -> Self {
        Self::from_millis(at.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        kubemend_api::event::Timestamp::from(*self).fmt(f)
    }
}
