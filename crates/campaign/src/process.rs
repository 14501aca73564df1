//! One process of the operator: the production reconciler and elector on clients of their own.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kubemend_engine::{Moment, Settings};
use kubemend_operator::lease::{Elector, NAME, NAMESPACE, Times};
use kubemend_reconciler::{Clock, Health, Metrics, Parts};
use kubemend_sim::Server;
use kubemend_status::Fence;
use tokio::task::JoinHandle;

/// Every process's name begins with this; requests carry the name.
pub(crate) const PREFIX: &str = "kubemend-";

/// A running process; it is killed when this is dropped.
pub(crate) struct Process {
    /// Its name, and its identity on the Lease; no two processes have the same.
    pub(crate) identity: String,
    pub(crate) health: Health,
    reconciler: JoinHandle<String>,
    elector: JoinHandle<()>,
}

impl Process {
    /// The `life`-th process in a place.
    pub(crate) fn start(server: &Server, place: usize, life: u32) -> Self {
        let identity = format!("{PREFIX}{place}-{life}");
        // This node's clock is right, whatever the API server's does.
        let elapsed = i64::try_from(server.elapsed().as_millis()).unwrap_or(i64::MAX);
        let began = Moment::from_millis(server.settings().wall.as_millisecond());
        let clock = Clock::starting_at(began.plus(elapsed));
        let (term, fence) = Fence::new();
        let health = Health::default();
        let parts = Parts {
            watch: server.client_as(&identity),
            act: server.client_as(&identity),
            settings: Settings::default(),
            fence,
            clock,
            metrics: Metrics::default(),
            health: health.clone(),
        };
        let leases: Api<Lease> = Api::namespaced(server.client_as(&identity), NAMESPACE);
        let elector = Elector::new(
            leases,
            (NAME, &identity),
            Times::of(Duration::from_secs(15)),
            clock,
            || "Ready".to_owned(),
            term,
        );
        let reconciler = kubemend_reconciler::run(parts, std::future::pending());
        Self {
            identity,
            health,
            reconciler: tokio::spawn(async move { format!("{:?}", reconciler.await) }),
            elector: tokio::spawn(elector.run(std::future::pending())),
        }
    }

    /// How it ended by itself, which no process ever should.
    pub(crate) fn has_ended(&self) -> bool {
        self.reconciler.is_finished() || self.elector.is_finished()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.reconciler.abort();
        self.elector.abort();
    }
}
