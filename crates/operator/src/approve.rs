//! `kubemend approve` and `kubemend deny`: a person answers for the attempt that a record waits with.
//!
//! The answer is an annotation. Who may write it is the API server's business (manifests/admission.yaml); what comes
//! of it the operator's, which judges the target once more.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kubemend_api::{HealingEvent, annotations};
use kubemend_engine::Episode;
use kubemend_engine::approval::{self, Word};
use kubemend_engine::record;
use serde_json::json;

use crate::args::{Access, Answer};
use crate::cluster;
use crate::why::Ask;

/// Writes the caller's answer to the attempt that waits.
pub async fn answer(
    access: &Access,
    options: &Answer,
    word: Word,
    out: &mut dyn Write,
) -> Result<()> {
    let Ask::Record(name) = options.record.parse::<Ask>()? else {
        bail!(
            "'{}' is no record; name the one that waits, for example hev/checkout-4f7d1c-3 (see kubectl get hev)",
            options.record
        );
    };
    let (client, namespace) = cluster::place(access, options.namespace.as_deref()).await?;
    let user = myself(client.clone()).await?;
    let records: Api<HealingEvent> = Api::namespaced(client, &namespace);
    let record = records
        .get(&name)
        .await
        .with_context(|| format!("HealingEvent/{name} in namespace {namespace} cannot be read"))?;
    let episode = record::decode(&record)
        .map_err(|error| anyhow::anyhow!("HealingEvent/{name} cannot be understood: {error}"))?;
    let Some(asked) = &episode.state.approval else {
        bail!(nothing_waits(&episode));
    };
    let answer = approval::answer(word, asked, &user);
    let change =
        Patch::Merge(json!({"metadata": {"annotations": {annotations::APPROVAL: answer}}}));
    match records.patch(&name, &PatchParams::default(), &change).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) => bail!(refusal(word, status.code, &status.message)),
        Err(error) => {
            return Err(error)
                .context("the API server did not answer: see kubemend why whether it was heard");
        }
    }
    let target = episode.target().reference();
    let (step, attempt) = (&asked.step, asked.attempt);
    let what = match word {
        Word::Approve => "approved: the operator judges the target once more and then acts",
        Word::Deny => "denied: it is not done",
    };
    writeln!(
        out,
        "{what} (attempt {attempt} of {name}, {step} for {target}, as {user})"
    )?;
    Ok(())
}

/// The caller's own name, as the API server knows it.
async fn myself(client: Client) -> Result<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client);
    let review = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
        .context("the API server does not say who you are")?;
    let user = review.status.and_then(|status| status.user_info);
    let user = user
        .and_then(|user| user.username)
        .filter(|name| !name.is_empty())
        .context("the API server knows you by no name")?;
    if user.chars().count() > approval::USER_MAX {
        bail!(
            "your name has more than the {} characters that a record keeps: {user}",
            approval::USER_MAX
        );
    }
    Ok(user)
}

fn nothing_waits(episode: &Episode) -> String {
    let (name, phase) = (&episode.id.name, episode.state.phase.as_str());
    let reason = episode.state.reason.as_deref().unwrap_or_default();
    let state = format!("{phase} {reason}");
    format!(
        "{name} waits for nobody: it is {}; kubemend why hev/{name} -n {} says more",
        state.trim_end(),
        episode.id.namespace
    )
}

/// What a refused answer means for whoever typed the command.
fn refusal(word: Word, code: u16, message: &str) -> String {
    let word = word.as_str();
    match code {
        403 => format!("you may not {word} it, see ClusterRole kubemend-approver: {message}"),
        _ => format!("nothing was answered: {message}"),
    }
}
