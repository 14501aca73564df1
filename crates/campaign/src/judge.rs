//! Sees every write as it is applied, and says which invariant it breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubemend_sim::{Entry, Objects, Server, WriteEvent};

use crate::manifests::KINDS;
use crate::process::PREFIX;
use crate::truth;
use crate::{acts, records};

/// A recorded act is never sent later than this after its intent.
pub(crate) const NOT_AFTER: Duration = Duration::from_secs(30);
/// How long a view may be silent before nothing acts on it.
pub(crate) const FRESH: Duration = Duration::from_secs(25);
/// A restarted watch has everything again well within this.
const MENDED: Duration = Duration::from_secs(45);

/// An invariant, and how it was broken.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The invariant's name, as in `S2 budget`.
    pub rule: &'static str,
    /// When, since the start.
    pub at: Duration,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} broken at {:.3}s: {}",
            self.rule,
            self.at.as_secs_f64(),
            self.what
        )
    }
}

/// How an invariant was broken, before anybody knows when.
pub(crate) type Broken = (&'static str, String);

/// An act that had an effect.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) at: Duration,
    /// What was done to which workload, as in `Evict app0`.
    pub(crate) what: String,
    pub(crate) namespace: String,
    pub(crate) policy: String,
    /// It takes back a scale, which no budget counts.
    pub(crate) undo: bool,
}

/// What the judge knows.
pub(crate) struct State {
    /// How late news may be without any fault.
    pub(crate) lag: Duration,
    pub(crate) acts: Vec<Act>,
    /// What each recorded request did already: record, attempt, object.
    pub(crate) effects: BTreeSet<(String, usize, String)>,
    /// Since when nothing may act.
    pub(crate) stopped: Option<Duration>,
    /// Since when no policy enforces over a workload that one enforced over before.
    pub(crate) unenforced: BTreeMap<(String, String, String), Duration>,
    /// Since when an autoscaler or a `GitOps` controller owns a workload.
    pub(crate) owned: BTreeMap<(String, String), Duration>,
    /// The highest number of acts per hour that each policy ever had.
    pub(crate) allowed: BTreeMap<String, u64>,
    /// Since when a view is frozen.
    pub(crate) frozen: BTreeMap<&'static str, Duration>,
    /// Until when faults may delay what the operator hears.
    troubled: Duration,
    /// The API server's clock was wrong once, so that times on objects prove nothing.
    pub(crate) stepped: bool,
    /// Writes of the operator that decide something: records, marks and acts.
    pub(crate) writes: u64,
    /// Acts and writes of records that are more than a new reason to wait: a crash loop that has to
    /// wait runs now and then, and its record says so.
    pub(crate) moves: u64,
    pub(crate) episodes: u64,
    violation: Option<Violation>,
}

impl State {
    /// How long after a change the operator may still act as if it had not happened.
    pub(crate) fn grace(&self, now: Duration) -> Duration {
        let calm = self.lag + Duration::from_secs(2);
        if now < self.troubled + MENDED || !self.frozen.is_empty() {
            calm + NOT_AFTER + MENDED
        } else {
            calm
        }
    }
}

/// The judge; clones are the same one.
#[derive(Clone)]
pub struct Judge {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Judge {
    /// Watches over a server on which news is at most `lag` late.
    pub(crate) fn over(server: &Server, lag: Duration) -> Self {
        let state = State {
            lag,
            acts: Vec::new(),
            effects: BTreeSet::new(),
            stopped: None,
            unenforced: BTreeMap::new(),
            owned: BTreeMap::new(),
            allowed: BTreeMap::new(),
            frozen: BTreeMap::new(),
            troubled: Duration::ZERO,
            stepped: false,
            writes: 0,
            moves: 0,
            episodes: 0,
            violation: None,
        };
        let judge = Self {
            server: server.clone(),
            state: Arc::new(Mutex::new(state)),
        };
        let state = judge.state.clone();
        server.on_applied(move |entry, events, objects| {
            applied(&mut lock(&state), entry, events, objects);
        });
        let state = judge.state.clone();
        server.on_write(move |event, objects| happened(&mut lock(&state), event, objects));
        judge
    }

    /// Faults begin now and last so long.
    pub(crate) fn trouble(&self, time: Duration) {
        let until = self.server.elapsed() + time;
        let mut state = lock(&self.state);
        state.troubled = state.troubled.max(until);
    }

    pub(crate) fn clock_stepped(&self) {
        lock(&self.state).stepped = true;
    }

    pub(crate) fn frozen(&self, plural: &'static str, time: Duration) {
        self.trouble(time);
        let now = self.server.elapsed();
        lock(&self.state).frozen.entry(plural).or_insert(now);
    }

    pub(crate) fn thawed(&self, plural: &'static str) {
        lock(&self.state).frozen.remove(plural);
    }

    /// The first invariant that was broken.
    pub fn violation(&self) -> Option<Violation> {
        lock(&self.state).violation.clone()
    }

    /// Notes what is broken now, unless something was before.
    pub(crate) fn accuse(&self, (rule, what): Broken) {
        let at = self.server.elapsed();
        lock(&self.state)
            .violation
            .get_or_insert(Violation { rule, at, what });
    }

    /// What was done, and how often.
    pub(crate) fn acts(&self) -> BTreeMap<String, usize> {
        let mut acts = BTreeMap::new();
        for act in &lock(&self.state).acts {
            *acts.entry(act.what.clone()).or_default() += 1;
        }
        acts
    }

    /// What happened in records and by acts so far.
    pub(crate) fn moves(&self) -> u64 {
        let state = lock(&self.state);
        state.moves + state.acts.len() as u64
    }

    /// Writes of the operator so far, acts among them, and episodes.
    pub fn counts(&self) -> (u64, u64, u64) {
        let state = lock(&self.state);
        (state.writes, state.acts.len() as u64, state.episodes)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A write of the operator, right after it was applied.
fn applied(state: &mut State, entry: &Entry, events: &[WriteEvent], objects: &Objects) {
    if !entry.client.starts_with(PREFIX) || entry.resource == "leases" {
        return;
    }
    let judged = match entry.resource {
        "healingevents" => records::judge(state, entry, events, objects),
        "healingpolicies"
        | "clusterhealingpolicies"
        | "healingconfigs"
        | "recoverystrategies"
        | "clusterrecoverystrategies"
            if entry.subresource == "status" =>
        {
            // They mirror how things stand, so they follow a crash loop that nobody heals.
            return;
        }
        _ => acts::judge(state, entry, events, objects),
    };
    state.writes += 1;
    if let (Err((rule, what)), None) = (judged, &state.violation) {
        let what = format!("{what}\n  by {entry}");
        state.violation = Some(Violation {
            rule,
            at: entry.at,
            what,
        });
    }
}

/// Any write, whoever's: keeps what the judgements compare with.
fn happened(state: &mut State, event: &WriteEvent, objects: &Objects) {
    let (kind, at) = (event.key.resource.kind, event.at);
    match kind {
        "HealingConfig" => match (truth::is_stopped(objects), state.stopped) {
            (true, None) => state.stopped = Some(at),
            (false, Some(_)) => state.stopped = None,
            _ => {}
        },
        "HealingPolicy" | "ClusterHealingPolicy" => {
            let reference = format!("{kind}/{}/{}", event.key.namespace, event.key.name);
            let acts = event.object["spec"]["budget"]["actsPerHour"]
                .as_u64()
                .unwrap_or(10);
            let most = state.allowed.entry(reference).or_default();
            *most = (*most).max(acts);
            enforcement(state, at, objects);
        }
        "HorizontalPodAutoscaler" => own(state, event),
        "Deployment" | "StatefulSet" | "DaemonSet" => {
            if !truth::text(
                &event.object,
                "/metadata/annotations/argocd.argoproj.io~1tracking-id",
            )
            .is_empty()
            {
                own(state, event);
            }
            if event.deleted {
                state
                    .owned
                    .remove(&(event.key.namespace.clone(), event.key.name.clone()));
            }
        }
        _ => {}
    }
}

fn own(state: &mut State, event: &WriteEvent) {
    let key = (event.key.namespace.clone(), event.key.name.clone());
    state.owned.entry(key).or_insert(event.at);
}

/// Notes which workloads have lost their last enforcing policy.
fn enforcement(state: &mut State, at: Duration, objects: &Objects) {
    for kind in KINDS {
        for workload in objects.list(kind, "") {
            let (namespace, name) = (
                truth::text(&workload, "/metadata/namespace").to_owned(),
                truth::text(&workload, "/metadata/name").to_owned(),
            );
            let enforced = truth::enforcing(objects, kind, &namespace, &name);
            let key = (kind.to_owned(), namespace, name);
            if enforced {
                state.unenforced.remove(&key);
            } else {
                state.unenforced.entry(key).or_insert(at);
            }
        }
    }
}
