//! The server's wall clock: a start that tests set, plus tokio's virtual time.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A wall clock that moves only as tokio's clock does.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    wall: Timestamp,
}

impl Clock {
    /// A clock that shows `wall` now.
    pub fn starting_at(wall: Timestamp) -> Self {
        Self {
            origin: Instant::now(),
            wall,
        }
    }

    /// Virtual time since the server started.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The tokio instant at some virtual time since the start.
    pub fn instant(&self, elapsed: Duration) -> Instant {
        self.origin + elapsed
    }

    /// What the wall clock shows.
    pub fn now(&self) -> Timestamp {
        self.at(self.elapsed())
    }

    /// What the wall clock shows at some virtual time since the start.
    pub fn at(&self, elapsed: Duration) -> Timestamp {
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        self.wall.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// Make the wall clock wrong by `offset`, as an NTP step does.
    pub fn step(&mut self, offset: SignedDuration) {
        self.wall = self.wall.saturating_add(offset).unwrap_or(self.wall);
    }

    /// Now, as `metav1.Time` prints it.
    pub fn stamp(&self) -> String {
        rfc3339(self.now())
    }

    /// Now, as the HTTP `Date` header prints it.
    pub fn http_date(&self) -> String {
        self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// A moment, to the second, as `metav1.Time` prints it.
pub fn rfc3339(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
