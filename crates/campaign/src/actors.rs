//! Others who change workloads: an autoscaler, and a `GitOps` controller that reverts.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::history::Workload;
use crate::manifests;
use crate::stage::Stage;

/// How often an actor looks, and how often it looks at all.
const EVERY: Duration = Duration::from_secs(15);
const LOOKS: u32 = 8;
/// How long it goes on.
pub(crate) const LAST: Duration = Duration::from_mins(2);

/// An autoscaler owns the replicas from now on, and moves them for a while; a `DaemonSet` has none.
pub(crate) async fn autoscale(stage: &Stage, one: &Workload) {
    if one.kind == "DaemonSet" {
        return;
    }
    stage.server.put(manifests::autoscaler(one));
    for look in 0..LOOKS {
        sleep(EVERY).await;
        let replicas = 2 + look % 2;
        stage
            .server
            .update(one.kind, one.namespace, &one.name, |object| {
                object["spec"]["replicas"] = json!(replicas);
            });
    }
}

/// A `GitOps` controller tracks the workload from now on, and puts back what others change for a while.
pub(crate) async fn revert(stage: &Stage, one: &Workload) {
    let id = format!("apps:apps/{}:{}/{}", one.kind, one.namespace, one.name);
    let tracked = stage
        .server
        .update(one.kind, one.namespace, &one.name, |object| {
            object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = json!(id);
        });
    let Some(tracked) = tracked else { return };
    let spec = &tracked["spec"];
    for _ in 0..LOOKS {
        sleep(EVERY).await;
        stage
            .server
            .update(one.kind, one.namespace, &one.name, |object| {
                object["spec"] = spec.clone();
            });
    }
}
