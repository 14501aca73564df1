//! What the operator watches: one line per collection.

use kubemend_api::targets::WorkloadKind;

/// The label of what Kubemend makes itself, key and value.
pub const MADE_BY_US: (&str, &str) = ("app.kubernetes.io/managed-by", "kubemend");

/// A collection of objects that the World is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each is named after its collection
pub enum Source {
    Pods,
    Deployments,
    StatefulSets,
    DaemonSets,
    ReplicaSets,
    ControllerRevisions,
    Namespaces,
    DisruptionBudgets,
    Autoscalers,
    VerticalAutoscalers,
    Rollouts,
    Jobs,
    Nodes,
    Policies,
    ClusterPolicies,
    Strategies,
    ClusterStrategies,
    Config,
    Records,
    Events,
}

impl Source {
    /// The collection of a kind that can be healed.
    pub const fn of(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Deployment => Self::Deployments,
            WorkloadKind::StatefulSet => Self::StatefulSets,
            WorkloadKind::DaemonSet => Self::DaemonSets,
            WorkloadKind::Pod => Self::Pods,
        }
    }

    /// Every collection, in the order in which they are read first.
    pub const ALL: [Self; 20] = [
        Self::Config,
        Self::Strategies,
        Self::ClusterStrategies,
        Self::Policies,
        Self::ClusterPolicies,
        Self::Records,
        Self::Namespaces,
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::ReplicaSets,
        Self::ControllerRevisions,
        Self::DisruptionBudgets,
        Self::Autoscalers,
        Self::VerticalAutoscalers,
        Self::Rollouts,
        Self::Jobs,
        Self::Nodes,
        Self::Pods,
        Self::Events,
    ];

    /// The collection that keeps the revisions of workloads of that kind.
    pub const fn of_revisions(kind: WorkloadKind) -> Self {
        match kind {
            // ReplicaSets of owners of other kinds are revisions too.
            WorkloadKind::Deployment | WorkloadKind::Pod => Self::ReplicaSets,
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => Self::ControllerRevisions,
        }
    }

    /// What it tells are hints, confirmed on other objects: nothing waits for it, and without it nothing is held.
    /// It has no state to list either: it is watched from now on.
    pub const fn is_hint(self) -> bool {
        matches!(self, Self::Events)
    }

    /// Which of its objects are read, as a part of a query; `None` for all of them.
    pub const fn selector(self) -> Option<&'static str> {
        match self {
            Self::Events => Some("fieldSelector=type%3DWarning"),
            // Those with the label MADE_BY_US.
            Self::Jobs => Some("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkubemend"),
            _ => None,
        }
    }

    /// API group (empty: core), version, plural and kind.
    pub const fn resource(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Pods => ("", "v1", "pods", "Pod"),
            Self::Namespaces => ("", "v1", "namespaces", "Namespace"),
            Self::Deployments => ("apps", "v1", "deployments", "Deployment"),
            Self::StatefulSets => ("apps", "v1", "statefulsets", "StatefulSet"),
            Self::DaemonSets => ("apps", "v1", "daemonsets", "DaemonSet"),
            Self::ReplicaSets => ("apps", "v1", "replicasets", "ReplicaSet"),
            Self::ControllerRevisions => {
                ("apps", "v1", "controllerrevisions", "ControllerRevision")
            }
            Self::DisruptionBudgets => (
                "policy",
                "v1",
                "poddisruptionbudgets",
                "PodDisruptionBudget",
            ),
            Self::Autoscalers => (
                "autoscaling",
                "v2",
                "horizontalpodautoscalers",
                "HorizontalPodAutoscaler",
            ),
            Self::VerticalAutoscalers => (
                "autoscaling.k8s.io",
                "v1",
                "verticalpodautoscalers",
                "VerticalPodAutoscaler",
            ),
            Self::Rollouts => ("argoproj.io", "v1alpha1", "rollouts", "Rollout"),
            Self::Jobs => ("batch", "v1", "jobs", "Job"),
            Self::Nodes => ("", "v1", "nodes", "Node"),
            Self::Policies => (
                "kubemend.io",
                "v1alpha1",
                "healingpolicies",
                "HealingPolicy",
            ),
            Self::ClusterPolicies => (
                "kubemend.io",
                "v1alpha1",
                "clusterhealingpolicies",
                "ClusterHealingPolicy",
            ),
            Self::Strategies => (
                "kubemend.io",
                "v1alpha1",
                "recoverystrategies",
                "RecoveryStrategy",
            ),
            Self::ClusterStrategies => (
                "kubemend.io",
                "v1alpha1",
                "clusterrecoverystrategies",
                "ClusterRecoveryStrategy",
            ),
            Self::Config => ("kubemend.io", "v1alpha1", "healingconfigs", "HealingConfig"),
            Self::Records => ("kubemend.io", "v1alpha1", "healingevents", "HealingEvent"),
            Self::Events => ("", "v1", "events", "Event"),
        }
    }

    /// The collection's name in metrics, logs and holds, for example `pods`.
    pub const fn plural(self) -> &'static str {
        self.resource().2
    }

    /// The kind of its objects, for example `Pod`.
    pub const fn kind(self) -> &'static str {
        self.resource().3
    }

    /// A kind that is not Kubernetes' own and not ours: where the cluster does not know it, there are none.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::VerticalAutoscalers | Self::Rollouts)
    }

    /// The collection's path on the API server, over all namespaces.
    pub fn path(self) -> String {
        match self.resource() {
            ("", version, plural, _) => format!("/api/{version}/{plural}"),
            (group, version, plural, _) => format!("/apis/{group}/{version}/{plural}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_what_is_read() {
        let (key, value) = MADE_BY_US;
        let encoded = format!("labelSelector={}%3D{value}", key.replace('/', "%2F"));
        assert_eq!(Source::Jobs.selector(), Some(encoded.as_str()));
    }
}
