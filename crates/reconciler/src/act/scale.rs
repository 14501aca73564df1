//! Sets the replicas of a workload through its scale subresource, from what was judged.

use kubemend_engine::Source;
use kubemend_engine::facts::TargetKey;
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Hand, Look, Sight, change, version};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Scale {
    metadata: Meta,
    spec: Spec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    uid: String,
    resource_version: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    replicas: u32,
}

/// What is judged: the UID, and the replicas before.
struct Replicas<'a> {
    path: String,
    source: Source,
    uid: &'a str,
    from: u32,
    to: u32,
}

/// `from` → `to`, if the workload with that UID still has `from`.
pub(super) async fn run(
    hand: &Hand<'_>,
    target: &TargetKey,
    uid: &str,
    from: u32,
    to: u32,
) -> Answer {
    let source = Source::of(target.kind);
    let path = format!("{}/scale", call::path(source, &target.as_name()));
    change(
        hand,
        source,
        Replicas {
            path,
            source,
            uid,
            from,
            to,
        },
    )
    .await
}

impl Look for Replicas<'_> {
    async fn look(&self, hand: &Hand<'_>) -> Result<Sight, Failure> {
        let json = match hand.send(Request::get(&self.path)).await {
            Err(Failure::NotFound(_)) => return Ok(Sight::Changed("Gone")),
            answer => answer?,
        };
        let seen: Scale =
            serde_json::from_slice(&json).map_err(|error| Failure::Garbage(error.to_string()))?;
        Ok(if seen.metadata.uid != self.uid {
            Sight::Changed("Gone")
        } else if seen.spec.replicas == self.to {
            Sight::There(version(self.source, &json))
        } else if seen.spec.replicas == self.from {
            let meta = json!({"uid": self.uid, "resourceVersion": seen.metadata.resource_version});
            let patch = json!({"metadata": meta, "spec": {"replicas": self.to}});
            Sight::Judged(Request::merge(&self.path, &patch))
        } else {
            Sight::Changed("Changed")
        })
    }
}
