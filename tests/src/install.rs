//! Kubemend installed as its users install it, for stories that bring their own operator process.

use anyhow::{Context, Result};

use crate::cluster::Cluster;
use crate::operator::{NAME, NAMESPACE};

/// What the shared lane grants: enough for all stories at once, so that no story holds another.
pub const GRANT: &str = r"
apiVersion: kubemend.io/v1alpha1
kind: HealingConfig
metadata: {name: cluster}
spec:
  clusterName: stories
  modeCeiling: Enforce
  budget:
    cluster: {concurrent: 40, actsPerHour: 1000}
    perNamespace: {concurrent: 2, actsPerHour: 40}
  storm: {least: 1000} # many stories break something in one moment, each for a cause of its own
";

/// Applies `crds/` and `manifests/` with the Deployment at no replicas, and the grant.
pub async fn install(cluster: &Cluster) -> Result<()> {
    cluster.kubectl(&["apply", "-k", &folder("crds")]).await?;
    let part_of = "app.kubernetes.io/part-of=kubemend";
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd",
            "-l",
            part_of,
            "--timeout=30s",
        ])
        .await
        .context("the CRDs are not served")?;
    cluster
        .kubectl(&["apply", "-k", &folder("manifests")])
        .await?;
    scale_operator(cluster, 0).await?;
    cluster.apply(None, GRANT).await
}

/// Scales the operator's Deployment.
pub async fn scale_operator(cluster: &Cluster, replicas: u32) -> Result<()> {
    let (deployment, replicas) = (
        format!("deployment/{NAME}"),
        format!("--replicas={replicas}"),
    );
    cluster
        .kubectl(&["scale", &deployment, "-n", NAMESPACE, &replicas])
        .await?;
    Ok(())
}

fn folder(name: &str) -> String {
    format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))
}
