//! The cluster as its administrator sees it, and as others do whom the administrator impersonates.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::{Client, Config};
use kubemend_lab::Lab;
use serde_json::Value;

use crate::operator::binary;

/// Who the stories are to the API server: the field manager of all that they write.
pub const MANAGER: &str = "stories";

/// The lab's cluster with the administrator's rights.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    lab: Arc<Lab>,
}

impl Cluster {
    /// Talks to that lab.
    pub async fn of(lab: Lab) -> Result<Self> {
        let client = client(lab.kubeconfig(), None).await?;
        let lab = Arc::new(lab);
        Ok(Self { client, lab })
    }

    /// The machine's lab.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The administrator's client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client with the rights of that user alone.
    pub async fn client_as(&self, user: &str) -> Result<Client> {
        client(self.lab.kubeconfig(), Some(user)).await
    }

    /// Writes a kubeconfig with the rights of that user alone.
    pub fn kubeconfig_as(&self, user: &str, path: &Path) -> Result<()> {
        let kubeconfig = impersonating(self.lab.kubeconfig(), Some(user))?;
        std::fs::write(path, serde_json::to_string(&kubeconfig)?)?;
        Ok(())
    }

    /// Applies these manifests; those of namespaced kinds go where they say, else to `namespace`.
    pub async fn apply(&self, namespace: Option<&str>, manifests: &str) -> Result<()> {
        for document in manifests
            .split("\n---\n")
            .filter(|text| !text.trim().is_empty())
        {
            self.apply_one(namespace, document)
                .await
                .with_context(|| format!("applying\n{document}"))?;
        }
        Ok(())
    }

    async fn apply_one(&self, namespace: Option<&str>, document: &str) -> Result<()> {
        let object: Value = serde_saphyr::from_str(document)?;
        let types: TypeMeta = serde_json::from_value(object.clone())?;
        let kind = GroupVersionKind::try_from(&types)?;
        let resource = ApiResource::from_gvk(&kind);
        let name = object["metadata"]["name"]
            .as_str()
            .context("no metadata.name")?;
        let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str().or(namespace) {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &resource),
            None => Api::all_with(self.client(), &resource),
        };
        let how = PatchParams::apply(MANAGER).force();
        api.patch(name, &how, &Patch::Apply(&object)).await?;
        Ok(())
    }

    /// What kubectl prints.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = self.lab.kubectl();
        kubectl.args(arguments);
        tokio::task::spawn_blocking(move || output(kubectl)).await?
    }

    /// What the program prints to the administrator.
    pub async fn kubemend(&self, arguments: &[&str]) -> Result<String> {
        let mut kubemend = Command::new(binary()?);
        kubemend.arg("--kubeconfig").arg(self.lab.kubeconfig());
        kubemend.args(arguments);
        tokio::task::spawn_blocking(move || output(kubemend)).await?
    }
}

fn impersonating(kubeconfig: &Path, user: Option<&str>) -> Result<Kubeconfig> {
    let mut kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    for info in &mut kubeconfig.auth_infos {
        if let Some(auth) = info.auth_info.as_mut() {
            auth.impersonate = user.map(str::to_owned);
        }
    }
    Ok(kubeconfig)
}

async fn client(kubeconfig: &Path, user: Option<&str>) -> Result<Client> {
    let kubeconfig = impersonating(kubeconfig, user)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn output(mut command: Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
