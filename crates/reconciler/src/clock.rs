//! The one clock: the wall time at the start, moved on by the monotonic clock, so that no step of
//! the wall clock is ever seen and virtual time moves everything.

use std::time::Duration;

use kubemend_engine::Moment;
use tokio::time::Instant;

/// Tells the time to everything in this process.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Moment,
    origin: Instant,
}

impl Clock {
    /// A clock that starts with the system's wall time.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is read"
    )]
    pub fn system() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        Self::starting_at(Moment::from_millis(millis))
    }

    /// A clock that shows `wall` now.
    pub fn starting_at(wall: Moment) -> Self {
        Self {
            wall,
            origin: Instant::now(),
        }
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let elapsed = self.origin.elapsed().as_millis();
        self.wall.plus(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }

    /// When the monotonic clock will show that moment; nothing is further away than a day, which
    /// keeps the sum within what an `Instant` can hold.
    pub fn instant_at(&self, at: Option<Moment>) -> Instant {
        const DAY: Duration = Duration::from_hours(24);
        let now = Instant::now();
        let Some(at) = at else { return now + DAY };
        let wait = u64::try_from(at.since(self.now()).max(0)).unwrap_or(0);
        now + Duration::from_millis(wait).min(DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_moves_with_virtual_time() {
        let clock = Clock::starting_at(Moment::from_millis(1_000));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), Moment::from_millis(3_000));
        let at = clock.instant_at(Some(Moment::from_millis(4_000)));
        assert_eq!(at - Instant::now(), Duration::from_secs(1));
        assert_eq!(clock.instant_at(Some(Moment::MAX)), clock.instant_at(None));
        assert_eq!(
            clock.instant_at(Some(Moment::from_millis(0))),
            Instant::now()
        );
    }
}
