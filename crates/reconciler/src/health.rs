//! How the operator itself is: what `/healthz` and `/readyz` say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubemend_engine::Source;
use kubemend_engine::world::FRESH_FOR;
use tokio::time::Instant;

/// A view that is older no longer counts: the engine's own bound, so that what `/readyz` says is what
/// keeps the engine from acting.
const STALE: Duration = Duration::from_millis(FRESH_FOR.unsigned_abs());

/// The round's heart beats every five seconds at least; twelve missed beats are no coincidence.
const DEAD: Duration = Duration::from_mins(1);

/// Shared by the watches, the round and the admin server; clones see the same state.
#[derive(Clone, Debug)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    beat: Instant,
    leads: bool,
    sources: BTreeMap<Source, View>,
}

/// How the view of one collection is.
#[derive(Clone, Debug, Default)]
struct View {
    synced: bool,
    fresh: Option<Instant>,
    trouble: Option<&'static str>,
    /// It was said to be stale.
    told: bool,
}

impl View {
    /// How old the view is, where it was complete once and is too old now.
    fn stale(&self) -> Option<Duration> {
        let age = self.fresh?.elapsed();
        (self.synced && age >= STALE).then_some(age)
    }
}

impl Default for Health {
    fn default() -> Self {
        let sources = Source::ALL.map(|source| (source, View::default()));
        let state = State {
            beat: Instant::now(),
            leads: false,
            sources: sources.into(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }
}

impl Health {
    /// The round is going on.
    pub fn alive(&self) -> Result<(), String> {
        let silent = self.state().beat.elapsed();
        if silent < DEAD {
            Ok(())
        } else {
            Err(format!("no round for {} s", silent.as_secs()))
        }
    }

    /// Every collection was listed and is being watched.
    pub fn ready(&self) -> Result<(), String> {
        let mut why = String::new();
        let state = self.state();
        for (source, view) in state.sources.iter().filter(|(source, _)| !source.is_hint()) {
            let what = match (view.synced, view.stale()) {
                (true, None) => continue,
                (true, Some(age)) => format!("stale for {} s", age.as_secs()),
                (false, _) => "not listed yet".to_owned(),
            };
            // Writing into a String cannot fail.
            let _ = writeln!(
                why,
                "{}: {what} {}",
                source.plural(),
                view.trouble.unwrap_or("")
            );
        }
        if why.is_empty() { Ok(()) } else { Err(why) }
    }

    /// Does this process hold the lease and act?
    pub fn leads(&self) -> bool {
        self.state().leads
    }

    /// The age of each view that was ever complete.
    pub fn ages(&self) -> Vec<(Source, Duration)> {
        let state = self.state();
        let ages = state.sources.iter();
        ages.filter_map(|(source, view)| Some((*source, view.fresh?.elapsed())))
            .collect()
    }

    /// Says once that a view has become stale, and once that it is fresh again.
    pub(crate) fn tell(&self) {
        for (source, view) in &mut self.state().sources {
            let stale = view.stale();
            let hint = source.is_hint();
            let source = source.plural();
            match stale {
                Some(_) if hint && !view.told => {
                    let why = view.trouble.unwrap_or("silence");
                    tracing::warn!(
                        source,
                        why,
                        "not watched now: triggers that look at events may miss some"
                    );
                }
                Some(age) if !view.told => {
                    let (age, why) = (age.as_secs(), view.trouble.unwrap_or("silence"));
                    tracing::warn!(source, age, why, "blind: this view is stale, nothing acts");
                }
                None if view.told => tracing::info!(source, "this view is fresh again"),
                _ => {}
            }
            view.told = stale.is_some();
        }
    }

    pub(crate) fn beat(&self) {
        self.state().beat = Instant::now();
    }

    pub(crate) fn lead(&self, leads: bool) {
        self.state().leads = leads;
    }

    pub(crate) fn synced(&self, source: Source) {
        let mut state = self.state();
        let view = state.sources.entry(source).or_default();
        (view.synced, view.fresh, view.trouble) = (true, Some(Instant::now()), None);
    }

    /// The cluster does not know the kind, which is believed for so long.
    pub(crate) fn absent(&self, source: Source, believed: Duration) {
        let mut state = self.state();
        let view = state.sources.entry(source).or_default();
        let fresh = Some(Instant::now() + believed);
        (view.synced, view.fresh, view.trouble) = (true, fresh, None);
    }

    pub(crate) fn fresh(&self, source: Source) {
        let mut state = self.state();
        let view = state.sources.entry(source).or_default();
        (view.fresh, view.trouble) = (Some(Instant::now()), None);
    }

    /// Notes what is wrong with a watch; true where it was something else before.
    pub(crate) fn trouble(&self, source: Source, label: &'static str) -> bool {
        let mut state = self.state();
        let view = state.sources.entry(source).or_default();
        view.trouble.replace(label) != Some(label)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the state half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
