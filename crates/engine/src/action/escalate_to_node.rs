//! `escalateToNode`: hands the failure over to the node that the failing pods share.
//!
//! An application's chain never acts on a node. Nodes are not healed yet, so all that is done is to say which one it is:
//! a lasting reason, which the record keeps.

use std::collections::BTreeSet;

use super::failing;
use crate::episode::Request;
use crate::guard::Case;
use crate::hold::{No, Skip};

/// So many nodes are named; more are counted.
const NAMED_MAX: usize = 3;

pub(super) fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    let failing = failing(case)?;
    let nodes: BTreeSet<_> = failing.iter().map(|pod| pod.node()).collect();
    let mut named = nodes.iter().flatten();
    let why = match (nodes.len(), named.next()) {
        (1, Some(node)) => {
            let (node, pods) = (node.to_string(), failing.len());
            return Err(Skip::NodesUnsupported { node, pods }.into());
        }
        (1, None) => "the failing pods are on no node yet".to_owned(),
        (count, _) => {
            let named = nodes.iter().flatten().take(NAMED_MAX);
            let named: Vec<&str> = named.map(|node| &***node).collect();
            format!(
                "the failing pods share no node: they are on {count}, among them {}",
                named.join(", ")
            )
        }
    };
    Err(Skip::CannotApply { why }.into())
}
