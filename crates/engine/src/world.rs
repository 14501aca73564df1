//! Everything that decide() may know. `apply` is the only mutator, and it is idempotent.

mod hints;
mod index;
mod lookup;
mod loose;
mod matching;
mod pods;
mod progress;
mod sweep;
mod seen;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use kubemend_api::config::ClusterBudget;
use kubemend_api::policy::StrategyKind;
use kubemend_api::{HealingConfig, HealingConfigStatus, Mode};

use crate::calendar::Freeze;
use crate::change::{Await, Change, Object, Reply, Unreadable};
use crate::episode::Episode;
use crate::facts::{
    ClaimFacts, DisruptionBudgetFacts, JobFacts, Name, NamespaceFacts, NodeFacts, PodFacts, Proof,
    RevisionFacts, TargetKey, Text, Trouble, WorkloadFacts,
};
use crate::moment::{Millis, Moment};
use crate::plan::{Effect, Plan};
use crate::policy::{Policy, PolicyId, Strategy};
use crate::source::Source;
use crate::storm;
use hints::Hints;
use pods::Pods;
use words::Words;

pub use hints::Hint;
pub use progress::Progress;
pub(crate) use sweep::policy_id;

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

impl Default for Settings {
    fn default() -> Self {
        Self {
            crash_loop_restarts: 3,
            verify_timeout: 300_000,
            own_namespace: "kubemend-system".into(),
        }
    }
}

/// Everything that decide() may know.
#[allow(missing_docs)]
pub struct World {
    pub(crate) settings: Settings,
    words: Words,
    pub(crate) pods: Pods,
    /// Names of pods by their namespace and the UID of their owner: an owner counts only in its own
    /// namespace, since anybody may write any UID into a pod of theirs.
    pods_by_owner: BTreeMap<(Text, Text), BTreeSet<Text>>,
    /// Pods that are not ready, are on their way out or have failed once: where trouble can be.
    ill: BTreeSet<Name>,
    /// Workloads that are not complete, or that have a condition of which nobody knows that it is good.
    unwell: BTreeSet<TargetKey>,
    pub(crate) workloads: BTreeMap<TargetKey, Workload>,
    pub(crate) revisions: BTreeMap<(Source, Name), RevisionFacts>,
    revisions_by_owner: BTreeMap<Text, BTreeSet<(Source, Name)>>,
    pub(crate) namespaces: BTreeMap<Text, NamespaceFacts>,
    pub(crate) disruption_budgets: BTreeMap<Name, DisruptionBudgetFacts>,
    pub(crate) claims: BTreeMap<(Source, Name), ClaimFacts>,
    /// Jobs that steps have run, none of anybody else.
    pub(crate) jobs: BTreeMap<Name, JobFacts>,
    pub(crate) nodes: BTreeMap<Text, NodeFacts>,
    pub(crate) policies: BTreeMap<PolicyId, Policy>,
    pub(crate) strategies: BTreeMap<(StrategyKind, Name), Strategy>,
    pub(crate) config: Option<Config>,
    pub(crate) records: BTreeMap<Name, Episode>,
    records_by_target: BTreeMap<TargetKey, BTreeSet<Name>>,
    pub(crate) unreadable: BTreeMap<(Source, Name), Unreadable>,
    hints: Hints,
    /// Which policies select a workload, best rank first; kept per change, never per round.
    matches: BTreeMap<TargetKey, Vec<PolicyId>>,
    /// The same the other way round.
    members: BTreeMap<PolicyId, BTreeSet<TargetKey>>,
    /// Workloads whose current revision has not proven all that their chains ask for.
    pub(crate) unproven: BTreeSet<TargetKey>,
    /// Whose mark was refused, and when it may be tried again.
    pub(crate) refused_marks: BTreeMap<TargetKey, Moment>,
    /// Proof marks of revisions under DryRun: they stay in memory until Enforce.
    proofs: BTreeMap<Text, Proof>,
    flights: BTreeMap<TargetKey, Flight>,
    /// In the order in which the sources are declared.
    fresh: [Fresh; Source::ALL.len()],
    /// Of a collection that is being listed, what was known before and is not listed yet.
    listing: BTreeMap<Source, BTreeSet<Name>>,
    pub(crate) tombstones: Vec<Tombstone>,
    lead: bool,
    skew: Millis,
    /// A policy asks for pods without a workload.
    loose: bool,
}

/// A pod and what was first seen of its present trouble.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Pod {
    pub facts: PodFacts,
    /// When it was first seen Ready without a break; object times have whole seconds only, so they
    /// merely backfill what was Ready before this process looked.
    pub ready_since: Option<Moment>,
}

impl Pod {
    /// What was seen of its present trouble.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.facts.rare.as_ref().map(|rare| &rare.trouble)
    }

    /// The end of the first run of the present streak of short runs.
    pub fn failing_since(&self) -> Option<Moment> {
        self.trouble()?.failing_since
    }
}

/// A workload and when its present template became current.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Workload {
    pub facts: WorkloadFacts,
    /// First local observation of a change to the present hash; `None` if it never changed here.
    pub hash_since: Option<Moment>,
    /// The same of a change of its images.
    pub images_since: Option<Moment>,
    pub progress: Progress,
}

/// HealingConfig, parsed.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Config {
    pub generation: i64,
    pub ceiling: Mode,
    pub pause: Option<String>,
    pub exclude: BTreeSet<Text>,
    pub budget: ClusterBudget,
    pub storm: storm::Limits,
    pub freezes: Vec<Freeze>,
    pub stored: HealingConfigStatus,
}

impl Config {
    fn read(config: &HealingConfig) -> Self {
        let spec = &config.spec;
        Self {
            generation: config.metadata.generation.unwrap_or_default(),
            ceiling: spec.mode_ceiling,
            pause: spec.pause.as_ref().map(|pause| pause.reason.clone()),
            exclude: spec
                .exclude_namespaces
                .iter()
                .map(|name| Text::from(name.as_str()))
                .collect(),
            budget: spec.budget.clone().unwrap_or_default(),
            storm: storm::Limits::read(spec.storm.as_ref()),
            freezes: spec.freezes.iter().map(Freeze::read).collect(),
            stored: config.status.clone().unwrap_or_default(),
        }
    }
}

/// An effect that was begun and whose end is not seen yet.
#[derive(Clone, Debug, Default, PartialEq)]
struct Flight {
    done: bool,
    awaits: Vec<Await>,
    retry_at: Option<Moment>,
    /// What an act takes from every budget until its record shows it.
    takes: Option<Takes>,
    /// It marks a revision, which nothing else depends on.
    proves: bool,
}

/// What an act under way takes from every budget.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub(crate) struct Takes {
    pub(crate) record: Name,
    pub(crate) policy: PolicyId,
    pub(crate) at: Moment,
    pub(crate) units: u32,
}

/// How current the view of a collection is.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fresh {
    synced: bool,
    at: Moment,
    version: u64,
}

/// Each source has its place in it.
const _: () = assert!(Source::Events as usize + 1 == Source::ALL.len());

/// Acts of a record that is gone with its namespace; budgets count them until the window ends.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub(crate) struct Tombstone {
    pub(crate) target: TargetKey,
    pub(crate) policy: PolicyId,
    pub(crate) at: Moment,
    pub(crate) units: u32,
}

/// An input is fresh for so long after a frame, a bookmark or a restarted watch.
pub const FRESH_FOR: Millis = 25_000;

/// A proof mark that was refused is tried again after this time: nobody waits for it.
const MARK_AGAIN: Millis = 30_000;

impl World {
    /// An empty world: nothing is synced, nobody leads.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            words: Words::default(),
            pods: Pods::default(),
            pods_by_owner: BTreeMap::new(),
            ill: BTreeSet::new(),
            unwell: BTreeSet::new(),
            workloads: BTreeMap::new(),
            revisions: BTreeMap::new(),
            revisions_by_owner: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            disruption_budgets: BTreeMap::new(),
            claims: BTreeMap::new(),
            jobs: BTreeMap::new(),
            nodes: BTreeMap::new(),
            policies: BTreeMap::new(),
            strategies: BTreeMap::new(),
            config: None,
            records: BTreeMap::new(),
            records_by_target: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            hints: Hints::default(),
            matches: BTreeMap::new(),
            members: BTreeMap::new(),
            unproven: BTreeSet::new(),
            refused_marks: BTreeMap::new(),
            proofs: BTreeMap::new(),
            flights: BTreeMap::new(),
            fresh: Default::default(),
            listing: BTreeMap::new(),
            tombstones: Vec::new(),
            lead: false,
            skew: 0,
            loose: false,
        }
    }

    /// Takes in one change at the given time; true where it may alter a decision.
    pub fn apply(&mut self, change: Change, now: Moment) -> bool {
        match change {
            Change::Object(object) => self.object(*object, now),
            Change::Unreadable(unreadable) => self.cannot_read(&unreadable),
            Change::Gone { source, name, uid } => self.gone(source, &name, &uid, now),
            Change::ListBegins(source) => {
                self.listing.insert(source, self.names(source));
                false
            }
            Change::ListEnds {
                source,
                version,
                at,
            } => self.list_ends(source, &version, at, now),
            Change::Fresh {
                source,
                version,
                at,
            } => self.refresh(source, &version, at, now),
            Change::Lead(lead) => std::mem::replace(&mut self.lead, lead) != lead,
            Change::Skew(millis) => std::mem::replace(&mut self.skew, millis) != millis,
            Change::Done(reply) => self.done(reply, now),
        }
    }

    /// An effect of the newest plan is being started: its target is in flight from now on.
    pub fn begin(&mut self, effect: &Effect) {
        let takes =
            match effect {
                Effect::Act(episode, _) => episode
                    .last_attempt()
                    .filter(|one| one.takes_slot())
                    .map(|attempt| Takes {
                        record: episode.id.clone(),
                        policy: policy_id(episode),
                        at: attempt.intent_at,
                        units: attempt.units(),
                    }),
                _ => None,
            };
        let proves = matches!(effect, Effect::Prove { .. });
        let flight = Flight {
            takes,
            proves,
            ..Flight::default()
        };
        self.flights.insert(effect.target(), flight);
    }

    /// Keeps what the plan learned and nobody writes down: proof marks under DryRun.
    pub fn remember(&mut self, plan: &Plan) {
        for (target, uid, proof) in &plan.proofs {
            self.proofs.insert(uid.clone(), *proof);
            self.note_unproven(target);
        }
    }

    fn done(&mut self, reply: Reply, now: Moment) -> bool {
        if let Some(record) = reply.record {
            self.object(*record, now);
        }
        let target = reply.target;
        if let Some(flight) = self.flights.get_mut(&target) {
            flight.done = true;
            flight.awaits = reply.awaits;
            flight.retry_at = reply.retry_at;
            // A mark that is refused must not keep the target from being healed, nor be forgotten:
            // a workload that is well may not change for days, and then have nothing to go back to.
            if flight.proves && flight.retry_at.take().is_some() {
                let again = now.plus(MARK_AGAIN);
                self.refused_marks.insert(target.clone(), again);
            }
        }
        self.settle_flight(&target);
        true
    }

    /// Ends a flight whose awaited states are all seen.
    fn settle_flight(&mut self, target: &TargetKey) {
        let Some(mut flight) = self.flights.remove(target) else {
            return;
        };
        flight.awaits.retain(|one| !self.is_seen(one));
        if !flight.done || !flight.awaits.is_empty() || flight.retry_at.is_some() {
            self.flights.insert(target.clone(), flight);
        }
    }

    fn settle_flights(&mut self) -> bool {
        let landed = |flight: &Flight| flight.done && !flight.awaits.is_empty();
        let waiting: Vec<_> = self
            .flights
            .iter()
            .filter(|(_, flight)| landed(flight))
            .map(|(target, _)| target.clone())
            .collect();
        let before = self.flights.len();
        for target in &waiting {
            self.settle_flight(target);
        }
        self.flights.len() != before
    }

    fn is_seen(&self, awaited: &Await) -> bool {
        match awaited {
            Await::Version(source, version) => self.fresh[*source as usize].version >= *version,
            Await::PodGone(name, uid) => self
                .pods
                .get(name)
                .is_none_or(|pod| pod.facts.uid != *uid || pod.facts.deleting),
        }
    }

    fn object(&mut self, object: Object, now: Moment) -> bool {
        let Some((source, name)) = self.put(object, now) else {
            return false;
        };
        self.unreadable.remove(&(source, name.clone()));
        self.listed(source, &name);
        self.settle_flights();
        true
    }

    fn cannot_read(&mut self, unreadable: &Unreadable) -> bool {
        self.listed(unreadable.source, &unreadable.name);
        // What a node said before holds no longer, and it explains nothing now.
        if unreadable.source == Source::Nodes {
            self.nodes.remove(&unreadable.name.name);
        }
        let key = (unreadable.source, unreadable.name.clone());
        self.unreadable.insert(key, unreadable.clone()).as_ref() != Some(unreadable)
    }

    /// A list that is being read has this object, so its end does not remove it.
    fn listed(&mut self, source: Source, name: &Name) {
        if let Some(unlisted) = self.listing.get_mut(&source) {
            unlisted.remove(name);
        }
    }
}
