//! The resources that the fake server knows, one line each.

use std::cmp::Ordering;

use serde_json::Value;

/// One served resource.
#[derive(Debug)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Plural, as in the URL.
    pub plural: &'static str,
    /// Kind, as in the object.
    pub kind: &'static str,
    /// Does it live in a namespace?
    pub namespaced: bool,
    /// Has it a status subresource?
    pub status: bool,
}

/// There is one of each in the table, so its place there is what it is: comparing keys is what the
/// server does most.
impl Resource {
    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Resource {}

impl PartialOrd for Resource {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Resource {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

const fn namespaced(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    status: bool,
) -> Resource {
    Resource {
        group,
        version,
        plural,
        kind,
        namespaced: true,
        status,
    }
}

const fn cluster(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    status: bool,
) -> Resource {
    Resource {
        group,
        version,
        plural,
        kind,
        namespaced: false,
        status,
    }
}

/// Everything served; where a kind occurs twice, the first line is meant by its bare name.
#[rustfmt::skip] // one line each
pub static RESOURCES: &[Resource] = &[
    namespaced("", "v1", "pods", "Pod", true),
    cluster("", "v1", "nodes", "Node", true),
    cluster("", "v1", "namespaces", "Namespace", true),
    namespaced("", "v1", "events", "Event", false),
    namespaced("events.k8s.io", "v1", "events", "Event", false),
    namespaced("", "v1", "configmaps", "ConfigMap", false),
    namespaced("", "v1", "secrets", "Secret", false),
    namespaced("", "v1", "services", "Service", true),
    namespaced("", "v1", "replicationcontrollers", "ReplicationController", true),
    namespaced("apps", "v1", "deployments", "Deployment", true),
    namespaced("apps", "v1", "statefulsets", "StatefulSet", true),
    namespaced("apps", "v1", "daemonsets", "DaemonSet", true),
    namespaced("apps", "v1", "replicasets", "ReplicaSet", true),
    namespaced("apps", "v1", "controllerrevisions", "ControllerRevision", false),
    namespaced("batch", "v1", "jobs", "Job", true),
    namespaced("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true),
    namespaced("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true),
    namespaced("autoscaling.k8s.io", "v1", "verticalpodautoscalers", "VerticalPodAutoscaler", true),
    namespaced("coordination.k8s.io", "v1", "leases", "Lease", false),
    namespaced("kubemend.io", "v1alpha1", "healingpolicies", "HealingPolicy", true),
    cluster("kubemend.io", "v1alpha1", "clusterhealingpolicies", "ClusterHealingPolicy", true),
    namespaced("kubemend.io", "v1alpha1", "recoverystrategies", "RecoveryStrategy", true),
    cluster("kubemend.io", "v1alpha1", "clusterrecoverystrategies", "ClusterRecoveryStrategy", true),
    cluster("kubemend.io", "v1alpha1", "healingconfigs", "HealingConfig", true),
    namespaced("kubemend.io", "v1alpha1", "healingevents", "HealingEvent", true),
];

impl Resource {
    /// The resource behind a URL's group, version and plural.
    pub fn by_url(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        RESOURCES
            .iter()
            .find(|r| r.group == group && r.version == version && r.plural == plural)
    }

    /// The resource of a kind.
    ///
    /// # Panics
    /// If the table does not hold the kind: a typo in the test.
    pub fn by_kind(kind: &str) -> &'static Self {
        RESOURCES
            .iter()
            .find(|r| r.kind == kind)
            .unwrap_or_else(|| panic!("kind {kind} is not in the table of resources"))
    }

    /// The resource that an object's `apiVersion` and `kind` name.
    pub fn of(object: &Value) -> Option<&'static Self> {
        let (kind, api_version) = (object["kind"].as_str()?, object["apiVersion"].as_str()?);
        RESOURCES
            .iter()
            .find(|r| r.kind == kind && r.api_version() == api_version)
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `deployments.apps`, as the server's messages name it.
    pub fn qualified(&self) -> String {
        match self.group {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// Is it served from a `CustomResourceDefinition`? Such kinds are stricter about writes.
    pub fn is_custom(&self) -> bool {
        self.group == "kubemend.io"
    }

    /// Has it a scale subresource?
    pub fn scales(&self) -> bool {
        matches!(
            self.plural,
            "deployments" | "statefulsets" | "replicasets" | "replicationcontrollers"
        )
    }
}
