//! Everything that decide() may know. `apply` is the only mutator.

use crate::change::Change;
use crate::facts::Text;
use crate::moment::{Millis, Moment};
use crate::plan::Effect;

/// What the process was started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// crashLoop.restarts where a policy names none (POD_FAILURE_THRESHOLD).
    pub crash_loop_restarts: u32,
    /// verify.timeout where a step names none (POD_RESTART_TIMEOUT).
    pub verify_timeout: Millis,
    /// The namespace that the operator itself runs in: nothing there is ever a target.
    pub own_namespace: Text,
}

/// Everything that decide() may know.
pub struct World {
    settings: Settings,
}

impl World {
    /// An empty world: nothing is synced, nobody leads.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes in one change at the given time; true where it may alter a decision.
    pub fn apply(&mut self, _change: Change, _now: Moment) -> bool {
        let _ = &self.settings;
        true
    }

    /// An effect of the newest plan is being started: its target is in flight from now on.
    pub fn begin(&mut self, _effect: &Effect, _now: Moment) {}
}
