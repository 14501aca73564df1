//! Which policies select which workloads, and what these have yet to prove.

use std::collections::BTreeSet;

use super::World;
use super::index::remove;
use crate::facts::TargetKey;
use crate::policy::PolicyId;

impl World {
    /// Recomputes which policies select one workload.
    pub(super) fn match_target(&mut self, key: &TargetKey) {
        for id in self.matches.remove(key).unwrap_or_default() {
            remove(&mut self.members, &id, key);
        }
        let Some(workload) = self.workloads.get(key) else {
            return;
        };
        let namespace = self.namespaces.get(&key.namespace);
        let mut ids: Vec<_> = self
            .policies
            .values()
            .filter(|policy| policy.selects(&workload.facts, namespace))
            .collect();
        ids.sort_by_key(|policy| policy.rank());
        let ids: Vec<PolicyId> = ids.into_iter().map(|policy| policy.id.clone()).collect();
        for id in &ids {
            self.members
                .entry(id.clone())
                .or_default()
                .insert(key.clone());
        }
        if !ids.is_empty() {
            self.matches.insert(key.clone(), ids);
        }
        self.note_unproven(key);
    }

    pub(super) fn match_namespace(&mut self, namespace: &str) {
        let keys: Vec<_> = self.keys_in(namespace);
        for key in &keys {
            self.match_target(key);
        }
    }

    pub(super) fn match_policy(&mut self, id: &PolicyId) {
        let members = self.members.get(id).cloned().unwrap_or_default();
        let reach: BTreeSet<TargetKey> = match self.policies.get(id) {
            Some(policy) if policy.is_cluster() => self.workloads.keys().cloned().collect(),
            Some(policy) => self
                .keys_in(&policy.id.namespace.clone())
                .into_iter()
                .collect(),
            None => BTreeSet::new(),
        };
        members
            .union(&reach)
            .cloned()
            .collect::<Vec<_>>()
            .iter()
            .for_each(|key| {
                self.match_target(key);
            });
    }

    pub(super) fn forget_target(&mut self, key: &TargetKey) {
        self.match_target(key);
        self.unwell.remove(key);
        self.unproven.remove(key);
        self.refused_marks.remove(key);
    }

    fn keys_in(&self, namespace: &str) -> Vec<TargetKey> {
        let here = self.workloads_in(namespace);
        here.map(|(key, _)| key.clone()).collect()
    }

    /// Notes whether the current revision of a workload has yet to prove itself.
    pub(super) fn note_unproven(&mut self, key: &TargetKey) {
        if crate::proof::is_proven(self, key) {
            self.unproven.remove(key);
            self.refused_marks.remove(key);
        } else {
            self.unproven.insert(key.clone());
        }
    }

    pub(super) fn note_all_unproven(&mut self) {
        let keys: Vec<_> = self.matches.keys().cloned().collect();
        for key in &keys {
            self.note_unproven(key);
        }
    }
}
