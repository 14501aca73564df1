//! Verification, stricter than detection: what an act came to.

mod job;
mod resized;

use kubemend_api::actions::ActionName;
use kubemend_api::targets::WorkloadKind;

use crate::action;
use crate::detect::Detect;
use crate::episode::{Attempt, Episode};
use crate::facts::{Phase, Termination};
use crate::health;
use crate::moment::{Millis, Moment};
use crate::policy::Step;
use crate::source::Source;
use crate::view::{PodView, View};

/// What an act has come to so far.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It cannot be told yet; look again then.
    Wait(Moment),
    /// Well since then, for the whole stable stretch.
    Recovered(Moment),
    /// The successors are well, or nothing makes any; other pods still fail.
    Partial,
    /// The symptom came back, or did not go in time.
    NotRecovered(String),
    /// No data.
    Inconclusive(String),
}

/// Judges an attempt that has acted, on the pods that it answers for.
pub fn judge(
    view: &View<'_>,
    episode: &Episode,
    attempt: &Attempt,
    step: &Step,
    detector: &dyn Detect,
) -> Verdict {
    let acted_at = match job::ended(view, attempt, step) {
        Ok(at) => at,
        Err(verdict) => return verdict,
    };
    let deadline = acted_at.plus(step.timeout);
    let judged: Vec<_> = view
        .pods
        .iter()
        .filter(|one| answers_for(one, view, episode, attempt))
        .copied()
        .collect();
    if let Some(message) = judged
        .iter()
        .find_map(|one| relapse(one, attempt, acted_at))
    {
        return Verdict::NotRecovered(message);
    }
    if let Some(message) = resized::never(&judged, attempt) {
        return Verdict::NotRecovered(message);
    }
    let stretch = health::stretch(view, Some(episode), Some(step));
    let unreadable = view.world.unreadable_of(view.workload);
    if !unreadable.is_empty() {
        return if view.now > deadline {
            Verdict::Inconclusive(format!("{} cannot be read", unreadable.join(", ")))
        } else {
            Verdict::Wait(deadline.plus(1))
        };
    }
    // The controller waits for these, so there is nothing to wait for here.
    if attempt.action == ActionName::Rollback
        && !action::left_behind(view, episode, stretch).is_empty()
    {
        return Verdict::Partial;
    }
    let back = are_back(view, attempt, &judged);
    let waits = resized::waits(&judged, episode, attempt);
    let late = || {
        let why = waits.clone();
        Verdict::NotRecovered(why.unwrap_or_else(|| late_message(view, step, back)))
    };
    // What it removes may have had its successors long before.
    let none_needed = attempt.action == ActionName::DeletePod && judged.is_empty();
    let well = none_needed
        .then_some(acted_at)
        .or_else(|| all_well(&judged).filter(|_| back))
        .filter(|_| waits.is_none());
    let Some(judged_since) = well else {
        return if view.now > deadline {
            late()
        } else {
            Verdict::Wait(deadline.plus(1))
        };
    };
    let settled = judged_since.max(acted_at).plus(stretch);
    if let Some(since) = health::since_without(view, detector) {
        let healthy_at = since.max(attempt.intent_at);
        if healthy_at > deadline {
            return late();
        }
        let stable = healthy_at.plus(stretch);
        return if view.now >= stable {
            Verdict::Recovered(healthy_at)
        } else {
            Verdict::Wait(stable)
        };
    }
    if leaves_behind(view, episode, attempt, detector, stretch) {
        return if view.now >= settled {
            Verdict::Partial
        } else {
            Verdict::Wait(settled)
        };
    }
    if view.now > deadline {
        late()
    } else {
        Verdict::Wait(deadline.plus(1))
    }
}

/// An owner of a kind that is not watched does not say how many pods it wants: as many as were taken away.
fn are_back(view: &View<'_>, attempt: &Attempt, judged: &[PodView<'_>]) -> bool {
    view.key.kind != WorkloadKind::Pod
        || attempt.action == ActionName::DeletePod
        || judged.len() >= attempt.units() as usize
}

/// Pods that the act could not name yet, and that another intent would: it went one by one.
fn leaves_behind(
    view: &View<'_>,
    episode: &Episode,
    attempt: &Attempt,
    detector: &dyn Detect,
    stretch: Millis,
) -> bool {
    match attempt.action {
        ActionName::RestartPod | ActionName::ResizeMemory => {
            let mut others = view
                .pods
                .iter()
                .filter(|one| !answers_for(one, view, episode, attempt));
            others.any(|one| {
                health::is_failing(one, stretch, view.now) || detector.shows(one, view.now)
            })
        }
        ActionName::DeletePod => {
            let shown = detector.pods(view).iter();
            let mut shown = shown.filter(|one| detector.shows(one, view.now));
            shown.any(|one| one.facts().has_ended())
        }
        ActionName::RestartWorkload
        | ActionName::Scale
        | ActionName::Rollback
        | ActionName::EscalateToNode
        | ActionName::Job
        | ActionName::Wait => false,
    }
}

/// Whether a pod is one that the act answers for.
fn answers_for(one: &PodView<'_>, view: &View<'_>, episode: &Episode, attempt: &Attempt) -> bool {
    match attempt.action {
        // Creation times are whole seconds: a pod of the intent's own second is its successor.
        ActionName::RestartPod | ActionName::RestartWorkload | ActionName::DeletePod => {
            one.facts().created.plus(999) >= attempt.intent_at
                && !attempt
                    .requests
                    .iter()
                    .any(|request| one.facts().uid == request.uid)
        }
        // Those of earlier attempts still show the kills that were answered then.
        ActionName::ResizeMemory => episode
            .resized()
            .any(|(_, request, _)| one.facts().uid == request.uid),
        ActionName::Wait | ActionName::EscalateToNode | ActionName::Job => true,
        ActionName::Scale => one.hash.is_none_or(|hash| *hash == view.workload.hash),
        // The episode is bound to the template that came back.
        ActionName::Rollback => one.hash.is_some_and(|hash| *hash == view.workload.hash),
    }
}

/// One abnormal end in a judged pod since the act: not recovered, at once.
fn relapse(one: &PodView<'_>, attempt: &Attempt, since: Moment) -> Option<String> {
    let pod = one.facts();
    // What is waited for may fail as before until the time is over.
    if attempt.action == ActionName::Wait {
        return None;
    }
    if matches!(pod.phase, Phase::Failed | Phase::Unknown) {
        return Some(format!("pod {} is in phase {:?}", pod.name.name, pod.phase));
    }
    // A pod that the act made can only have crashed after it; of one that was there before, object
    // times have whole seconds, so an end within the act's own second may precede it.
    let after = |end: &Termination| match attempt.action {
        ActionName::RestartPod | ActionName::RestartWorkload => true,
        // A run that began before had the limit of before, or what the Job has mended since.
        ActionName::ResizeMemory | ActionName::Job => end.started.is_some_and(|at| at > since),
        ActionName::Scale
        | ActionName::Rollback
        | ActionName::DeletePod
        | ActionName::EscalateToNode
        | ActionName::Wait => pod.created >= since || end.finished.is_some_and(|at| at > since),
    };
    let (container, end) = pod.newest_abnormal().filter(|(_, end)| after(end))?;
    let run = end
        .run()
        .map_or_else(String::new, |run| format!(" after {}s", run / 1000));
    Some(format!(
        "container {} of pod {} ended with exit code {}{run}",
        container.name, pod.name.name, end.exit_code
    ))
}

/// Since when all of these pods are well; `None` while one is not, or while there are none.
fn all_well(pods: &[PodView<'_>]) -> Option<Moment> {
    let since = pods.iter().map(|one| health::pod_since(one));
    since.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn late_message(view: &View<'_>, step: &Step, back: bool) -> String {
    if !back {
        let seconds = step.timeout / 1000;
        return format!("fewer pods came back within {seconds}s than were taken away");
    }
    format!(
        "not well within {}s: {} of {} replicas available, {} updated",
        step.timeout / 1000,
        view.workload.available,
        view.workload.desired,
        view.workload.updated
    )
}

impl crate::world::World {
    /// The pods of a workload's owner chain that could not be read.
    pub(crate) fn unreadable_of(&self, workload: &crate::facts::WorkloadFacts) -> Vec<String> {
        if self.unreadable.is_empty() {
            return Vec::new();
        }
        let revisions: Vec<_> = self
            .revisions_of(&workload.key)
            .map(|one| &one.uid)
            .collect();
        let concerns = |(source, name): &(Source, crate::facts::Name),
                        owner: Option<&crate::facts::Owner>| match source {
            Source::Pods => owner.map_or_else(
                || workload.key.is_bare() && *name == workload.key.as_name(),
                |owner| owner.uid == workload.uid || revisions.contains(&&owner.uid),
            ),
            Source::ReplicaSets | Source::ControllerRevisions => {
                owner.is_some_and(|owner| owner.uid == workload.uid)
            }
            Source::Deployments | Source::StatefulSets | Source::DaemonSets => {
                source.kind() == workload.key.kind.as_str() && *name == workload.key.as_name()
            }
            Source::Namespaces
            | Source::DisruptionBudgets
            | Source::Autoscalers
            | Source::VerticalAutoscalers
            | Source::Rollouts
            | Source::Jobs
            | Source::Nodes
            | Source::Policies
            | Source::ClusterPolicies
            | Source::Strategies
            | Source::ClusterStrategies
            | Source::Config
            | Source::Records
            | Source::Events => false,
        };
        // An owner counts only in its own namespace.
        self.unreadable
            .iter()
            .filter(|((_, name), _)| name.namespace == workload.key.namespace)
            .filter(|(key, one)| concerns(key, one.owner.as_ref()))
            .map(|((source, name), _)| format!("{}/{}", source.kind(), name.name))
            .collect()
    }
}
