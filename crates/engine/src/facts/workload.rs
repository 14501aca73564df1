//! A workload and its revisions, reduced to what tells whether and how it can be healed.

use kubemend_api::targets::WorkloadKind;
use kubemend_api::{Memory, annotations};
use serde_json::Value;

use super::pod::{created, labels, owner};
use super::slim::{SlimMeta, SlimRevision, SlimWorkload, SlimWorkloadSpec};
use super::{Condition, Labels, Name, Owner, TargetKey, Text, condition, config, template};
use crate::moment::Moment;
use crate::source::Source;

/// A Deployment, StatefulSet or DaemonSet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, in any combination
pub struct WorkloadFacts {
    pub key: TargetKey,
    pub uid: Text,
    pub version: Text,
    pub labels: Labels,
    pub created: Moment,
    pub deleting: bool,
    /// The engine's own hash of the pod template.
    pub hash: Text,
    /// A hash of the images in it alone.
    pub images: u64,
    /// The controller has seen the newest spec.
    pub observed: bool,
    pub paused: bool,
    pub desired: u32,
    pub updated: u32,
    pub available: u32,
    /// Annotation kubemend.io/mode, as written.
    pub mode: Option<Text>,
    pub gitops: Option<GitOps>,
    /// Who made it and keeps it as it wants it, such as an operator's own resource.
    pub controller: Option<Box<Owner>>,
    /// Conditions that do not merely say that all is well.
    pub conditions: Box<[Condition]>,
    pub updates: Updates,
    /// Its controller is bringing a new template to its pods.
    pub rolling: bool,
    /// The template's annotation kubectl.kubernetes.io/restartedAt, which a rolling restart sets.
    pub restarted_at: Option<Text>,
    /// The memory limits that the template gives, by container.
    pub memory: Box<[(Text, Memory)]>,
    /// The ConfigMaps and Secrets that its template names, sorted: `ConfigMap/settings`
    pub configs: Box<[Text]>,
    /// `revisionHistoryLimit`: so many old revisions are kept.
    pub history: u32,
}

/// Whether a change of the template reaches the pods by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Updates {
    Rolling,
    /// A StatefulSet's controller waits for each pod to be ready before it goes on: with one that never gets
    /// ready it does nothing at all. <https://github.com/kubernetes/kubernetes/issues/67250>
    Ordered,
    /// All pods at once (Recreate), those that are well too.
    AtOnce,
    /// Only where somebody deletes a pod (OnDelete), or only down to an ordinal (partition).
    ByHand,
}

/// Who would revert a change of the workload's spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum GitOps {
    ArgoCd,
    Flux,
}

/// An earlier or the present template of a workload: a Deployment's ReplicaSet, or a ControllerRevision of a StatefulSet or
/// DaemonSet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RevisionFacts {
    /// The collection that keeps it.
    pub source: Source,
    pub name: Name,
    pub uid: Text,
    pub version: Text,
    pub owner: Option<Owner>,
    pub created: Moment,
    /// Its number: the newest has the highest, and one that comes back gets a new one.
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
    /// The condition of that type, unless it says that all is well.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|one| *one.kind == *kind)
    }

    /// Its controller has seen the newest spec, and every replica is updated and available.
    pub fn is_complete(&self) -> bool {
        self.observed && self.updated >= self.desired && self.available >= self.desired
    }

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
            // Pods are read as pods, never as a workload.
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Pod => (
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
            images: images(&object.spec.template),
            observed: status.observed_generation >= meta.generation,
            paused: object.spec.paused,
            desired: count(desired),
            updated: count(updated),
            available: count(available),
            mode: meta
                .annotations
                .get(annotations::MODE)
                .map(|mode| mode.as_str().into()),
            gitops: gitops(meta, kind),
            controller: owner(meta).map(Box::new),
            conditions: condition::read(&status.conditions),
            rolling: match kind {
                WorkloadKind::StatefulSet => status.current_revision != status.update_revision,
                WorkloadKind::Deployment | WorkloadKind::DaemonSet | WorkloadKind::Pod => {
                    updated < desired
                }
            },
            updates: updates(kind, &object.spec),
            restarted_at: object
                .spec
                .template
                .pointer(RESTARTED_AT)
                .and_then(Value::as_str)
                .map(Text::from),
            memory: memory(&object.spec.template),
            configs: config::read(&object.spec.template),
            history: count(object.spec.revision_history_limit.unwrap_or(10)),
        }
    }
}

impl RevisionFacts {
    /// Reads a ReplicaSet.
    pub fn of_replica_set(object: &SlimWorkload) -> Self {
        let number = object.metadata.annotations.get(REVISION);
        let number = number.and_then(|text| text.parse().ok()).unwrap_or(0);
        let template = &object.spec.template;
        Self::read(Source::ReplicaSets, &object.metadata, number, template)
    }

    /// Reads a ControllerRevision.
    pub fn of_controller_revision(object: &SlimRevision) -> Self {
        let number = u64::try_from(object.revision).unwrap_or(0);
        let template = object.data.pointer("/spec/template");
        let template = template.unwrap_or(&Value::Null);
        Self::read(
            Source::ControllerRevisions,
            &object.metadata,
            number,
            template,
        )
    }

    fn read(source: Source, meta: &SlimMeta, revision: u64, template: &Value) -> Self {
        let hash = template::hash(template);
        let mark = meta.annotations.get(annotations::HEALTHY);
        Self {
            source,
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.as_str().into(),
            version: meta.resource_version.as_str().into(),
            owner: owner(meta),
            created: created(meta),
            revision,
            proof: mark.and_then(|text| Proof::parse(text, &hash)),
            hash: hash.into(),
        }
    }

    /// The workload whose revision it would be, by the owner's kind and name.
    pub fn target(&self) -> Option<TargetKey> {
        let owner = self.owner.as_ref()?;
        let kind = WorkloadKind::named(&owner.kind)?;
        Some(TargetKey::new(kind, &self.name.namespace, &owner.name))
    }

    /// Whether a pod was made from it that has this label. A StatefulSet's controller writes the revision's name
    /// there, a DaemonSet's what follows its own name in it.
    pub fn is_named_by(&self, label: &str) -> bool {
        let name = &*self.name.name;
        let own = |owner: &Owner| name.strip_prefix(&*owner.name)?.strip_prefix('-');
        name == label || self.owner.as_ref().and_then(own) == Some(label)
    }
}

/// A ReplicaSet's number, as its Deployment's controller writes it.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// Tells a release of another image from one of another configuration.
fn images(template: &Value) -> u64 {
    let lists = ["/spec/initContainers", "/spec/containers"];
    let lists = lists
        .iter()
        .filter_map(|list| template.pointer(list)?.as_array());
    let images = lists.flatten().map(|one| one["image"].clone());
    u64::from_str_radix(&template::hash(&Value::Array(images.collect())), 16).unwrap_or(0)
}

/// The memory limits of a template's containers, sidecars among them.
fn memory(template: &Value) -> Box<[(Text, Memory)]> {
    let lists = ["containers", "initContainers"].map(|list| template["spec"][list].as_array());
    let all = lists.into_iter().flatten().flatten();
    let limited = all.filter_map(|one| {
        let limit = Memory::quantity(one["resources"]["limits"]["memory"].as_str()?)?;
        Some((Text::from(one["name"].as_str()?), limit))
    });
    limited.collect()
}

/// Where `kubectl rollout restart` leaves its mark.
const RESTARTED_AT: &str = "/metadata/annotations/kubectl.kubernetes.io~1restartedAt";

fn updates(kind: WorkloadKind, spec: &SlimWorkloadSpec) -> Updates {
    let strategy = &spec.update_strategy;
    if strategy.type_ == "OnDelete" || strategy.rolling_update.partition > 0 {
        Updates::ByHand
    } else if spec.strategy.type_ == "Recreate" {
        Updates::AtOnce
    } else if kind == WorkloadKind::StatefulSet && spec.pod_management_policy != "Parallel" {
        Updates::Ordered
    } else {
        Updates::Rolling
    }
}

/// Argo CD marks what it tracks by annotation, or by a label of its own; Flux by labels. The label
/// `app.kubernetes.io/instance`, which Argo CD can use too, says nothing: Helm charts set it everywhere.
fn gitops(meta: &SlimMeta, kind: WorkloadKind) -> Option<GitOps> {
    const FLUX: [&str; 2] = [
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/name",
    ];
    let tracked = meta.annotations.get("argocd.argoproj.io/tracking-id");
    if tracked.is_some_and(|id| tracks(id, meta, kind))
        || meta.labels.contains_key("argocd.argoproj.io/instance")
    {
        Some(GitOps::ArgoCd)
    } else if FLUX.iter().any(|label| meta.labels.contains_key(*label)) && !is_let_go(meta) {
        Some(GitOps::Flux)
    } else {
        None
    }
}

/// Whether a tracking-id, `app:group/Kind:namespace/name`, means this object: one that means another came along
/// with copied annotations, and Argo CD does not look at it. In doubt it means this one.
fn tracks(id: &str, meta: &SlimMeta, kind: WorkloadKind) -> bool {
    let mut parts = id.rsplitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(object), Some(group_kind), Some(_)) => {
            object == format!("{}/{}", meta.namespace, meta.name)
                && group_kind == format!("apps/{kind}")
        }
        _ => true,
    }
}

/// Flux was told to leave the object as it is.
fn is_let_go(meta: &SlimMeta) -> bool {
    let says = |key: &str, value: &str| {
        let said = meta.annotations.get(key).or_else(|| meta.labels.get(key));
        said.is_some_and(|one| one.eq_ignore_ascii_case(value))
    };
    says("kustomize.toolkit.fluxcd.io/reconcile", "disabled")
        || says("kustomize.toolkit.fluxcd.io/ssa", "Ignore")
}

fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
