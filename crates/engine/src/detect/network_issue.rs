//! `networkIssue`: a pod whose node cannot make its network or has none itself, or that runs and whose probes get no answer.
//!
//! These are states of the pod or of its node, told with their age by its conditions and by local observation; only an event says
//! that the network is behind them. A volume that is not attached leaves a pod without network too, and an app that
//! answers badly fails its probes as well: neither is this.

use std::collections::BTreeMap;

use kubemend_api::triggers::{ConditionStatus, NetworkIssue, Probe};

use super::state::{self, Lasting};
use super::{Detect, Sight, clamped, unheard};
use crate::episode::Episode;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::{Hint, Settings};

/// networkIssue.for where it is absent: a probe has failed three times before a pod is not ready, which takes
/// another half minute by default.
const DEFAULT_WAIT: Millis = 30_000;

/// An event says for so long why a state is there. What goes on makes events all the time, but of more than 25 the
/// kubelet sends one in five minutes only; one may be lost.
const EVIDENCE: Millis = 600_000;

/// What the CRI could not make a sandbox for: its network, as a rule.
const NO_SANDBOX: &str = "FailedCreatePodSandBox";
/// A probe failed; the message says whether anybody answered.
const UNHEALTHY: &str = "Unhealthy";

fn told<'a>(one: &PodView<'a>, reason: &str) -> Option<&'a Hint> {
    one.told.iter().find(|hint| *hint.reason == *reason)
}

fn lately(at: Option<Moment>, now: Moment) -> bool {
    at.is_some_and(|at| now.since(at) <= EVIDENCE)
}

/// Since when its node has failed to make the pod's network.
fn without_sandbox(one: &PodView<'_>, now: Moment) -> Option<Moment> {
    let pod = one.facts();
    let missing = pod
        .condition("PodReadyToStartContainers")
        .filter(|one| one.status == ConditionStatus::False && !pod.has_ended())?;
    let failed = told(one, NO_SANDBOX)?.times.last().copied();
    lately(failed, now).then(|| missing.since.unwrap_or(pod.created))
}

/// Since when the pod has run and its probes have found nobody. Where a probe is refused, somebody is there and
/// nobody listens: that is the network only if another pod of the same template shows that the program does listen.
/// A container that the kubelet kills for it never gets as far as that.
fn without_answer(one: &PodView<'_>, another_is_ready: bool, now: Moment) -> Option<Moment> {
    let hint = told(one, UNHEALTHY)?;
    let silent = lately(hint.silent, now);
    let refused = another_is_ready && lately(hint.refused, now);
    let trouble = one.pod.trouble()?;
    if let Some(unready) = trouble.unready.filter(|_| silent || refused) {
        return Some(unready);
    }
    let probes = [Probe::Liveness, Probe::Startup];
    let kills = one.facts().containers.iter().flat_map(|container| {
        let ends = probes
            .iter()
            .filter_map(|probe| container.killed_for(*probe));
        ends.map(|end| end.finished)
    });
    let killed = kills.max().flatten();
    trouble
        .failing_since
        .filter(|_| silent && lately(killed, now))
}

/// Since when it is not ready on a node whose network is not set up; nothing else has to be told of it.
fn on_a_node_without(one: &PodView<'_>) -> Option<Moment> {
    let node = one.node?.without_network?;
    let pod = one.facts();
    let changed = pod.ready_changed.unwrap_or(pod.created);
    // Its own network is there, and it may be what makes that of the others.
    let apart = pod.clue().is_some_and(|clue| clue.host_network);
    (!apart && !pod.ready && !pod.has_ended()).then(|| node.max(changed))
}

fn since(one: &PodView<'_>, another_is_ready: bool, now: Moment) -> Option<Moment> {
    let since = on_a_node_without(one)
        .or_else(|| without_sandbox(one, now))
        .or_else(|| without_answer(one, another_is_ready, now))?;
    Some(clamped(since, one.facts().created, now))
}

impl Detect for NetworkIssue {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let lasting = Lasting {
            what: format!("networkIssue{}", unheard(view)),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        let ready = view.current().any(|one| one.facts().ready);
        let began = view.current().filter_map(|one| since(one, ready, view.now));
        lasting.judge(view, began)
    }

    fn hears(&self) -> Vec<&str> {
        vec![NO_SANDBOX, UNHEALTHY]
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        since(one, true, now).is_some()
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        state::thresholds(state::wait(self.lasting.as_ref(), DEFAULT_WAIT))
    }
}
