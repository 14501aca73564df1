//! Tells the World whether this process leads: after winning, only once the records were listed
//! anew, since another leader may have written them up to the last moment.

use kubemend_engine::Change;
use kubemend_status::Fence;
use tokio::sync::{mpsc, oneshot};

use crate::health::Health;
use crate::watch::Relist;

/// Follows the fence until nobody listens any more.
pub(crate) async fn follow(
    mut fence: Fence,
    records: Relist,
    changes: mpsc::Sender<Change>,
    health: Health,
) {
    let mut told = false;
    loop {
        let leads = fence.leads();
        if leads && !told && !listed(&mut fence, &records).await {
            continue;
        }
        if leads != told {
            tracing::info!(leads, "leadership changed");
            health.lead(leads);
            if changes.send(Change::Lead(leads)).await.is_err() {
                return;
            }
            told = leads;
        }
        fence.changed().await;
    }
}

/// True once the records were listed and this process still leads.
async fn listed(fence: &mut Fence, records: &Relist) -> bool {
    let (done, listed) = oneshot::channel();
    if records.send(done).await.is_err() {
        return false;
    }
    let lost = async {
        while fence.leads() {
            fence.changed().await;
        }
    };
    tokio::select! {
        biased;
        () = lost => false,
        done = listed => done.is_ok(),
    }
}
