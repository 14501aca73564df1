//! A node, as far as it tells why the pods on it fail.

use super::Text;
use super::condition;
use super::slim::SlimConditioned;
use crate::moment::Moment;

/// The label that says in which zone a node is (kubernetes.io/docs/reference/labels-annotations-taints).
const ZONE: &str = "topology.kubernetes.io/zone";

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NodeFacts {
    pub name: Text,
    pub zone: Option<Text>,
    /// Since when its network is not set up, as condition NetworkUnavailable says; absent while it is, and where nobody says
    /// anything: cloud routes and some network plugins do.
    pub without_network: Option<Moment>,
}

impl NodeFacts {
    /// Reads a node.
    pub fn read(object: &SlimConditioned) -> Self {
        let meta = &object.metadata;
        let mut conditions = object.status.conditions.iter();
        let without = conditions.find(|one| one.type_ == "NetworkUnavailable");
        let without = without.filter(|one| one.status == "True");
        Self {
            name: meta.name.as_str().into(),
            zone: meta.labels.get(ZONE).map(|zone| zone.as_str().into()),
            without_network: without.map(|one| condition::since(one).unwrap_or_default()),
        }
    }
}
