//! Time as the engine knows it: a number that comes in as an argument and never overflows.

use std::fmt;
use std::num::NonZeroU64;

/// Milliseconds.
pub type Millis = i64;

/// A point in time: milliseconds since 1970, UTC; sums saturate, so no object can break them. It is
/// kept shifted to above zero, so that one that may be missing takes no more room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(NonZeroU64);

/// Turns the order of signed numbers into that of unsigned ones.
const SHIFT: u64 = 1 << 63;

impl Moment {
    /// The last representable moment.
    pub const MAX: Self = Self::from_millis(i64::MAX);

    /// So many milliseconds after 1970; the very first number counts as the one after it.
    pub const fn from_millis(millis: i64) -> Self {
        match NonZeroU64::new(millis.cast_unsigned() ^ SHIFT) {
            Some(shifted) => Self(shifted),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        (self.0.get() ^ SHIFT).cast_signed()
    }

    /// This moment and so many milliseconds more.
    #[must_use]
    pub const fn plus(self, millis: Millis) -> Self {
        Self::from_millis(self.as_millis().saturating_add(millis))
    }

    /// So many milliseconds before this moment.
    #[must_use]
    pub const fn minus(self, millis: Millis) -> Self {
        Self::from_millis(self.as_millis().saturating_sub(millis))
    }

    /// Milliseconds from `earlier` to this moment; negative where it is later.
    pub const fn since(self, earlier: Self) -> Millis {
        self.as_millis().saturating_sub(earlier.as_millis())
    }

    /// RFC 3339 text, read leniently: `None` for what no clock shows, such as year 9999.
    pub fn parse(text: &str) -> Option<Self> {
        kubemend_api::event::Timestamp::parse_millis(text).map(Self::from_millis)
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self::from_millis(0)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Moment").field(&self.as_millis()).finish()
    }
}

impl From<&kubemend_api::event::Timestamp> for Moment {
    fn from(at: &kubemend_api::event::Timestamp) -> Self {
        Self::from_millis(at.as_millis().unwrap_or(0))
    }
}

impl From<Moment> for kubemend_api::event::Timestamp {
    fn from(at: Moment) -> Self {
        Self::from_millis(at.as_millis())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        kubemend_api::event::Timestamp::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_a_moment_and_the_order_is_theirs() {
        let numbers = [i64::MIN + 1, -1, 0, 1, 1_772_323_200_000, i64::MAX];
        let moments = numbers.map(Moment::from_millis);
        assert_eq!(moments.map(Moment::as_millis), numbers);
        assert!(moments.is_sorted());
        assert_eq!(Moment::from_millis(i64::MIN), moments[0]);
        assert_eq!(Moment::MAX.plus(1), Moment::MAX);
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }
}
