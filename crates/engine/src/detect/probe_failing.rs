//! `probeFailing`: a container that runs and fails its probes.
//!
//! Readiness is judged by how long the pod has not been ready although all its containers have started: an `Unhealthy`
//! event fires below the threshold and says nothing about it. Liveness and startup are judged by the
//! kubelet's own answer, the restart.

use std::collections::BTreeMap;

use kubemend_api::triggers::{Probe, ProbeFailing};

use super::state::{self, Lasting};
use super::{DEFAULT_WINDOW, Detect, Sight, clamped, restarts_since};
use crate::episode::Episode;
use crate::facts::Container;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// probeFailing.for where it is absent.
const DEFAULT_WAIT: Millis = 300_000;
/// probeFailing.kills where it is absent.
const DEFAULT_KILLS: u32 = 3;

fn watches(parameters: &ProbeFailing, probe: Probe) -> bool {
    match &parameters.probes {
        Some(probes) => probes.contains(&probe),
        None => probe != Probe::Startup,
    }
}

/// The newest kill for one of the probes that are watched, if it was lately.
fn killed_at(parameters: &ProbeFailing, one: &Container, now: Moment) -> Option<Moment> {
    let probes = [Probe::Liveness, Probe::Startup];
    let watched = probes.into_iter().filter(|one| watches(parameters, *one));
    let kills = watched.filter_map(|probe| one.killed_for(probe)?.finished);
    kills.max().filter(|at| now.since(*at) <= DEFAULT_WINDOW)
}

impl Detect for ProbeFailing {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let healthy_at = relapse_of.and_then(|one| one.state.healthy_at);
        let threshold = self.kills.unwrap_or(DEFAULT_KILLS);
        let mut most = 0;
        for one in view.current() {
            for container in &one.facts().containers {
                let Some(at) = killed_at(self, container, view.now) else {
                    continue;
                };
                if healthy_at.is_some_and(|healthy| at <= healthy) {
                    continue;
                }
                let restarts = restarts_since(one.facts(), container, relapse_of);
                most = most.max(restarts);
                if restarts >= threshold {
                    let began = one.pod.failing_since().unwrap_or(at);
                    return Sight::Present(clamped(began, one.facts().created, view.now));
                }
            }
        }
        let lasting = Lasting {
            what: format!("probeFailing: {most} of {threshold} kills; readiness"),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        let unready = view
            .current()
            .filter(|_| watches(self, Probe::Readiness))
            .filter_map(|one| one.pod.trouble()?.unready);
        match lasting.judge(view, unready) {
            Sight::Absent { why, near, again } => Sight::Absent {
                why,
                near: near || most > 0,
                again,
            },
            present @ Sight::Present(_) => present,
        }
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        let pod = one.facts();
        let unready = watches(self, Probe::Readiness) && pod.fails_readiness();
        let mut containers = pod.containers.iter();
        unready || containers.any(|one| killed_at(self, one, now).is_some())
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        let wait = state::wait(self.lasting.as_ref(), DEFAULT_WAIT);
        let kills = self.kills.unwrap_or(DEFAULT_KILLS);
        [
            state::threshold(wait),
            ("kills".to_owned(), kills.to_string()),
        ]
        .into()
    }
}
