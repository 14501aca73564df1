//! Taking objects out of the World, and how current its view is.

use std::collections::BTreeSet;

use kubemend_api::CONFIG_NAME;
use kubemend_api::policy::StrategyKind;
use kubemend_api::targets::WorkloadKind;

use super::{Tombstone, World};
use crate::episode::Episode;
use crate::facts::{Name, TargetKey, Text, Uid, version_number};
use crate::moment::{Millis, Moment};
use crate::source::Source;

/// Budgets look back so far.
const BUDGET_WINDOW: Millis = 3_600_000;

impl World {
    /// Removes an object, unless a successor of the same name took its place.
    pub(super) fn gone(&mut self, source: Source, name: &Name, uid: &Text, now: Moment) -> bool {
        let same = |own: &Text| uid.is_empty() || own == uid;
        let unread = self.unreadable.remove(&(source, name.clone())).is_some();
        let removed = match source {
            Source::Pods => {
                self.pods
                    .get(name)
                    .is_some_and(|pod| uid.is_empty() || pod.facts.uid == *uid)
                    && {
                        self.pod_departs(name, now);
                        let target = self.loose_of(name);
                        self.forget_hints(name);
                        self.remove_pod_indexes(name);
                        let removed = self.pods.remove(name);
                        self.move_loose(target, None, now);
                        removed
                    }
            }
            Source::Deployments => self.workload_gone(WorkloadKind::Deployment, name, uid),
            Source::StatefulSets => self.workload_gone(WorkloadKind::StatefulSet, name, uid),
            Source::DaemonSets => self.workload_gone(WorkloadKind::DaemonSet, name, uid),
            Source::ReplicaSets | Source::ControllerRevisions => {
                let id = (source, name.clone());
                self.revisions.get(&id).is_some_and(|one| same(&one.uid)) && {
                    let target = self.loose_of_revision(&id);
                    self.remove_revision_indexes(&id);
                    let revision = self.revisions.remove(&id);
                    self.move_loose(target, None, now);
                    revision.is_some_and(|one| {
                        self.proofs.remove(&one.uid);
                        let about = (name.namespace.clone(), Uid::from(&*one.uid));
                        self.hints.forget(&about);
                        true
                    })
                }
            }
            Source::Namespaces => {
                let removed = self.namespaces.remove(&name.name).is_some();
                self.match_namespace(&name.name.clone());
                removed
            }
            Source::DisruptionBudgets => self.disruption_budgets.remove(name).is_some(),
            Source::Autoscalers | Source::VerticalAutoscalers | Source::Rollouts => {
                self.claims.remove(&(source, name.clone())).is_some()
            }
            Source::Jobs => self.jobs.remove(name).is_some(),
            Source::Nodes => self.nodes.remove(&name.name).is_some(),
            Source::Policies | Source::ClusterPolicies => {
                let removed = self.policies.get(name).is_some_and(|one| same(&one.uid))
                    && self.policies.remove(name).is_some();
                self.ask_for_events();
                self.match_policy(name);
                if removed && self.loose {
                    self.review_loose(now);
                }
                removed
            }
            Source::Strategies => self.strategy_gone(StrategyKind::RecoveryStrategy, name),
            Source::ClusterStrategies => {
                self.strategy_gone(StrategyKind::ClusterRecoveryStrategy, name)
            }
            Source::Config => *name.name == *CONFIG_NAME && self.config.take().is_some(),
            Source::Records => self.record_gone(name, uid, now),
            // An event that has expired has happened all the same.
            Source::Events => false,
        };
        self.settle_flights();
        removed || unread
    }

    fn workload_gone(&mut self, kind: WorkloadKind, name: &Name, uid: &Text) -> bool {
        let key = TargetKey::new(kind, &name.namespace, &name.name);
        let known = self.workloads.get(&key);
        if !known.is_some_and(|one| uid.is_empty() || one.facts.uid == *uid) {
            return false;
        }
        if let Some(gone) = self.workloads.remove(&key) {
            let about = (name.namespace.clone(), Uid::from(&*gone.facts.uid));
            self.hints.forget(&about);
        }
        self.forget_target(&key);
        true
    }

    fn forget_hints(&mut self, pod: &Name) {
        if let Some(known) = self.pods.get(pod) {
            let about = (pod.namespace.clone(), known.facts.uid.clone());
            self.hints.forget(&about);
        }
    }

    fn strategy_gone(&mut self, kind: StrategyKind, name: &Name) -> bool {
        let removed = self.strategies.remove(&(kind, name.clone())).is_some();
        self.note_all_unproven();
        removed
    }

    fn record_gone(&mut self, name: &Name, uid: &Text, now: Moment) -> bool {
        let known = self.records.get(name);
        if !known.is_some_and(|one| uid.is_empty() || one.uid == *uid) {
            return false;
        }
        let Some(record) = self.records.remove(name) else {
            return false;
        };
        let target = record.target();
        if let Some(names) = self.records_by_target.get_mut(&target) {
            names.remove(name);
            if names.is_empty() {
                self.records_by_target.remove(&target);
            }
        }
        self.bury(&record, now);
        true
    }

    /// Keeps the acts of a lost record as tombstones until no budget counts them any more.
    fn bury(&mut self, record: &Episode, now: Moment) {
        let horizon = now.minus(BUDGET_WINDOW);
        self.tombstones.retain(|one| one.at > horizon);
        let policy = policy_id(record);
        for attempt in record.state.attempts.iter().filter(|_| !record.is_dry()) {
            if attempt.intent_at > horizon && attempt.units() > 0 {
                self.tombstones.push(Tombstone {
                    target: record.target(),
                    policy: policy.clone(),
                    at: attempt.intent_at,
                    units: attempt.units(),
                });
            }
        }
    }

    /// A complete list was applied: what it did not name is gone.
    pub(super) fn list_ends(
        &mut self,
        source: Source,
        version: &str,
        at: Moment,
        now: Moment,
    ) -> bool {
        let Some(unlisted) = self.listing.remove(&source) else {
            return false;
        };
        for name in &unlisted {
            self.gone(source, name, &Text::from(""), now);
        }
        if self.loose && source == Source::Pods {
            self.review_loose(now);
        }
        let fresh = &mut self.fresh[source as usize];
        fresh.synced = true;
        self.refresh(source, version, at, now);
        true
    }

    pub(super) fn names(&self, source: Source) -> BTreeSet<Name> {
        let workloads = |kind: WorkloadKind| {
            let of_kind = self.workloads.keys().filter(|key| key.kind == kind);
            of_kind.map(TargetKey::as_name).collect()
        };
        let strategies = |kind: StrategyKind| {
            let of_kind = self.strategies.keys().filter(|(one, _)| *one == kind);
            of_kind.map(|(_, name)| name.clone()).collect()
        };
        let mut names: BTreeSet<Name> = match source {
            Source::Pods => self.pods.names().cloned().collect(),
            Source::Deployments => workloads(WorkloadKind::Deployment),
            Source::StatefulSets => workloads(WorkloadKind::StatefulSet),
            Source::DaemonSets => workloads(WorkloadKind::DaemonSet),
            Source::ReplicaSets | Source::ControllerRevisions => {
                let kept = self.revisions.keys().filter(|(one, _)| *one == source);
                kept.map(|(_, name)| name.clone()).collect()
            }
            Source::Namespaces => self
                .namespaces
                .keys()
                .map(|name| Name::new("", name))
                .collect(),
            Source::DisruptionBudgets => self.disruption_budgets.keys().cloned().collect(),
            Source::Autoscalers | Source::VerticalAutoscalers | Source::Rollouts => {
                let of_kind = self.claims.keys().filter(|(one, _)| *one == source);
                of_kind.map(|(_, name)| name.clone()).collect()
            }
            Source::Jobs => self.jobs.keys().cloned().collect(),
            Source::Nodes => self.nodes.keys().map(|name| Name::new("", name)).collect(),
            Source::Policies => self
                .policies
                .values()
                .filter(|one| !one.is_cluster())
                .map(|one| one.id.clone())
                .collect(),
            Source::ClusterPolicies => self
                .policies
                .values()
                .filter(|one| one.is_cluster())
                .map(|one| one.id.clone())
                .collect(),
            Source::Strategies => strategies(StrategyKind::RecoveryStrategy),
            Source::ClusterStrategies => strategies(StrategyKind::ClusterRecoveryStrategy),
            Source::Config => self
                .config
                .iter()
                .map(|_| Name::new("", CONFIG_NAME))
                .collect(),
            Source::Records => self.records.keys().cloned().collect(),
            Source::Events => BTreeSet::new(),
        };
        let unread = self.unreadable.keys().filter(|(one, _)| *one == source);
        names.extend(unread.map(|(_, name)| name.clone()));
        names
    }

    /// The view of a collection is at this version or past it.
    pub(super) fn saw(&mut self, source: Source, version: &str) {
        // Half a list shows nothing: an object that comes first may be newer than one that follows.
        if self.listing.contains_key(&source) {
            return;
        }
        let fresh = &mut self.fresh[source as usize];
        fresh.version = fresh.version.max(version_number(version));
    }

    /// The view of a collection is current as of `at`; true where it was stale before, or where an
    /// own write is seen now.
    pub(super) fn refresh(
        &mut self,
        source: Source,
        version: &str,
        at: Moment,
        now: Moment,
    ) -> bool {
        let was_stale = !self.is_fresh(source, now);
        self.saw(source, version);
        let fresh = &mut self.fresh[source as usize];
        fresh.at = fresh.at.max(at);
        self.settle_flights() || (was_stale && self.is_fresh(source, now))
    }
}

/// The policy that a record names.
pub(crate) fn policy_id(record: &Episode) -> Name {
    match record.spec.policy_ref.split_once('/') {
        Some(("ClusterHealingPolicy", name)) => Name::new("", name),
        Some((_, name)) => Name::new(&record.id.namespace, name),
        None => Name::new(&record.id.namespace, &record.spec.policy_ref),
    }
}
