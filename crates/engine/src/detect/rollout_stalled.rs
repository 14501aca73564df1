//! `rolloutStalled`: a rollout that no longer moves.
//!
//! A Deployment says so itself, but only during a rollout and never while it is paused; that it may not
//! create pods (a quota, an admission) is a condition of its own. A StatefulSet and a DaemonSet have no deadline: theirs
//! is that nothing has moved. Rollouts by hand (OnDelete, a partition) wait for a person.

use std::collections::BTreeMap;

use kubemend_api::targets::WorkloadKind;
use kubemend_api::triggers::{ConditionStatus, RolloutStalled};

use super::state::{self, Lasting};
use super::{Detect, Sight, clamped};
use crate::episode::Episode;
use crate::facts::Updates;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// rolloutStalled.for where it is absent: the default of a Deployment's own deadline.
const DEFAULT_WAIT: Millis = 600_000;

/// Since when a Deployment has said that its rollout is over its deadline.
fn over_deadline(view: &View<'_>) -> Option<Moment> {
    let progressing = view.workload.condition("Progressing")?;
    let stalled = progressing.status == ConditionStatus::False && !view.workload.paused;
    stalled.then(|| told(view, progressing.since))
}

/// Since when it has not been allowed to create pods.
fn forbidden(view: &View<'_>) -> Option<Moment> {
    let failure = view.workload.condition("ReplicaFailure")?;
    (failure.status == ConditionStatus::True).then(|| told(view, failure.since))
}

fn told(view: &View<'_>, since: Option<Moment>) -> Moment {
    clamped(since.unwrap_or(view.now), view.workload.created, view.now)
}

/// Since when the rollout of a StatefulSet or DaemonSet has not moved.
fn unmoved(view: &View<'_>) -> Option<Moment> {
    let workload = view.workload;
    let by_itself = workload.updates != Updates::ByHand && workload.observed;
    let seen = view.world.workload(&view.key)?;
    // A rollout back to the revision that most pods have is none for a StatefulSet's status.
    let rolling = workload.rolling || view.blocking().next().is_some();
    (by_itself && rolling).then_some(seen.progress.moved)
}

impl Detect for RolloutStalled {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        if view.key.kind == WorkloadKind::Pod {
            return Sight::nothing("rolloutStalled: pods without a workload have no rollout");
        }
        let wait = state::wait(self.lasting.as_ref(), DEFAULT_WAIT);
        let lasting = |what: &str, wait| Lasting {
            what: format!("rolloutStalled: {what}"),
            wait,
            relapse_of,
        };
        if view.key.kind != WorkloadKind::Deployment {
            return lasting("not moving", wait).judge(view, unmoved(view).into_iter());
        }
        if !view.workload.observed {
            return Sight::nothing("rolloutStalled: its controller has not seen the newest spec");
        }
        let late = lasting("over its deadline", 0).judge(view, over_deadline(view).into_iter());
        if matches!(late, Sight::Present(_)) {
            return late;
        }
        lasting("may not create pods", wait).judge(view, forbidden(view).into_iter())
    }

    fn lies_in_pods(&self, _: &View<'_>) -> bool {
        false
    }

    fn shows(&self, one: &PodView<'_>, _: Moment) -> bool {
        !one.facts().ready
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        state::thresholds(state::wait(self.lasting.as_ref(), DEFAULT_WAIT))
    }
}
