//! How much of a flood is taken in.

use std::time::Duration;

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// So many pass in one second; what is beyond is lost.
pub(crate) struct Ration {
    most: u32,
    taken: u32,
    since: Instant,
}

impl Ration {
    /// Nothing was taken yet.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            taken: 0,
            since: Instant::now(),
        }
    }

    /// True where one more may pass.
    pub(crate) fn take(&mut self) -> bool {
        if self.since.elapsed() >= SECOND {
            (self.taken, self.since) = (0, Instant::now());
        }
        let passes = self.taken < self.most;
        self.taken += u32::from(passes);
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_second_has_its_own_ration() {
        let mut ration = Ration::new(2);
        let taken = [ration.take(), ration.take(), ration.take()];
        assert_eq!(taken, [true, true, false]);
        tokio::time::advance(SECOND).await;
        assert!(ration.take());
    }
}
