//! The process's only look at the clock on the wall.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Wall time at the start plus monotonic time since: a step of the wall clock moves no deadline.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    start: Instant,
}

impl Clock {
    /// The clock of this process, started once.
    pub fn start() -> Self {
        #[allow(clippy::disallowed_methods)] // the one place
        let wall = Timestamp::now();
        Self::starting_at(wall)
    }

    /// A clock that shows `wall` now.
    pub fn starting_at(wall: Timestamp) -> Self {
        Self {
            wall,
            start: Instant::now(),
        }
    }

    /// What it shows now.
    pub fn now(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        self.wall.saturating_add(since).unwrap_or(Timestamp::MAX)
    }

    /// How long this process runs.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
