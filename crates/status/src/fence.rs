//! The fence: nothing is written without a permit, and a permit ends before the lease does.

use tokio::sync::watch;
use tokio::time::Instant;

use crate::Failure;

/// What the lease task tells: when this process must have stopped writing, which is the lease's
/// end minus a margin; `None` while it does not hold the lease.
pub type Term = Option<Instant>;

/// The door in front of every write.
#[derive(Clone, Debug)]
pub struct Fence {
    term: watch::Receiver<Term>,
}

impl Fence {
    /// A fence and the end by which the lease task feeds it; it is closed at first.
    pub fn new() -> (watch::Sender<Term>, Self) {
        let (lease, term) = watch::channel(None);
        (lease, Self { term })
    }

    /// A permit, if this process may write now.
    pub fn permit(&self) -> Option<Permit> {
        let permit = Permit {
            term: self.term.clone(),
        };
        permit.check().is_ok().then_some(permit)
    }

    /// Is the lease held now?
    pub fn leads(&self) -> bool {
        self.permit().is_some()
    }

    /// Waits until leadership may have changed: the lease task said so, or the deadline passed.
    pub async fn changed(&mut self) {
        let deadline = self
            .term
            .borrow_and_update()
            .filter(|at| *at > Instant::now());
        let passed = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            told = self.term.changed() => if told.is_err() {
                // The lease task is gone: what it said last holds until its deadline.
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            },
            () = passed => {}
        }
    }
}

/// The right to write, checked again right before each request. It follows the renewals of the
/// lease; an act that outlives a lost and regained lease is stopped by its `notAfter` and by its
/// record's resourceVersion.
#[derive(Clone, Debug)]
pub struct Permit {
    term: watch::Receiver<Term>,
}

impl Permit {
    /// Fails when the deadline has passed or the lease is lost.
    pub fn check(&self) -> Result<(), Failure> {
        let deadline = *self.term.borrow();
        match deadline {
            Some(deadline) if Instant::now() < deadline => Ok(()),
            Some(_) | None => Err(Failure::Fenced),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_permit_ends_with_its_term_and_follows_renewals() {
        let (lease, mut fence) = Fence::new();
        assert!(fence.permit().is_none());
        let second = Duration::from_secs(1);
        lease.send_replace(Some(Instant::now() + 2 * second));
        let permit = fence.permit().expect("the lease is held");
        tokio::time::sleep(second).await;
        lease.send_replace(Some(Instant::now() + 2 * second));
        tokio::time::sleep(second + second / 2).await;
        assert_eq!(permit.check(), Ok(()));
        fence.changed().await;
        assert_eq!(permit.check(), Err(Failure::Fenced));
        lease.send_replace(None);
        assert!(!fence.leads());
    }
}
