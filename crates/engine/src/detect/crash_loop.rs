//! `crashLoop`: a container that keeps ending soon after it starts.
//!
//! `CrashLoopBackOff` itself is visible for 1 % to 20 % of a loop, so it is no signal. Counted per
//! container: init containers and sidecars have their own counts.

use std::collections::BTreeMap;

use kubemend_api::Duration;
use kubemend_api::triggers::CrashLoop;

use super::{DEFAULT_WINDOW, Detect, Sight, clamped, restarts_since};
use crate::episode::Episode;
use crate::facts::{Container, Termination};
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

fn window(parameters: &CrashLoop) -> Millis {
    parameters
        .window
        .as_ref()
        .map_or(DEFAULT_WINDOW, Duration::as_millis)
}

fn restarts(parameters: &CrashLoop, settings: &Settings) -> u32 {
    parameters.restarts.unwrap_or(settings.crash_loop_restarts)
}

/// The newest end, if it was a crash: recent, and after a run too short to be a life.
fn crash(one: &Container, window: Millis, now: Moment) -> Option<&Termination> {
    let end = one.abnormal()?;
    let recent = now.since(end.finished?) <= window;
    let short = end.run().is_none_or(|run| run < window);
    (recent && short).then_some(end)
}

/// Below the threshold: how many of how many, and until when they count.
fn absent(most: u32, threshold: u32, until: Option<Moment>) -> Sight {
    let until = until.map_or_else(String::new, |at| format!(", counted until {at}"));
    Sight::Absent {
        why: format!("crashLoop: {most} of {threshold} restarts{until}"),
        near: !until.is_empty(),
        again: None,
    }
}

impl Detect for CrashLoop {
    fn look(&self, view: &View<'_>, settings: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let (window, threshold) = (window(self), restarts(self, settings));
        let healthy_at = relapse_of.and_then(|episode| episode.state.healthy_at);
        let (mut since, mut most, mut newest) = (None::<Moment>, 0, None::<Moment>);
        for one in view.current() {
            let pod = one.facts();
            for container in &pod.containers {
                let Some(end) = crash(container, window, view.now) else {
                    continue;
                };
                let finished = end.finished.unwrap_or(view.now);
                if healthy_at.is_some_and(|at| finished <= at) {
                    continue;
                }
                let restarts = restarts_since(pod, container, relapse_of);
                most = most.max(restarts);
                newest = newest.max(Some(finished));
                if restarts >= threshold {
                    let began = one.pod.failing_since().unwrap_or(finished);
                    let began = clamped(began, pod.created, view.now);
                    since = Some(since.map_or(began, |since| since.min(began)));
                }
            }
        }
        since.map_or_else(
            || absent(most, threshold, newest.map(|at| at.plus(window))),
            Sight::Present,
        )
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        let window = window(self);
        one.facts()
            .containers
            .iter()
            .any(|one| crash(one, window, now).is_some())
    }

    fn thresholds(&self, settings: &Settings) -> BTreeMap<String, String> {
        let window = self
            .window
            .clone()
            .unwrap_or_else(|| Duration::from_millis(DEFAULT_WINDOW));
        [
            ("restarts".to_owned(), restarts(self, settings).to_string()),
            ("window".to_owned(), window.to_string()),
        ]
        .into()
    }
}
