//! How long to wait after a failure: doubling, bounded, and sticky: one success between two
//! failures does not start it anew, only a quiet minute does.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_mins(1);

/// The waits of one watch.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    last: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            next: FIRST,
            last: None,
        }
    }
}

impl Backoff {
    /// How long to wait this time.
    pub(crate) fn wait(&mut self) -> Duration {
        if self.last.is_some_and(|last| last.elapsed() > QUIET) {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(MOST);
        self.last = Some(Instant::now());
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_grows_until_it_has_been_quiet() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.wait().as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        tokio::time::sleep(QUIET * 2).await;
        assert_eq!(backoff.wait(), FIRST);
    }
}
