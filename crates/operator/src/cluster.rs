//! The way to the API server.

use anyhow::{Context as _, Result};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::args::Access;

/// Reads where the API server is and who we are. What is named is used or fails: a broken
/// KUBECONFIG never falls through to another cluster.
pub async fn config(access: &Access) -> Result<Config> {
    let options = KubeConfigOptions {
        context: access.context.clone(),
        ..KubeConfigOptions::default()
    };
    let named = access.context.is_some() || std::env::var_os("KUBECONFIG").is_some();
    let mut config = if let Some(path) = &access.kubeconfig {
        let shown = || format!("--kubeconfig {}", path.display());
        let file = Kubeconfig::read_from(path).with_context(shown)?;
        Config::from_custom_kubeconfig(file, &options)
            .await
            .with_context(shown)?
    } else if !named && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        Config::incluster().context("the pod's ServiceAccount")?
    } else {
        Config::from_kubeconfig(&options)
            .await
            .context("no kubeconfig")?
    };
    // A hidden retry would repeat an act after the judgement behind it is stale.
    config.default_retry = false;
    Ok(config)
}

/// A client, and the namespace that is meant: the one that was named, else the kubeconfig's own.
pub async fn place(access: &Access, named: Option<&str>) -> Result<(kube::Client, String)> {
    let config = config(access).await?;
    let namespace = named.unwrap_or(&config.default_namespace).to_owned();
    let client = kube::Client::try_from(config).context("the API server cannot be addressed")?;
    Ok((client, namespace))
}

/// A client for the commands that people type.
pub async fn client(access: &Access) -> Result<kube::Client> {
    kube::Client::try_from(config(access).await?).context("the API server cannot be addressed")
}
