//! A beat that wakes its listeners in the order in which they began to listen, so that a seed tells
//! the order too; tokio's own watch channel wakes them in a random one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Default)]
struct Shared {
    beat: AtomicU64,
    closed: AtomicBool,
    notify: Notify,
}

/// The sender; its end is the end of every listener.
#[derive(Default)]
pub(crate) struct Pulse(Arc<Shared>);

impl Pulse {
    pub(crate) fn beat(&self) {
        self.0.beat.fetch_add(1, Ordering::Relaxed);
        self.0.notify.notify_waiters();
    }

    pub(crate) fn listen(&self) -> Listener {
        Listener {
            shared: self.0.clone(),
            seen: self.0.beat.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Relaxed);
        self.0.notify.notify_waiters();
    }
}

/// Hears every beat since it began, several as one.
pub(crate) struct Listener {
    shared: Arc<Shared>,
    seen: u64,
}

/// The server is gone.
pub(crate) struct Closed;

impl Listener {
    /// What was until now counts as heard.
    pub(crate) fn catch_up(&mut self) {
        self.seen = self.shared.beat.load(Ordering::Relaxed);
    }

    pub(crate) async fn changed(&mut self) -> Result<(), Closed> {
        loop {
            let notified = self.shared.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.shared.closed.load(Ordering::Relaxed) {
                return Err(Closed);
            }
            let beat = self.shared.beat.load(Ordering::Relaxed);
            if beat != self.seen {
                self.seen = beat;
                return Ok(());
            }
            notified.await;
        }
    }
}
