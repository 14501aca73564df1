//! Marks a revision as proven: the one write without a record, since it changes nothing that runs.

use kube::Client;
use kubemend_engine::change::Await;
use kubemend_engine::facts::{Name, Proof};
use kubemend_engine::{Effect, Source};
use kubemend_status::call::{self, Request};
use kubemend_status::{Failure, Permit};
use serde_json::json;

use super::{WITHIN, version};

/// The mark: on which revision, under which preconditions.
pub(crate) struct Mark<'a> {
    pub(crate) kept_in: Source,
    pub(crate) revision: &'a Name,
    pub(crate) uid: &'a str,
    pub(crate) version: &'a str,
    pub(crate) hash: &'a str,
    pub(crate) proof: Proof,
}

/// Writes the mark. A conflict is told, not fought: the next round proposes it again.
pub(crate) async fn prove(
    client: &Client,
    permit: &Permit,
    mark: Mark<'_>,
) -> Result<Option<Await>, Failure> {
    permit.check()?;
    let (key, value) = Effect::proof_annotation(mark.hash, mark.proof);
    let body = json!({"metadata": {
        "uid": mark.uid, "resourceVersion": mark.version, "annotations": {key: value},
    }});
    let path = call::path(mark.kept_in, mark.revision);
    let object = call::send(client, Request::merge(&path, &body), WITHIN).await?;
    Ok(version(mark.kept_in, &object))
}
