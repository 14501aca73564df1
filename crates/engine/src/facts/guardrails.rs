//! What limits healing from outside: disruption budgets, what claims a part of a workload, and namespaces.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kubemend_api::annotations;

use super::pod::labels;
use super::slim::{
    SlimAutoscaler, SlimBudget, SlimMeta, SlimObject, SlimRollout, SlimTargetRef,
    SlimVerticalAutoscaler,
};
use super::{Labels, Name, Text};
use crate::source::Source;

/// A PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct DisruptionBudgetFacts {
    pub name: Name,
    pub selector: Option<LabelSelector>,
    /// Unready pods may always be evicted.
    pub always_allow: bool,
    /// Its controller has seen the newest spec; until then the API server refuses evictions.
    pub observed: bool,
    pub allowed: u32,
    pub current_healthy: i64,
    pub desired_healthy: i64,
}

impl DisruptionBudgetFacts {
    /// Reads a PodDisruptionBudget.
    pub fn read(object: &SlimBudget) -> Self {
        Self {
            name: Name::new(&object.metadata.namespace, &object.metadata.name),
            selector: object.spec.selector.clone(),
            always_allow: object.spec.unhealthy_pod_eviction_policy.as_deref()
                == Some("AlwaysAllow"),
            observed: object.status.observed_generation >= object.metadata.generation,
            allowed: u32::try_from(object.status.disruptions_allowed).unwrap_or(0),
            current_healthy: object.status.current_healthy,
            desired_healthy: object.status.desired_healthy,
        }
    }
}

/// What owns a part of the workload that it points at: a HorizontalPodAutoscaler, KEDA's too, the replicas, a
/// VerticalPodAutoscaler the resources, a Rollout the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ClaimFacts {
    pub source: Source,
    pub name: Name,
    pub kind: Text,
    /// Empty where it points at nothing.
    pub target: Text,
}

impl ClaimFacts {
    fn new(source: Source, meta: &SlimMeta, target: &SlimTargetRef) -> Self {
        Self {
            source,
            name: Name::new(&meta.namespace, &meta.name),
            kind: target.kind.as_str().into(),
            target: target.name.as_str().into(),
        }
    }

    /// Reads a HorizontalPodAutoscaler.
    pub fn autoscaler(object: &SlimAutoscaler) -> Self {
        let target = &object.spec.scale_target_ref;
        Self::new(Source::Autoscalers, &object.metadata, target)
    }

    /// Reads a VerticalPodAutoscaler; one that only recommends owns nothing.
    pub fn vertical_autoscaler(object: &SlimVerticalAutoscaler) -> Self {
        let none = SlimTargetRef::default();
        let spec = &object.spec;
        let only_recommends = spec.update_policy.update_mode == "Off";
        let target = if only_recommends {
            &none
        } else {
            &spec.target_ref
        };
        Self::new(Source::VerticalAutoscalers, &object.metadata, target)
    }

    /// Reads a Rollout; one with a template of its own points at nothing.
    pub fn rollout(object: &SlimRollout) -> Self {
        let target = &object.spec.workload_ref;
        Self::new(Source::Rollouts, &object.metadata, target)
    }
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NamespaceFacts {
    pub name: Text,
    pub labels: Labels,
    /// Nothing new can be created in it, records neither.
    pub deleting: bool,
    /// Annotation kubemend.io/mode, as written.
    pub mode: Option<Text>,
}

impl NamespaceFacts {
    /// Reads a namespace.
    pub fn read(object: &SlimObject) -> Self {
        let meta = &object.metadata;
        Self {
            name: meta.name.as_str().into(),
            labels: labels(meta),
            deleting: meta.deletion_timestamp.is_some(),
            mode: meta
                .annotations
                .get(annotations::MODE)
                .map(|mode| mode.as_str().into()),
        }
    }
}
