//! Opening an episode: a threshold is met and nobody answers yet.

use std::collections::BTreeMap;

use kubemend_api::Mode;
use kubemend_api::event::{EventSign, EventStrategy, EventTarget, HealingEventSpec};
use kubemend_api::targets::WorkloadKind;

use crate::cause;
use crate::claim::{self, Answer, Symptom};
use crate::decide::Round;
use crate::detect::{Detect, detector};
use crate::episode::{Episode, Phase, Spent, State};
use crate::facts::{TargetKey, Text};
use crate::gate;
use crate::hold::Hold;
use crate::mode;
use crate::moment::Moment;
use crate::plan::{Effect, Pods};
use crate::policy::{Chain, ChainRef, DEFAULT_RELAPSE_WINDOW, Policy, Rule};
use crate::record_name;
use crate::view::{PodView, View};
use crate::world::World;

/// What a policy sees in a target for which no record is open.
pub(crate) struct Look<'a> {
    view: View<'a>,
    policy: &'a Policy,
    answer: Answer<'a>,
}

impl<'a> Look<'a> {
    /// What that policy's rules in this mode see; `None` where there is nothing to heal.
    fn of(
        world: &'a World,
        key: &TargetKey,
        policy: &'a Policy,
        mode: Mode,
        now: Moment,
    ) -> Option<Self> {
        let view = View::of(world, key, now)?;
        if view.workload.deleting || view.workload.desired == 0 {
            return None;
        }
        let answer = claim::rule(policy, &view, mode, None);
        Some(Self {
            view,
            policy,
            answer,
        })
    }

    /// What an enforcing policy sees, if there is one.
    pub(crate) fn enforcing(world: &'a World, key: &TargetKey, now: Moment) -> Option<Self> {
        let policy = claim::policy(world, key, Mode::Enforce, now)?;
        Self::of(world, key, policy, Mode::Enforce, now)
    }

    /// Since when it fails; now, where it is about to meet its threshold: what many workloads share breaks them at
    /// once, and their thresholds are met one after the other.
    pub(crate) fn fails_since(&self) -> Option<Moment> {
        let now = self.view.now;
        match &self.answer {
            Answer::Rule(_, symptom) => Some(symptom.since.min(now)),
            Answer::None { near, .. } => near.then_some(now),
        }
    }
}

/// Opens an acting episode where an enforcing policy sees a failure; true where that was answered.
pub(crate) fn acting(round: &mut Round<'_>, key: &TargetKey) -> bool {
    let (world, now) = (round.world, round.now);
    // Whether there is a storm was asked of all of them before.
    let look = round.looks.remove(key);
    let look = look.or_else(|| Look::enforcing(world, key, now));
    look.is_some_and(|look| open(round, key, look, false))
}

/// Opens a dry episode where a DryRun policy sees a failure, or shows that every policy over a
/// failing target is suspended.
pub(crate) fn dry(round: &mut Round<'_>, key: &TargetKey) {
    let (world, now) = (round.world, round.now);
    if let Some(policy) = claim::policy(world, key, Mode::DryRun, now) {
        if let Some(look) = Look::of(world, key, policy, Mode::DryRun, now) {
            open(round, key, look, true);
        }
        return;
    }
    if world.open_record(key, false).is_some() {
        return;
    }
    let Some(policy) = claim::policy(world, key, Mode::Suspended, now) else {
        return;
    };
    // Who enforces answers for the target; only its own rules that are suspended are not heard.
    let enforcing = claim::policy(world, key, Mode::Enforce, now);
    if enforcing.is_some_and(|one| one.id != policy.id) {
        return;
    }
    let Some(view) = View::of(world, key, now) else {
        return;
    };
    if let Answer::Rule(rule, _) = claim::rule(policy, &view, Mode::Suspended, None) {
        let effective = mode::effective(world, policy, key, now);
        let why = match effective.why {
            _ if effective.mode != Mode::Suspended => format!("rule {} is Suspended", rule.name),
            Some(why) => why,
            None => "the policy is Suspended".to_owned(),
        };
        round.held(key, Some(policy.reference()), Hold::Suspended { why });
    }
}

fn open(round: &mut Round<'_>, key: &TargetKey, look: Look<'_>, dry: bool) -> bool {
    let (world, now) = (round.world, round.now);
    let Look {
        view,
        policy,
        answer,
    } = look;
    let (rule, symptom) = match answer {
        Answer::Rule(rule, symptom) => (rule, symptom),
        Answer::None { again, .. } => {
            round.wake(again);
            return false;
        }
    };
    // A view or mode that is not known opens nothing; a pause does, so that people see the failure.
    let blind = match gate::may_act(world, now) {
        Err(hold @ (Hold::ViewStale { .. } | Hold::NoConfig | Hold::ClockSkew { .. })) => {
            Some(hold)
        }
        _ => None,
    };
    if let Some(hold) = blind.or_else(|| world.chain_for(rule, key).err()) {
        round.held(key, Some(policy.reference()), hold);
        return true;
    }
    let showing = showing(&view, detector(&rule.trigger));
    let failing = names(&showing);
    let signs = cause::signs(&view, detector(&rule.trigger), &showing);
    let episode = episode(&view, policy, rule, &symptom, signs, dry);
    round.effect(Effect::Open(Box::new(episode), failing))
}

/// The pods that show the failure, by name and UID.
pub(crate) fn failing(view: &View<'_>, detector: &dyn Detect) -> Pods {
    names(&showing(view, detector))
}

fn showing<'v>(view: &'v View<'_>, detector: &dyn Detect) -> Vec<&'v PodView<'v>> {
    let pods = detector.pods(view).iter();
    pods.filter(|one| detector.shows(one, view.now)).collect()
}

fn names(pods: &[&PodView<'_>]) -> Pods {
    let name = |one: &&PodView<'_>| (one.facts().name.name.clone(), one.facts().uid.text());
    pods.iter().map(name).collect()
}

/// A new episode. Its state is what an empty status reads as; the chain's memory comes with the
/// first write of its status.
fn episode(
    view: &View<'_>,
    policy: &Policy,
    rule: &Rule,
    symptom: &Symptom,
    signs: Vec<EventSign>,
    dry: bool,
) -> Episode {
    let (world, key, now) = (view.world, &view.key, view.now);
    let (kind, name) = key.words();
    let ordinal = world
        .records_of(key)
        .map(Episode::ordinal)
        .max()
        .unwrap_or(0)
        + 1;
    let strategy = match &rule.chain {
        ChainRef::Inline(_) => None,
        ChainRef::Named(kind, name) => world.strategy_of(rule).map(|strategy| EventStrategy {
            kind: *kind,
            name: name.name.to_string(),
            uid: strategy.uid.to_string(),
            generation: strategy.generation,
        }),
    };
    let spec = HealingEventSpec {
        target: EventTarget {
            api_version: api_version(key),
            kind: kind.to_owned(),
            name: name.to_owned(),
            uid: view.workload.uid.to_string(),
            template_hash: view.workload.hash.to_string(),
        },
        target_ref: key.reference(),
        policy_ref: policy.reference(),
        rule: rule.name.to_string(),
        symptom: symptom.name.to_owned(),
        strategy,
        thresholds: thresholds(world, rule),
        signs,
        recover_within: rule.recover_within.clone(),
        ttl: policy.ttl.clone(),
        failed_at: symptom.since.into(),
        detected_at: now.into(),
    };
    Episode {
        id: record_name::name(key, ordinal, dry),
        uid: Text::from(""),
        version: Text::from(""),
        spec,
        retry: None,
        approval: None,
        state: State {
            phase: Phase::Pending,
            ..State::default()
        },
    }
}

/// Owners of kinds that are not watched are known by group and kind only.
fn api_version(key: &TargetKey) -> Option<String> {
    match key.kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            Some("apps/v1".to_owned())
        }
        WorkloadKind::Pod => key.is_bare().then(|| "v1".to_owned()),
    }
}

/// The values that hold, resolved: the trigger's own and the chain's verification.
fn thresholds(world: &World, rule: &Rule) -> BTreeMap<String, String> {
    let mut values = detector(&rule.trigger).thresholds(&world.settings);
    let chain = world.chain_of(rule).ok();
    if let Some(step) = chain.and_then(|chain| chain.steps.first()) {
        let timeout = kubemend_api::Duration::from_millis(step.timeout);
        values.insert("verify.timeout".to_owned(), timeout.to_string());
    }
    values
}

/// The chain's memory: attempts spent in the newest acting record of the same target and template,
/// until its end plus the relapse window. A retry clears it, and so does the end of the latch of
/// Exhausted; until then it lasts.
pub(crate) fn memory(
    world: &World,
    episode: &Episode,
    chain: Option<&Chain>,
    now: Moment,
) -> Vec<Spent> {
    let newest = world
        .records_of(&episode.target())
        .filter(|one| !one.is_dry() && one.id != episode.id && one.hash() == episode.hash())
        .max_by_key(|one| one.ordinal());
    let Some(newest) = newest else {
        return Vec::new();
    };
    let exhausted = newest.state.phase == Phase::Exhausted;
    match newest.state.reason.as_deref() {
        Some("Retried") => return Vec::new(),
        Some("SymptomGone" | "SymptomChanged" | "RevisionChanged") if exhausted => {
            return Vec::new();
        }
        // Neither a new UID nor another mode or policy opens the latch.
        _ if exhausted => return newest.state.spent.clone(),
        _ => {}
    }
    let step = newest
        .last_attempt()
        .and_then(|last| chain?.step(&last.step));
    let window = step.map_or(DEFAULT_RELAPSE_WINDOW, |step| step.relapse_window);
    let ended = newest.state.ended_at.unwrap_or(now);
    if now <= ended.plus(window) {
        newest.state.spent.clone()
    } else {
        Vec::new()
    }
}
