//! A workload and its revisions, reduced to what tells whether and how it can be healed.

use kubemend_api::annotations;
use kubemend_api::targets::WorkloadKind;

use super::pod::{created, labels, owner};
use super::slim::{SlimMeta, SlimWorkload};
use super::{Labels, Name, Owner, TargetKey, Text, template};
use crate::moment::Moment;

/// A Deployment, StatefulSet or DaemonSet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WorkloadFacts {
    pub key: TargetKey,
    pub uid: Text,
    pub version: Text,
    pub labels: Labels,
    pub created: Moment,
    pub deleting: bool,
    /// The engine's own hash of the pod template.
    pub hash: Text,
    /// The controller has seen the newest spec.
    pub observed: bool,
    pub paused: bool,
    pub desired: u32,
    pub updated: u32,
    pub available: u32,
    /// Annotation kubemend.io/mode, as written.
    pub mode: Option<Text>,
    pub gitops: Option<GitOps>,
}

/// Who would revert a change of the workload's spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum GitOps {
    ArgoCd,
    Flux,
}

/// A ReplicaSet of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RevisionFacts {
    pub name: Name,
    pub uid: Text,
    pub version: Text,
    pub owner: Option<Owner>,
    pub created: Moment,
    /// `deployment.kubernetes.io/revision`
    pub revision: u64,
    pub hash: Text,
    /// The operator's mark, valid only where its hash is the revision's own: annotations get copied.
    pub proof: Option<Proof>,
}

/// How long a revision has proven itself: every pod available, no abnormal end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Proof {
    pub since: Moment,
    pub seconds: i64,
}

impl Proof {
    /// `<hash>@<since>/<seconds proven>`, if it speaks of this hash.
    pub fn parse(text: &str, hash: &str) -> Option<Self> {
        let (own, rest) = text.split_once('@')?;
        let (since, seconds) = rest.rsplit_once('/')?;
        let proof = Self {
            since: Moment::parse(since)?,
            seconds: seconds.parse().ok()?,
        };
        (own == hash && proof.seconds > 0).then_some(proof)
    }

    /// The annotation's value for a revision of this hash.
    pub fn render(self, hash: &str) -> String {
        format!("{hash}@{}/{}", self.since, self.seconds)
    }
}

impl WorkloadFacts {
    /// Reads a workload of the given kind.
    pub fn read(kind: WorkloadKind, object: &SlimWorkload) -> Self {
        let meta = &object.metadata;
        let status = &object.status;
        let (desired, updated, available) = match kind {
            WorkloadKind::DaemonSet => (
                status.desired_number_scheduled,
                status.updated_number_scheduled,
                status.number_available,
            ),
            WorkloadKind::Deployment | WorkloadKind::StatefulSet => (
                object.spec.replicas.unwrap_or(1),
                status.updated_replicas,
                status.available_replicas,
            ),
        };
        Self {
            key: TargetKey::new(kind, &meta.namespace, &meta.name),
            uid: meta.uid.as_str().into(),
            version: meta.resource_version.as_str().into(),
            labels: labels(meta),
            created: created(meta),
            deleting: meta.deletion_timestamp.is_some(),
            hash: template::hash(&object.spec.template).into(),
            observed: status.observed_generation >= meta.generation,
            paused: object.spec.paused,
            desired: count(desired),
            updated: count(updated),
            available: count(available),
            mode: meta
                .annotations
                .get(annotations::MODE)
                .map(|mode| mode.as_str().into()),
            gitops: gitops(meta),
        }
    }
}

impl RevisionFacts {
    /// Reads a ReplicaSet.
    pub fn read(object: &SlimWorkload) -> Self {
        let meta = &object.metadata;
        let hash = template::hash(&object.spec.template);
        let annotation = |key: &str| meta.annotations.get(key);
        Self {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.as_str().into(),
            version: meta.resource_version.as_str().into(),
            owner: owner(meta),
            created: created(meta),
            revision: annotation("deployment.kubernetes.io/revision")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            proof: annotation(annotations::HEALTHY).and_then(|text| Proof::parse(text, &hash)),
            hash: hash.into(),
        }
    }
}

/// Argo CD marks what it tracks by annotation, Flux by labels.
fn gitops(meta: &SlimMeta) -> Option<GitOps> {
    const FLUX: [&str; 2] = [
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/name",
    ];
    if meta
        .annotations
        .contains_key("argocd.argoproj.io/tracking-id")
    {
        Some(GitOps::ArgoCd)
    } else if FLUX.iter().any(|label| meta.labels.contains_key(*label)) {
        Some(GitOps::Flux)
    } else {
        None
    }
}

fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
