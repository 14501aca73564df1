//! The cluster, the processes that heal it, and the judge who watches over them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubemend_sim::toy::{self, Toy};
use kubemend_sim::{Server, Settings};
use tokio::time::sleep;

use crate::judge::Judge;
use crate::manifests;
use crate::process::Process;

/// A toy cluster with processes of the operator in numbered places.
pub struct Stage {
    /// The fake API server.
    pub server: Server,
    /// Watches over every write.
    pub judge: Judge,
    _toy: Toy,
    places: Mutex<Vec<Place>>,
}

#[derive(Default)]
struct Place {
    lives: u32,
    process: Option<Process>,
}

impl Stage {
    /// A cluster with the namespaces and the configuration, without a process yet.
    pub fn new(settings: Settings) -> Self {
        let lag = settings.watch_lag + 2 * settings.request_lag;
        let server = Server::new(settings);
        let judge = Judge::over(&server, lag);
        let toy = Toy::start(&server, toy::Settings::default());
        for name in ["shop", "bank", "kube-system"] {
            server.put(manifests::namespace(name));
        }
        server.put(manifests::node());
        server.put(manifests::config());
        server.put(manifests::strategy());
        Self {
            server,
            judge,
            _toy: toy,
            places: Mutex::default(),
        }
    }

    /// A new process in a place; the one that was there is killed.
    pub fn start(&self, at: usize) {
        let mut places = self.places();
        if places.len() <= at {
            places.resize_with(at + 1, Place::default);
        }
        let place = &mut places[at];
        place.lives += 1;
        place.process = None;
        place.process = Some(Process::start(&self.server, at, place.lives));
    }

    /// Kills the process in a place; another one takes its place a moment later.
    pub async fn succeed(&self, at: usize) {
        if let Some(place) = self.places().get_mut(at) {
            place.process = None;
        }
        sleep(Duration::from_secs(1)).await;
        self.start(at);
    }

    /// The name of the process in a place.
    pub fn identity(&self, at: usize) -> String {
        let places = self.places();
        let process = places.get(at).and_then(|place| place.process.as_ref());
        process.map_or_else(String::new, |process| process.identity.clone())
    }

    /// A process that ended by itself.
    pub(crate) fn ended(&self) -> Option<String> {
        let places = self.places();
        let mut all = places.iter().filter_map(|place| place.process.as_ref());
        all.find(|process| process.has_ended())
            .map(|process| process.identity.clone())
    }

    /// What the processes say of their readiness, where they are not ready.
    pub(crate) fn blind(&self) -> Vec<String> {
        let places = self.places();
        let all = places.iter().filter_map(|place| place.process.as_ref());
        all.filter_map(|process| process.health.ready().err())
            .collect()
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
