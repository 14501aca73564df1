//! What a record proposes to whoever keeps a workload's template: the two templates are read, and the record says how
//! they differ. Best effort: what could not be read is read again with the record's next write.

use std::time::Duration;

use kube::Client;
use kubemend_engine::facts::{Name, TargetKey, template};
use kubemend_engine::proposal::{self, Proposal};
use kubemend_engine::{Episode, Source};
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde_json::Value;

/// Of two readings side by side; a record waits no longer for what it can do without.
const WITHIN: Duration = Duration::from_secs(2);

/// Where a workload holds its template.
const WRITTEN: &str = "/spec/template";

/// A workload's pod template, and that of the revision to return to.
#[derive(Clone, Debug, PartialEq)]
pub struct Templates {
    /// The present one.
    pub from: Value,
    /// The revision's.
    pub to: Value,
}

/// Reads the patch of a proposal that has none yet.
pub(crate) async fn fill(client: &Client, episode: &mut Episode) {
    let target = episode.target();
    let uid = episode.spec.target.uid.clone();
    let Some(proposal) = &mut episode.state.proposal else {
        return;
    };
    if proposal.patch.is_some() || !proposal.left_out.is_empty() {
        return;
    }
    match templates(client, &target, &uid, proposal).await {
        Ok(Some(templates)) => {
            let difference = proposal::for_record(&templates.from, &templates.to);
            proposal.patch = difference.patch.map(|patch| patch.to_string());
            proposal.left_out = difference.left_out;
        }
        Ok(None) => tracing::debug!(%target, "the templates of a proposal have changed"),
        Err(failure) => tracing::debug!(%target, %failure, "no proposal could be read"),
    }
}

/// Both templates, if they still are those that the proposal speaks of.
pub async fn templates(
    client: &Client,
    target: &TargetKey,
    uid: &str,
    proposal: &Proposal,
) -> Result<Option<Templates>, Failure> {
    let revision = Name::new(&target.namespace, &proposal.revision);
    let workload = call::path(Source::of(target.kind), &target.as_name());
    let revision = call::path(Source::of_revisions(target.kind), &revision);
    let kept = template::pointer(target.kind);
    let (from, to) = tokio::try_join!(
        one(client, &workload, WRITTEN, uid, &proposal.from),
        one(client, &revision, kept, &proposal.uid, &proposal.to)
    )?;
    Ok(from.zip(to).map(|(from, to)| Templates { from, to }))
}

/// The template of an object, if object and template are the expected ones.
async fn one(
    client: &Client,
    path: &str,
    place: &str,
    uid: &str,
    hash: &str,
) -> Result<Option<Value>, Failure> {
    let json = match call::send(client, Request::get(path), WITHIN).await {
        Err(Failure::NotFound(_)) => return Ok(None),
        answer => answer?,
    };
    let mut seen: Value =
        serde_json::from_slice(&json).map_err(|error| Failure::Garbage(error.to_string()))?;
    let found = seen.pointer_mut(place).map(Value::take);
    let same = seen["metadata"]["uid"] == *uid;
    Ok(found.filter(|found| same && template::hash(found) == hash))
}
