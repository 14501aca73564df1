//! `kubemend pause` and `kubemend resume`: the kill switch, one patch each.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use kube::api::{Api, Patch, PatchParams};
use kubemend_api::{CONFIG_NAME, HealingConfig};
use serde_json::{Value, json};

use crate::args::Access;
use crate::cluster;

/// Stops all healing.
pub async fn pause(access: &Access, reason: &str, out: &mut dyn Write) -> Result<()> {
    patch(access, &json!({"reason": reason})).await?;
    writeln!(
        out,
        "paused: nothing is healed until `kubemend resume` ({reason})"
    )?;
    Ok(())
}

/// Ends a pause.
pub async fn resume(access: &Access, out: &mut dyn Write) -> Result<()> {
    let config = patch(access, &Value::Null).await?;
    let ceiling = config.spec.mode_ceiling;
    writeln!(
        out,
        "resumed: the highest mode in this cluster is {ceiling}"
    )?;
    Ok(())
}

async fn patch(access: &Access, pause: &Value) -> Result<HealingConfig> {
    let api: Api<HealingConfig> = Api::all(cluster::client(access).await?);
    let patch = Patch::Merge(json!({"spec": {"pause": pause}}));
    match api
        .patch(CONFIG_NAME, &PatchParams::default(), &patch)
        .await
    {
        Ok(config) => Ok(config),
        Err(kube::Error::Api(status)) => bail!(refusal(status.code, &status.message)),
        Err(error) => Err(error)
            .context("the API server did not answer: it is not known whether healing is paused"),
    }
}

/// What a refused patch means for whoever typed the command.
fn refusal(code: u16, message: &str) -> String {
    match code {
        404 if message.contains(&format!("\"{CONFIG_NAME}\"")) => {
            "HealingConfig/cluster does not exist, and without it nothing is healed; create it: kubectl apply -k manifests".into()
        }
        404 => "the cluster does not know HealingConfigs, so no Kubemend heals there; install the CRDs: kubectl apply -k crds".into(),
        403 => format!("no right to patch healingconfigs.kubemend.io, see ClusterRole kubemend-platform: {message}"),
        _ => format!("HealingConfig/cluster was not changed: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn each_refusal_says_what_to_do() {
        let gone = refusal(404, r#"healingconfigs.kubemend.io "cluster" not found"#);
        assert!(
            gone.starts_with("HealingConfig/cluster does not exist"),
            "{gone}"
        );
        assert!(refusal(404, "404 page not found").contains("install the CRDs"));
        assert!(refusal(403, "tina cannot").contains("kubemend-platform: tina cannot"));
    }
}
