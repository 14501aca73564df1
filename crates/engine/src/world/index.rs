//! Putting objects into the World and keeping its indexes true.

use std::collections::{BTreeMap, BTreeSet};

use kube_core::ResourceExt;
use kubemend_api::policy::StrategyKind;
use kubemend_api::steps;
use kubemend_api::strategy::StrategyStatus;

use super::{Config, Pod, Progress, Workload, World, seen};
use crate::change::Object;
use crate::episode::Episode;
use crate::facts::{
    Name, NamespaceFacts, NodeFacts, Phase, PodFacts, RevisionFacts, WorkloadFacts, version_number,
};
use crate::moment::Moment;
use crate::policy::{Chain, Policy, Strategy};
use crate::source::Source;

impl World {
    /// Stores an object; its collection and name, or `None` where a newer state is stored already.
    pub(super) fn put(&mut self, object: Object, now: Moment) -> Option<(Source, Name)> {
        match object {
            Object::Pod(pod) => Some(self.put_pod(pod, now)),
            Object::Workload(workload) => Some(self.put_workload(workload, now)),
            Object::Revision(revision) => Some(self.put_revision(revision, now)),
            Object::Namespace(namespace) => Some(self.put_namespace(namespace)),
            Object::DisruptionBudget(budget) => {
                let name = budget.name.clone();
                self.disruption_budgets.insert(name.clone(), budget);
                Some((Source::DisruptionBudgets, name))
            }
            Object::Claim(claim) => {
                let key = (claim.source, claim.name.clone());
                self.claims.insert(key.clone(), claim);
                Some(key)
            }
            Object::Job(job) => {
                let name = job.name.clone();
                self.jobs.insert(name.clone(), job);
                Some((Source::Jobs, name))
            }
            Object::Node(node) => self.put_node(node),
            Object::Policy(policy) => {
                let policy = Policy::namespaced(&policy, &self.settings);
                Some((Source::Policies, self.put_policy(policy, now)))
            }
            Object::ClusterPolicy(policy) => {
                let policy = Policy::cluster(&policy, &self.settings);
                Some((Source::ClusterPolicies, self.put_policy(policy, now)))
            }
            Object::Strategy(strategy) => {
                let name = Name::new(
                    strategy.metadata.namespace.as_deref().unwrap_or_default(),
                    &strategy.name_any(),
                );
                let kind = StrategyKind::RecoveryStrategy;
                let status = strategy.status.unwrap_or_default();
                self.put_strategy(
                    kind,
                    &name,
                    &strategy.metadata,
                    (&strategy.spec.steps, None),
                    status,
                );
                Some((Source::Strategies, name))
            }
            Object::ClusterStrategy(strategy) => {
                let name = Name::new("", &strategy.name_any());
                let kind = StrategyKind::ClusterRecoveryStrategy;
                let status = strategy.status.unwrap_or_default();
                self.put_strategy(
                    kind,
                    &name,
                    &strategy.metadata,
                    (&strategy.spec.steps, strategy.spec.namespaces.as_deref()),
                    status,
                );
                Some((Source::ClusterStrategies, name))
            }
            Object::Config(config) => {
                let known = self.config.replace(Config::read(&config));
                if known.map(|one| one.ceiling) != self.config.as_ref().map(|one| one.ceiling) {
                    self.note_all_unproven();
                }
                Some((Source::Config, Name::new("", &config.name_any())))
            }
            Object::Record(record) => self.put_record(*record),
            Object::Event(event) => self.put_event(event, now),
        }
    }

    fn put_pod(&mut self, mut pod: PodFacts, now: Moment) -> (Source, Name) {
        self.words.share_pod(&mut pod);
        let name = pod.name.clone();
        let known = self
            .pods
            .get(&name)
            .filter(|known| known.facts.uid == pod.uid);
        seen::note(known, &mut pod, now);
        let ready_since = ready_since(known, &pod, now);
        let before = self.loose_of(&name);
        self.remove_pod_indexes(&name);
        if let Some(owner) = &pod.owner {
            self.pods_by_owner
                .entry((name.namespace.clone(), owner.uid.clone()))
                .or_default()
                .insert(name.name.clone());
        }
        if is_ill(&pod) {
            self.ill.insert(name.clone());
        }
        self.pods.insert(Pod {
            facts: pod,
            ready_since,
        });
        let after = self.loose_of(&name);
        self.move_loose(before, after, now);
        (Source::Pods, name)
    }

    /// A pod is gone, and its workload remembers when.
    pub(super) fn pod_departs(&mut self, name: &Name, now: Moment) {
        let pod = self.pods.get(name);
        let target = pod.and_then(|pod| self.target_of(&pod.facts));
        if let Some(workload) = target.and_then(|key| self.workloads.get_mut(&key)) {
            workload.progress.departed = Some(now);
        }
    }

    pub(super) fn remove_pod_indexes(&mut self, name: &Name) {
        self.ill.remove(name);
        let owner = self.pods.get(name).and_then(|pod| pod.facts.owner.as_ref());
        let Some(uid) = owner.map(|owner| owner.uid.clone()) else {
            return;
        };
        let owner = (name.namespace.clone(), uid);
        remove(&mut self.pods_by_owner, &owner, &name.name);
    }

    fn put_workload(&mut self, mut facts: WorkloadFacts, now: Moment) -> (Source, Name) {
        self.words.share_workload(&mut facts);
        let key = facts.key.clone();
        let source = Source::of(key.kind);
        self.saw(source, &facts.version);
        let known = self
            .workloads
            .get(&key)
            .filter(|known| known.facts.uid == facts.uid);
        let hash_since = match known {
            Some(known) if known.facts.hash == facts.hash => known.hash_since,
            Some(_) => Some(now),
            None => None,
        };
        let images_since = match known {
            Some(known) if known.facts.images == facts.images => known.images_since,
            Some(_) => Some(now),
            None => None,
        };
        let relabelled = known.is_none_or(|known| known.facts.labels != facts.labels);
        let progress = Progress::seen(known, &facts, now);
        if facts.is_complete() && facts.conditions.is_empty() {
            self.unwell.remove(&key);
        } else {
            self.unwell.insert(key.clone());
        }
        let workload = Workload {
            facts,
            hash_since,
            images_since,
            progress,
        };
        self.workloads.insert(key.clone(), workload);
        if relabelled {
            self.match_target(&key);
        }
        self.note_unproven(&key);
        (source, key.as_name())
    }

    fn put_revision(&mut self, mut revision: RevisionFacts, now: Moment) -> (Source, Name) {
        self.words.share_revision(&mut revision);
        let id = (revision.source, revision.name.clone());
        self.saw(revision.source, &revision.version);
        let before = self.loose_of_revision(&id);
        self.remove_revision_indexes(&id);
        if let Some(owner) = &revision.owner {
            self.revisions_by_owner
                .entry(owner.uid.clone())
                .or_default()
                .insert(id.clone());
        }
        let target = revision.target();
        self.revisions.insert(id.clone(), revision);
        if let Some(key) = target {
            self.note_unproven(&key);
        }
        let after = self.loose_of_revision(&id);
        self.move_loose(before, after, now);
        id
    }

    pub(super) fn remove_revision_indexes(&mut self, id: &(Source, Name)) {
        let known = self.revisions.get(id);
        let owner = known.and_then(|revision| revision.owner.as_ref());
        let Some(uid) = owner.map(|owner| owner.uid.clone()) else {
            return;
        };
        remove(&mut self.revisions_by_owner, &uid, id);
    }

    fn put_namespace(&mut self, namespace: NamespaceFacts) -> (Source, Name) {
        let name = namespace.name.clone();
        let known = self.namespaces.get(&name);
        let relabelled = known.is_none_or(|known| {
            (&known.labels, &known.mode) != (&namespace.labels, &namespace.mode)
        });
        self.namespaces.insert(name.clone(), namespace);
        if relabelled {
            self.match_namespace(&name);
        }
        (Source::Namespaces, Name::new("", &name))
    }

    /// A node says every few minutes that nothing has changed, and that is no news.
    fn put_node(&mut self, node: NodeFacts) -> Option<(Source, Name)> {
        let name = Name::new("", &node.name);
        let readable = !self.unreadable.contains_key(&(Source::Nodes, name.clone()));
        if readable && self.nodes.get(&node.name) == Some(&node) {
            self.listed(Source::Nodes, &name);
            return None;
        }
        self.nodes.insert(node.name.clone(), node);
        Some((Source::Nodes, name))
    }

    fn put_policy(&mut self, policy: Policy, now: Moment) -> Name {
        let id = policy.id.clone();
        let heals_pods = policy.heals_pods();
        let known = self.policies.insert(id.clone(), policy);
        if heals_pods != known.is_some_and(|known| known.heals_pods()) {
            self.review_loose(now);
        }
        self.ask_for_events();
        self.match_policy(&id);
        id
    }

    fn put_strategy(
        &mut self,
        kind: StrategyKind,
        name: &Name,
        meta: &kube_core::ObjectMeta,
        chain: (&[steps::Step], Option<&[String]>),
        stored: StrategyStatus,
    ) {
        let mut problems = Vec::new();
        let chain = Chain::compile(chain, "spec.steps", &self.settings, &mut problems);
        let strategy = Strategy {
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            generation: meta.generation.unwrap_or_default(),
            chain,
            problems,
            stored,
        };
        let key = (kind, name.clone());
        // What it asks to be proven has changed; a status says nothing new about that.
        let same = self.strategies.get(&key).map(|known| &known.chain) == Some(&strategy.chain);
        self.strategies.insert(key, strategy);
        if !same {
            self.note_all_unproven();
        }
    }

    fn put_record(&mut self, record: Episode) -> Option<(Source, Name)> {
        let name = record.id.clone();
        if let Some(known) = self.records.get(&name)
            && known.uid == record.uid
            && version_number(&known.version) > version_number(&record.version)
        {
            // Our own write came back before the watch showed it: an older frame is no news, but
            // the record was in the list all the same.
            self.listed(Source::Records, &name);
            return None;
        }
        self.records_by_target
            .entry(record.target())
            .or_default()
            .insert(name.clone());
        self.records.insert(name.clone(), record);
        Some((Source::Records, name))
    }
}

pub(super) fn remove<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = index.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            index.remove(key);
        }
    }
}

/// Where trouble can be: the cheap test that keeps a round's cost to the suspects.
fn is_ill(pod: &PodFacts) -> bool {
    pod.rare.is_some()
        || pod.newest_abnormal().is_some()
        || match pod.phase {
            Phase::Running => !pod.ready,
            Phase::Pending | Phase::Failed | Phase::Unknown => true,
            Phase::Succeeded => false,
        }
}

/// Since when the pod has been Ready: the first local observation, which a cold start backfills
/// with the object's own time, clamped to what is possible.
fn ready_since(known: Option<&Pod>, pod: &PodFacts, now: Moment) -> Option<Moment> {
    if !pod.ready {
        return None;
    }
    let stated = pod
        .ready_changed
        .unwrap_or(pod.created)
        .max(pod.created)
        .min(now);
    match known {
        None => Some(stated),
        Some(known) if known.facts.ready && known.facts.ready_changed == pod.ready_changed => {
            known.ready_since.or(Some(stated))
        }
        Some(_) => Some(now),
    }
}
