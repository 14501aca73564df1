//! A container through time: starts, exits, and the kubelet's waits between them.

use std::time::Duration;

use serde_json::Value;

use super::{Settings, earliest, meta::text, program::Program};

/// The first wait of a crash loop; the real kubelet's.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The kubelet looks for exited containers once a second.
const RELIST: Duration = Duration::from_secs(1);

/// One pod's container; all moments count from the server's start.
pub(super) struct Run {
    pub(super) state: State,
    pub(super) restarts: u64,
    /// The exit before the present run.
    pub(super) last: Option<Exit>,
    /// When its state, or what shows of it, changes next.
    pub(super) due: Option<Duration>,
    /// The pod's version that shows this run as it is.
    pub(super) shown: Option<String>,
    /// The next wait, and when it was last raised.
    backoff: Option<(Duration, Duration)>,
}

/// How a run ended.
#[derive(Clone)]
pub(super) struct Exit {
    pub(super) started: Duration,
    pub(super) finished: Duration,
    pub(super) code: i64,
    pub(super) oom: bool,
}

/// Where the container is.
pub(super) enum State {
    Starting {
        at: Duration,
    },
    Pulling,
    Running {
        since: Duration,
        ready: Option<Duration>,
        exit: Option<Duration>,
    },
    Down {
        exit: Exit,
        restart: Duration,
        wait: Duration,
        waits_from: Duration,
    },
    Over {
        exit: Exit,
    },
}

impl Run {
    pub(super) fn new(start: Duration) -> Self {
        let state = State::Starting { at: start };
        Self {
            state,
            restarts: 0,
            last: None,
            due: Some(start),
            shown: None,
            backoff: None,
        }
    }

    /// Is there nothing to do and nothing to show?
    pub(super) fn rests(&self, version: &str, now: Duration) -> bool {
        self.shown.as_deref() == Some(version) && self.due.is_none_or(|due| due > now)
    }

    fn next(&self, now: Duration) -> Option<Duration> {
        let later = |moment: Duration| Some(moment).filter(|at| *at > now);
        match &self.state {
            State::Starting { at } => later(*at),
            State::Running { ready, exit, .. } => {
                earliest(ready.and_then(later), exit.and_then(later))
            }
            State::Down {
                restart,
                waits_from,
                ..
            } => earliest(later(*restart), later(*waits_from)),
            State::Pulling | State::Over { .. } => None,
        }
    }

    /// Go to where it should be now.
    pub(super) fn advance(
        &mut self,
        pod: &Value,
        program: &Program,
        settings: &Settings,
        now: Duration,
    ) {
        while self.step(pod, program, settings, now) {}
        self.due = self.next(now);
    }

    /// Go on by one state; `false` at the present.
    fn step(&mut self, pod: &Value, program: &Program, settings: &Settings, now: Duration) -> bool {
        match &self.state {
            State::Starting { at } if *at <= now => {
                if program.has_image {
                    self.start(pod, program, *at);
                } else {
                    self.state = State::Pulling;
                }
            }
            State::Pulling if program.has_image => self.start(pod, program, now),
            State::Running {
                since,
                exit: Some(finished),
                ..
            } if *finished <= now => {
                let (started, finished) = (*since, *finished);
                let exit = Exit {
                    started,
                    finished,
                    code: program.code,
                    oom: program.oom,
                };
                self.exit(pod, exit, settings);
            }
            State::Down { exit, restart, .. } if *restart <= now => {
                let at = *restart;
                self.last = Some(exit.clone());
                self.restarts += 1;
                self.start(pod, program, at);
            }
            _ => return false,
        }
        true
    }

    fn start(&mut self, pod: &Value, program: &Program, at: Duration) {
        // A program of no length would never let time pass.
        let tick = Duration::from_millis(1);
        let exit = program
            .exit(pod, self.restarts)
            .map(|after| at + after.max(tick));
        let ready = program.ready_after.map(|after| at + after);
        self.state = State::Running {
            since: at,
            ready,
            exit,
        };
    }

    /// The kubelet's rule: the first restart comes at once; each later one waits, counted from the
    /// exit, twice as long as the one before; a long enough run forgets all that.
    fn exit(&mut self, pod: &Value, exit: Exit, settings: &Settings) {
        let policy = text(&pod["spec"], "restartPolicy");
        if policy == "Never" || policy == "OnFailure" && exit.code == 0 {
            self.state = State::Over { exit };
            return;
        }
        let (finished, cap) = (exit.finished, settings.backoff_cap);
        let forgotten = |raised: Duration| finished.saturating_sub(raised) > cap * 2;
        let (wait, next) = match self.backoff {
            Some((wait, raised)) if !forgotten(raised) => (wait, (wait * 2).min(cap)),
            _ => (Duration::ZERO, FIRST_WAIT.min(cap)),
        };
        let restart = finished + wait + RELIST;
        self.backoff = Some((next, restart));
        // In a short wait, `CrashLoopBackOff` never shows.
        let waits_from = (finished + settings.terminated_for).min(restart);
        self.state = State::Down {
            exit,
            restart,
            wait,
            waits_from,
        };
    }
}
