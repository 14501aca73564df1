//! Evaluates the policies against the live cluster.
//!
//! The modules stand in the order of the flow: time; watch (list, frames) → lead → round → effect
//! (evidence, act) → news, and beside them what the process shows of itself.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clock;
mod backoff;
mod list;
mod frames;
mod ration;
mod watch;
mod lead;
mod round;
pub mod effect;
mod evidence;
mod act;
pub mod propose;
mod news;
pub mod health;
pub mod metrics;
pub mod requests;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use kube::Client;
use kubemend_engine::{Settings, Source, World};
use kubemend_status::policies::Reports;
use kubemend_status::{Fence, policies};
use thiserror::Error;
use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use clock::Clock;
pub use health::Health;
pub use metrics::Metrics;

use effect::Hands;
use ration::Ration;
use round::Round;
use watch::Watch;

/// Changes on their way to the round. Full, the watches wait, and the API server buffers for them:
/// eight pages of a list, a few megabytes of digests.
const CHANGES_MAX: usize = 4_096;

/// How long a stopping process waits for the effects in flight; less than a pod's usual thirty
/// seconds, and what is cut off is settled from its record.
const REST: Duration = Duration::from_secs(10);

/// What the process brings.
pub struct Parts {
    /// For lists and watches; its hidden retries are off, as are those of `act`.
    pub watch: Client,
    /// For records, statuses and acts.
    pub act: Client,
    /// What the process was started with.
    pub settings: Settings,
    /// Tells whether this process holds the lease, and until when it may write.
    pub fence: Fence,
    /// The one clock.
    pub clock: Clock,
    /// Where everything counts.
    pub metrics: Metrics,
    /// What the admin server asks.
    pub health: Health,
}

/// Why the reconciler ended although nobody stopped it.
#[derive(Debug, Error)]
#[error("a task of the reconciler ended: {0}")]
pub struct Stopped(String);

/// Watches, decides and acts until `shutdown`; then starts nothing more, and waits a moment for
/// what is in flight.
pub async fn run(parts: Parts, shutdown: impl Future<Output = ()>) -> Result<(), Stopped> {
    let (changes, inbox) = mpsc::channel(CHANGES_MAX);
    let (stop, stopped) = channel::channel(false);
    let mut tasks = JoinSet::new();
    let mut records = None;
    for source in Source::ALL {
        let (ask, relist) = mpsc::channel(1);
        if source == Source::Records {
            records = Some(ask);
        }
        let watch = Watch {
            source,
            client: parts.watch.clone(),
            changes: changes.clone(),
            clock: parts.clock,
            health: parts.health.clone(),
            metrics: parts.metrics.clone(),
            relist,
            unreadable: BTreeSet::new(),
            ration: Ration::new(watch::HINTS_MAX),
        };
        tasks.spawn(watch.run());
    }
    if let Some(records) = records {
        tasks.spawn(lead::follow(
            parts.fence.clone(),
            records,
            changes.clone(),
            parts.health.clone(),
        ));
    }
    let (reports, latest) = channel::channel(Reports::default());
    tasks.spawn(policies::write(
        parts.act.clone(),
        parts.fence.clone(),
        latest,
    ));
    let hands = Hands::new(
        parts.act,
        parts.fence,
        parts.clock,
        parts.metrics.clone(),
        changes,
    );
    let round = Round {
        world: World::new(parts.settings),
        clock: parts.clock,
        hands: hands.clone(),
        metrics: parts.metrics,
        health: parts.health,
        reports,
    };
    tasks.spawn(round.run(inbox, stopped));
    tokio::select! {
        biased;
        () = shutdown => {
            stop.send_replace(true);
            if timeout(REST, hands.rest()).await.is_err() {
                tracing::warn!("stopping with effects in flight; their records tell the successor");
            }
            Ok(())
        }
        // None of them ends by itself: whoever starts this process starts it anew.
        ended = tasks.join_next() => Err(Stopped(match ended {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "without an error".to_owned(),
        })),
    }
}
