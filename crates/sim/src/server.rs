//! The server itself: its settings and state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use tokio::time::sleep_until;

use crate::{
    answer::{self, Answer},
    clock::Clock,
    connection::Connection,
    fault::{Faults, WatchFault},
    objects::{Objects, WriteEvent},
    pulse::{Listener, Pulse},
    read::read,
    refusal::Refusal,
    request::{Request, Verb},
    rng::{Rng, hash},
    trace::{Entry, Trace},
    watch::{OpenWatch, Watch},
    write::write,
};

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where all chance comes from.
    pub seed: u64,
    /// What the wall clock shows at the start.
    pub wall: Timestamp,
    /// A request arrives at most this much later than it was sent.
    pub request_lag: Duration,
    /// A watch frame arrives at most this much later than the write.
    pub watch_lag: Duration,
    /// Time between two bookmarks of a watch.
    pub bookmark_every: Duration,
    /// How long a pod on a node takes to stop; `None`: it is gone at once.
    pub pod_stop: Option<Duration>,
    /// A watch from a forgotten version gets its 410 as an `ERROR` frame, not as an HTTP code.
    pub gone_in_stream: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            wall: "2026-01-01T00:00:00Z".parse().expect("a valid timestamp"),
            request_lag: Duration::ZERO,
            watch_lag: Duration::ZERO,
            bookmark_every: Duration::from_mins(1),
            pod_stop: None,
            gone_in_stream: true,
        }
    }
}

pub(crate) type Hook = Box<dyn FnMut(&WriteEvent, &mut Objects) + Send>;
pub(crate) type Witness = Box<dyn FnMut(&Entry, &[WriteEvent], &Objects) + Send>;

pub(crate) struct State {
    pub(crate) objects: Objects,
    pub(crate) faults: Faults,
    pub(crate) trace: Trace,
    seed: u64,
    /// How often each request was sent.
    asked: BTreeMap<u64, u64>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) watches: BTreeMap<u64, OpenWatch>,
    pub(crate) lags: BTreeMap<String, Duration>,
    /// Connections whose process has crashed.
    pub(crate) crashed: BTreeSet<u64>,
    last_watch: u64,
    last_connection: u64,
}

impl State {
    /// Chance that depends on what is asked and how often it was asked, never on the order in which
    /// requests of one instant happen to arrive.
    pub(crate) fn dice(&mut self, request: &Request) -> Rng {
        let Request {
            client,
            verb,
            resource,
            namespace,
            name,
            ..
        } = request;
        let asked = hash(&format!(
            "{client} {verb} {} {namespace}/{name}",
            resource.plural
        ));
        let nth = self.asked.entry(asked).or_default();
        *nth += 1;
        Rng::new(self.seed ^ asked ^ nth.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    /// Shows an applied write and what it changed to whoever watches over the run.
    fn bear_witness(&mut self, seq: u64, before: u64) {
        if self.witnesses.is_empty() {
            return;
        }
        let Some(entry) = self.trace.get(seq).filter(|entry| entry.applied()) else {
            return;
        };
        let events: Vec<WriteEvent> = self.objects.after(before).cloned().collect();
        for witness in &mut self.witnesses {
            witness(entry, &events, &self.objects);
        }
    }
}

struct Inner {
    settings: Settings,
    state: Mutex<State>,
    pulse: Pulse,
}

/// The fake API server; clones are handles to the same one.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

impl Server {
    /// A server with no objects. Needs a tokio runtime, best with paused time.
    pub fn new(settings: Settings) -> Self {
        let mut rng = Rng::new(settings.seed);
        let names = Rng::new(rng.next_u64());
        let objects = Objects::new(Clock::starting_at(settings.wall), names, settings.pod_stop);
        let state = State {
            objects,
            faults: Faults::default(),
            trace: Trace::default(),
            seed: settings.seed,
            asked: BTreeMap::new(),
            hooks: Vec::new(),
            witnesses: Vec::new(),
            watches: BTreeMap::new(),
            lags: BTreeMap::new(),
            crashed: BTreeSet::new(),
            last_watch: 0,
            last_connection: 0,
        };
        let pulse = Pulse::default();
        let wakes = pulse.listen();
        let server = Self {
            inner: Arc::new(Inner {
                settings,
                state: Mutex::new(state),
                pulse,
            }),
        };
        tokio::spawn(reap(Arc::downgrade(&server.inner), wakes));
        server
    }

    /// A bare service, to put layers between it and a `kube::Client`; stands for a new process.
    pub fn connect(&self, client: &str) -> Connection {
        let id = self.look(|state| {
            state.last_connection += 1;
            state.last_connection
        });
        Connection::new(self.clone(), client, id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked has failed; its siblings may still look.
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Look at the state, or change what no watch shows.
    pub(crate) fn look<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state())
    }

    pub(crate) fn peek<R>(&self, f: impl FnOnce(&Objects) -> R) -> R {
        f(&self.state().objects)
    }

    /// Change the state; hooks see each write, watches wake up.
    pub(crate) fn change<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state();
        let before = state.objects.version();
        let result = f(&mut state);
        let changed = state.objects.version() != before;
        if changed && !state.hooks.is_empty() {
            let events: Vec<WriteEvent> = state.objects.after(before).cloned().collect();
            let mut hooks = std::mem::take(&mut state.hooks);
            for event in &events {
                for hook in &mut hooks {
                    hook(event, &mut state.objects);
                }
            }
            state.hooks = hooks;
        }
        drop(state);
        if changed {
            self.wake();
        }
        result
    }

    pub(crate) fn wake(&self) {
        self.inner.pulse.beat();
    }

    /// Ticks with every write.
    pub(crate) fn pulse(&self) -> Listener {
        self.inner.pulse.listen()
    }

    /// How the server was set up.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn seed(&self) -> u64 {
        self.inner.settings.seed
    }

    pub(crate) fn take_watch_fault(&self, id: u64) -> Option<WatchFault> {
        let State {
            watches, crashed, ..
        } = &mut *self.state();
        let watch = watches.get_mut(&id)?;
        if crashed.contains(&watch.connection) {
            return Some(WatchFault::Freeze);
        }
        match watch.fault {
            Some(WatchFault::Freeze) => watch.fault,
            _ => watch.fault.take(),
        }
    }

    pub(crate) fn watch_closed(&self, id: u64) {
        self.state().watches.remove(&id);
    }

    /// Process a request that has arrived, and answer it.
    pub(crate) fn answer(
        &self,
        request: Request,
        seq: u64,
        connection: u64,
        fault: Option<WatchFault>,
    ) -> Answer {
        let clock = self.peek(|objects| objects.clock.clone());
        if request.verb == Verb::Watch {
            let opened = self.open_watch(request, connection, fault);
            let code = opened.as_ref().map_or_else(|refusal| refusal.code, |_| 200);
            self.look(|state| state.trace.processed(seq, code));
            return match opened {
                Ok(watch) => answer::stream(&clock, watch.into_stream()),
                Err(refusal) => answer::refused(&clock, &refusal),
            };
        }
        let result = self.change(|state| {
            let before = state.objects.version();
            let result = if request.verb.writes() {
                write(&mut state.objects, &request)
            } else {
                read(&state.objects, &request)
            };
            let code = result
                .as_ref()
                .map_or_else(|refusal| refusal.code, |reply| reply.code);
            state.trace.processed(seq, code);
            state.bear_witness(seq, before);
            result
        });
        match result {
            Ok(reply) => answer::json(&clock, reply.code, &reply.body),
            Err(refusal) => answer::refused(&clock, &refusal),
        }
    }

    fn open_watch(
        &self,
        request: Request,
        connection: u64,
        fault: Option<WatchFault>,
    ) -> Result<Watch, Refusal> {
        self.look(|state| {
            state.last_watch += 1;
            let id = state.last_watch;
            let lag = state.lags.get(&*request.client).copied();
            let lag = lag.unwrap_or(self.inner.settings.watch_lag);
            let how = (id, lag, self.inner.settings.gone_in_stream);
            let open = OpenWatch {
                connection,
                request: Arc::new(request.clone()),
                fault,
            };
            let watch = Watch::open(self, &state.objects, request, how)?;
            state.watches.insert(id, open);
            Ok(watch)
        })
    }
}

/// Remove pods whose time to stop has passed, until the server is gone.
async fn reap(server: Weak<Inner>, mut wakes: Listener) {
    while let Some(inner) = server.upgrade() {
        let (next, clock) =
            Server { inner }.change(|state| (state.objects.reap(), state.objects.clock.clone()));
        let due = async {
            match next {
                Some(at) => sleep_until(clock.instant(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = wakes.changed() => if changed.is_err() { return },
            () = due => {}
        }
    }
}
