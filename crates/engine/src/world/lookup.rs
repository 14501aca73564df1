//! Reading the World: the questions that decisions ask.

use std::collections::BTreeSet;

use kubemend_api::Mode;
use kubemend_api::targets::WorkloadKind;

use super::{FRESH_FOR, Hint, Pod, Takes, World};
use crate::claim;
use crate::episode::{Episode, Request};
use crate::facts::{
    JobFacts, Name, PodFacts, Proof, RevisionFacts, TargetKey, Text, Uid, template,
};
use crate::hold::Hold;
use crate::moment::{Millis, Moment};
use crate::policy::{Chain, ChainRef, Policy, PolicyId, Rule, Strategy};
use crate::source::Source;

impl World {
    /// What a pod is a part of, each hop's UID checked: the workload that owns it, or, where a policy asks for
    /// pods, what its owner is, or itself. `None` for Jobs and for owners that are not in view.
    pub fn target_of(&self, pod: &PodFacts) -> Option<TargetKey> {
        self.workload_of(pod).or_else(|| self.kept_loose(pod))
    }

    fn workload_of(&self, pod: &PodFacts) -> Option<TargetKey> {
        let owner = pod.owner.as_ref()?;
        let namespace = &pod.name.namespace;
        let (kind, owner) = match &*owner.kind {
            "ReplicaSet" => {
                let name = Name {
                    namespace: namespace.clone(),
                    name: owner.name.clone(),
                };
                let revision = self
                    .revisions
                    .get(&(Source::ReplicaSets, name))
                    .filter(|one| one.uid == owner.uid)?;
                (WorkloadKind::Deployment, revision.owner.as_ref()?)
            }
            kind => {
                let kind = WorkloadKind::named(kind).filter(|kind| *kind != WorkloadKind::Pod)?;
                (kind, &**owner)
            }
        };
        let key = TargetKey {
            namespace: namespace.clone(),
            kind,
            name: owner.name.clone(),
        };
        self.workloads
            .get(&key)
            .filter(|one| one.facts.uid == owner.uid)
            .map(|_| key)
    }

    /// The pods of a workload with the hash of the template that they were made from, where it is known, oldest first.
    pub fn pods_of<'a>(&'a self, key: &TargetKey) -> Vec<(&'a Pod, Option<&'a Text>)> {
        let Some(workload) = self.workloads.get(key) else {
            return Vec::new();
        };
        let uid = &workload.facts.uid;
        let mut pods: Vec<(&Pod, Option<&Text>)> = match key.kind {
            WorkloadKind::Deployment => {
                let own = |one: &'a RevisionFacts| {
                    let own = self.owned(&key.namespace, &one.uid);
                    own.map(|pod| (pod, Some(&one.hash)))
                };
                self.revisions_of(key).flat_map(own).collect()
            }
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
                let revisions: Vec<_> = self.revisions_of(key).collect();
                let hash = |pod: &Pod| {
                    let label = pod.facts.labels.get(template::REVISION_LABEL)?;
                    let revision = revisions.iter().find(|one| one.is_named_by(label))?;
                    Some(&revision.hash)
                };
                let own = self.owned(&key.namespace, uid);
                own.map(|pod| (pod, hash(pod))).collect()
            }
            WorkloadKind::Pod => {
                let loose = self.loose_pods(key, uid).into_iter();
                loose.map(|pod| (pod, None)).collect()
            }
        };
        pods.sort_by(|(a, _), (b, _)| {
            (a.facts.created, &a.facts.name).cmp(&(b.facts.created, &b.facts.name))
        });
        pods
    }

    /// The revisions of a workload, by name.
    pub fn revisions_of(&self, key: &TargetKey) -> impl Iterator<Item = &RevisionFacts> {
        let uid = self.workloads.get(key).map(|workload| &workload.facts.uid);
        let ids = uid
            .and_then(|uid| self.revisions_by_owner.get(uid))
            .into_iter()
            .flatten();
        // An owner counts only in its own namespace, and only for the kind of revision that it makes.
        let source = Source::of_revisions(key.kind);
        let own = ids.filter(move |(one, name)| *one == source && name.namespace == key.namespace);
        own.filter_map(|id| self.revisions.get(id))
    }

    /// When the present template of a workload became current: first local observation, else the age of its
    /// revision. `None` where it has had one template only.
    pub(crate) fn released_at(&self, key: &TargetKey) -> Option<Moment> {
        let workload = self.workloads.get(key)?;
        let hash = &workload.facts.hash;
        let others = self.revisions_of(key).filter(|one| one.hash != *hash);
        let Some(newest_other) = others.map(|one| one.revision).max() else {
            return workload.hash_since;
        };
        let own = self.revisions_of(key);
        let own = own.filter(|one| one.hash == *hash && one.revision > newest_other);
        workload
            .hash_since
            .or_else(|| own.map(|one| one.created).min())
    }

    /// How many workloads of a namespace name that ConfigMap or Secret.
    pub(crate) fn users_of(&self, namespace: &Text, config: &str) -> usize {
        let uses = |one: &&super::Workload| one.facts.configs.iter().any(|name| **name == *config);
        let here = self.workloads_in(namespace).map(|(_, one)| one);
        here.filter(uses).count()
    }

    pub(super) fn workloads_in<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a TargetKey, &'a super::Workload)> {
        let first = TargetKey::new(WorkloadKind::Deployment, namespace, "");
        let all = self.workloads.range(first..);
        all.take_while(|(key, _)| *key.namespace == *namespace)
    }

    /// The Job that a request made, if it is that one.
    pub(crate) fn job_of(&self, key: &TargetKey, request: &Request) -> Option<&JobFacts> {
        let name = Name {
            namespace: key.namespace.clone(),
            name: request.name.clone(),
        };
        let known = self.jobs.get(&name)?;
        (Some(&known.template) == request.to.as_ref()).then_some(known)
    }

    /// A Job that was run for this target and has not ended.
    pub(crate) fn running_job(&self, key: &TargetKey) -> Option<&JobFacts> {
        let stem = crate::record_name::stem(key);
        let mut jobs = self.jobs.values();
        jobs.find(|one| {
            let here = one.name.namespace == key.namespace && one.name.name.starts_with(&stem);
            here && one.end.is_none()
        })
    }

    /// The zone of the node that a pod in trouble is on.
    pub(crate) fn zone_of(&self, pod: &PodFacts) -> Option<&Text> {
        self.nodes.get(pod.node()?)?.zone.as_ref()
    }

    /// Whether the cluster has more than one zone.
    pub(crate) fn has_zones(&self) -> bool {
        let mut zones = self.nodes.values().filter_map(|one| one.zone.as_ref());
        let first = zones.next();
        zones.any(|zone| Some(zone) != first)
    }

    /// What a revision has proven: its own mark, or the memory of a DryRun, whichever is longer.
    pub fn proof_of(&self, revision: &RevisionFacts) -> Option<Proof> {
        let kept = self.proofs.get(&revision.uid).copied();
        revision
            .proof
            .into_iter()
            .chain(kept)
            .max_by_key(|proof| proof.seconds)
    }

    /// The pods in which trouble can be, by name.
    pub(crate) fn ill_pods(&self) -> impl Iterator<Item = &Pod> {
        self.ill.iter().filter_map(|name| self.pods.get(name))
    }

    /// Workloads in which trouble can be, sorted.
    pub fn suspects(&self) -> BTreeSet<TargetKey> {
        self.ill_pods()
            .filter_map(|pod| self.target_of(&pod.facts))
            .chain(self.unwell.iter().cloned())
            .collect()
    }

    /// The records of a target, dry ones included, by name.
    pub fn records_of(&self, key: &TargetKey) -> impl Iterator<Item = &Episode> {
        let names = self.records_by_target.get(key).into_iter().flatten();
        names.filter_map(|name| self.records.get(name))
    }

    /// Every record, by name.
    pub fn records(&self) -> impl Iterator<Item = &Episode> {
        self.records.values()
    }

    /// Every target that has a record, sorted.
    pub(crate) fn recorded_targets(&self) -> impl Iterator<Item = &TargetKey> {
        self.records_by_target.keys()
    }

    /// The open episode of a target: the acting one, or the dry one. The newest where there are
    /// several, which only a foreign hand can cause.
    pub fn open_record(&self, key: &TargetKey, dry: bool) -> Option<&Episode> {
        self.records_of(key)
            .filter(|one| one.is_dry() == dry && one.is_open())
            .max_by_key(|one| one.ordinal())
    }

    /// The policies that select a workload, best rank first.
    pub fn policies_of(&self, key: &TargetKey) -> impl Iterator<Item = &Policy> {
        let ids = self.matches.get(key).into_iter().flatten();
        ids.filter_map(|id| self.policies.get(id))
    }

    /// How many workloads an enforcing policy answers for; no more than `enough` are counted.
    pub(crate) fn enforced(&self, now: Moment, enough: usize) -> usize {
        let enforced = |key: &&TargetKey| claim::policy(self, key, Mode::Enforce, now).is_some();
        self.matches.keys().filter(enforced).take(enough).count()
    }

    /// The workloads that a policy selects.
    pub fn members_of(&self, id: &PolicyId) -> impl Iterator<Item = &TargetKey> {
        self.members.get(id).into_iter().flatten()
    }

    /// Whether a policy selects a workload.
    pub fn is_member(&self, id: &PolicyId, key: &TargetKey) -> bool {
        self.members
            .get(id)
            .is_some_and(|members| members.contains(key))
    }

    /// The chain of a rule, read live; the missing strategy's name otherwise.
    pub fn chain_of<'a>(&'a self, rule: &'a Rule) -> Result<&'a Chain, String> {
        match &rule.chain {
            ChainRef::Inline(chain) => Ok(chain),
            ChainRef::Named(kind, name) => self
                .strategy_of(rule)
                .map(|strategy| &strategy.chain)
                .ok_or_else(|| format!("{} {name}", kind.as_str())),
        }
    }

    /// The chain that answers for a target; the hold where its strategy is missing, or refuses the target's namespace.
    pub(crate) fn chain_for<'a>(
        &'a self,
        rule: &'a Rule,
        key: &TargetKey,
    ) -> Result<&'a Chain, Hold> {
        let chain = self
            .chain_of(rule)
            .map_err(|name| Hold::StrategyMissing { name })?;
        match &rule.chain {
            ChainRef::Named(kind, name) if !chain.serves(&key.namespace) => {
                let name = format!("{} {name}", kind.as_str());
                let namespace = key.namespace.to_string();
                Err(Hold::StrategyRefused { name, namespace })
            }
            ChainRef::Named(..) | ChainRef::Inline(_) => Ok(chain),
        }
    }

    /// The named strategy of a rule.
    pub fn strategy_of(&self, rule: &Rule) -> Option<&Strategy> {
        match &rule.chain {
            ChainRef::Inline(_) => None,
            ChainRef::Named(kind, name) => self.strategies.get(&(*kind, name.clone())),
        }
    }

    /// An own write concerning this target is not seen yet: the reason as a retry time, if it has one.
    #[allow(clippy::option_option)] // the outer one: in flight; the inner one: until when
    pub(crate) fn in_flight(&self, key: &TargetKey, now: Moment) -> Option<Option<Moment>> {
        let flight = self.flights.get(key)?;
        let waits = !flight.done || !flight.awaits.is_empty();
        match flight.retry_at {
            Some(at) if !waits => (now < at).then_some(Some(at)),
            _ => waits.then_some(None),
        }
    }

    /// What acts under way take from budgets although no record shows them yet. One whose intent was
    /// not recorded takes nothing once it may be tried again: it would hold itself and others for ever.
    pub(crate) fn taken(&self, now: Moment) -> impl Iterator<Item = (&TargetKey, &Takes)> {
        let takes = self
            .flights
            .iter()
            .filter(move |(key, _)| self.in_flight(key, now).is_some())
            .filter_map(|(key, flight)| Some((key, flight.takes.as_ref()?)));
        takes.filter(|(_, takes)| {
            let record = self.records.get(&takes.record);
            !record.is_some_and(|record| {
                record
                    .state
                    .attempts
                    .iter()
                    .any(|attempt| attempt.intent_at == takes.at)
            })
        })
    }

    /// The collections that were never listed completely.
    pub fn unsynced(&self) -> Option<Source> {
        Source::ALL
            .into_iter()
            .find(|source| !source.is_hint() && !self.is_synced(*source))
    }

    /// A collection whose view is stale.
    pub fn stale(&self, now: Moment) -> Option<Source> {
        Source::ALL
            .into_iter()
            .find(|source| !source.is_hint() && !self.is_fresh(*source, now))
    }

    fn is_synced(&self, source: Source) -> bool {
        self.fresh[source as usize].synced
    }

    /// Events are being watched; where they are not, there may be more of them than are known.
    pub fn hears(&self, now: Moment) -> bool {
        self.is_synced(Source::Events) && self.is_fresh(Source::Events, now)
    }

    /// What Warning events told of the object of that UID in that namespace.
    pub fn hints_of(&self, namespace: &Text, uid: &Uid) -> &[Hint] {
        if self.hints.is_empty() {
            return &[];
        }
        self.hints.of(&(namespace.clone(), uid.clone()))
    }

    pub(crate) fn is_fresh(&self, source: Source, now: Moment) -> bool {
        now.since(self.fresh[source as usize].at) <= FRESH_FOR
    }

    /// The view of that kind of workload was current at some time after `at`.
    pub(crate) fn is_seen_since(&self, kind: WorkloadKind, at: Moment) -> bool {
        self.fresh[Source::of(kind) as usize].at >= at
    }

    /// When the next of the views becomes stale unless it is refreshed.
    pub(crate) fn stale_at(&self, now: Moment) -> Option<Moment> {
        let needed = Source::ALL.into_iter().filter(|source| !source.is_hint());
        needed
            .map(|source| self.fresh[source as usize].at.plus(FRESH_FOR + 1))
            .filter(|at| *at > now)
            .min()
    }

    /// This process holds the lease.
    pub fn leads(&self) -> bool {
        self.lead
    }

    /// Local wall time minus the API server's.
    pub fn skew(&self) -> Millis {
        self.skew
    }

    /// How many pods are held.
    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// The workload's facts and when its template became current.
    pub fn workload(&self, key: &TargetKey) -> Option<&super::Workload> {
        self.workloads.get(key)
    }
}
