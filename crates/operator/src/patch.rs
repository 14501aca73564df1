//! `kubemend patch`: what a record proposes to whoever keeps the workload's template, as a patch for Git. It is printed
//! and never applied.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use kube::Client;
use kubemend_engine::change::{self, Change, Object};
use kubemend_engine::facts::Name;
use kubemend_engine::proposal::{self, Literals, Proposal};
use kubemend_engine::{Episode, Source, record};
use kubemend_reconciler::propose;
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde_json::{Value, json};

use crate::args::{Access, Patch};
use crate::cluster;
use crate::why::ask::Ask;

/// A person waits for the answer.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Prints the patch on `out`; false where the record proposes none.
pub async fn patch(access: &Access, options: &Patch, out: &mut dyn Write) -> Result<bool> {
    let Ask::Record(name) = options.record.parse::<Ask>()? else {
        bail!(
            "'{}' is no record; ask for hev/NAME, as kubectl get healingevents lists them",
            options.record
        );
    };
    let (client, namespace) = cluster::place(access, options.namespace.as_deref()).await?;
    let name = Name::new(&namespace, &name);
    let json = match call::send(
        &client,
        Request::get(call::path(Source::Records, &name)),
        WITHIN,
    )
    .await
    {
        Err(Failure::NotFound(_)) => {
            writeln!(
                out,
                "not found: no HealingEvent/{} in namespace {namespace}",
                name.name
            )?;
            return Ok(false);
        }
        answer => answer.with_context(|| format!("HealingEvent/{} cannot be read", name.name))?,
    };
    let episode = read(&json).with_context(|| format!("HealingEvent/{}", name.name))?;
    let mut patches = Vec::from_iter(raised(&episode)?);
    let mut why = nothing(&episode);
    if let Some(proposal) = &episode.state.proposal {
        let (patch, notes) = proposed(&client, &episode, proposal).await;
        why = format!("no patch: {}", notes.join("; "));
        let text = patch.map(|patch| render(&episode, &back(proposal), &patch, &notes));
        patches.extend(text.transpose()?);
    }
    if patches.is_empty() {
        writeln!(out, "{why}")?;
    }
    write!(out, "{}", patches.join("---\n"))?;
    Ok(!patches.is_empty())
}

/// The change that a record proposes, between the templates as they are, or as it was recorded.
async fn proposed(
    client: &Client,
    episode: &Episode,
    proposal: &Proposal,
) -> (Option<Value>, Vec<String>) {
    let answer = propose::templates(
        client,
        &episode.target(),
        &episode.spec.target.uid,
        proposal,
    )
    .await;
    match answer {
        Ok(Some(now)) => {
            let whole = proposal::between(&now.from, &now.to, Literals::Shown);
            (whole.patch, Vec::new())
        }
        Ok(None) => stored(
            proposal,
            "the workload has another template now, or the revision is gone",
        ),
        Err(failure) => stored(
            proposal,
            &format!("the templates cannot be read: {failure}"),
        ),
    }
}

fn read(json: &[u8]) -> Result<Episode> {
    match change::read(Source::Records, json)? {
        Change::Object(object) => match *object {
            Object::Record(episode) => Ok(*episode),
            _ => bail!("it is something else"),
        },
        Change::Unreadable(one) => bail!(one.error),
        _ => bail!("it is something else"),
    }
}

/// What pods were given until their end, as a patch for their template; `None` where none was given anything.
fn raised(episode: &Episode) -> Result<Option<String>> {
    let status = record::encode(episode).status;
    let Some(patch) = status.and_then(|one| one.template_patch) else {
        return Ok(None);
    };
    let patch: Value = serde_json::from_str(&patch).context("status.templatePatch is no JSON")?;
    let what = "with the memory that its pods were given";
    render(episode, what, &patch, &[]).map(Some)
}

/// Why a record proposes nothing.
fn nothing(episode: &Episode) -> String {
    let name = &episode.id.name;
    let rollbacks = episode.state.skips.iter().map(|one| {
        let message = one.message.as_deref().unwrap_or_default();
        format!("{} was skipped: {} ({message})", one.step, one.reason)
    });
    let told: Vec<String> = rollbacks.collect();
    let told = if told.is_empty() {
        "no step was skipped".to_owned()
    } else {
        told.join("; ")
    };
    format!(
        "no patch: HealingEvent/{name} proposes none: no rollback was left to somebody else who keeps the template, and no pod was given more memory that helped; {told}"
    )
}

fn back(proposal: &Proposal) -> String {
    format!(
        "back to the template of {}, {} -> {}",
        proposal.revision, proposal.from, proposal.to
    )
}

/// What the record holds, and what must be said about it.
fn stored(proposal: &Proposal, why: &str) -> (Option<Value>, Vec<String>) {
    let patch = proposal
        .patch
        .as_deref()
        .and_then(|patch| serde_json::from_str(patch).ok());
    let mut notes = vec![format!("as recorded then: {why}")];
    notes.extend(
        proposal
            .left_out
            .iter()
            .map(|one| format!("not in it, but different too: {one}")),
    );
    (patch, notes)
}

/// The patch as YAML that `kubectl patch --patch-file` and kustomize take.
fn render(episode: &Episode, what: &str, patch: &Value, notes: &[String]) -> Result<String> {
    let target = &episode.spec.target;
    let mut object = json!({
        "apiVersion": target.api_version,
        "kind": target.kind,
        // A manifest in Git mostly names no namespace, and kustomize matches by it.
        "metadata": { "name": target.name },
    });
    object["spec"] = patch["spec"].clone();
    let yaml = serde_saphyr::to_string(&object).context("the patch is no plain data")?;
    let mut text = format!(
        "# {}: {} in namespace {} {what}.\n",
        episode.id.name, episode.spec.target_ref, episode.id.namespace,
    );
    for note in notes {
        text.push_str("# ");
        text.push_str(note);
        text.push('\n');
    }
    text.push_str(&yaml);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal() -> Proposal {
        Proposal {
            step: "rollback".into(),
            revision: "web-6d5f".into(),
            uid: "u".into(),
            from: "a".into(),
            to: "b".into(),
            patch: Some(
                r#"{"spec":{"template":{"spec":{"containers":[{"image":"web:1","name":"app"}]}}}}"#
                    .into(),
            ),
            left_out: vec!["spec.containers[app].env".into()],
        }
    }

    #[test]
    fn what_pods_were_given_is_proposed_for_their_template() {
        let at = "2026-01-01T00:00:00.000Z";
        let spec = json!({"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "w", "templateHash": "a"},
            "targetRef": "Deployment/web", "policyRef": "HealingPolicy/web", "rule": "r", "symptom": "OomKilled", "ttl": "1h",
            "failedAt": at, "detectedAt": at});
        let attempt = json!({"step": "resize", "action": "resizeMemory", "intentAt": at, "notAfter": at, "actedAt": at, "outcome": "Recovered",
            "requests": [{"verb": "Resize", "name": "web-1", "uid": "p", "from": "app limit 64Mi", "to": "app limit 96Mi",
                "result": "Applied"}]});
        let record = json!({"metadata": {"name": "web-1", "namespace": "shop"}, "spec": spec,
            "status": {"phase": "Recovered", "attempts": [attempt]}});
        let episode = read(record.to_string().as_bytes()).unwrap();
        let text = raised(&episode).unwrap().expect("a patch");
        assert!(text.starts_with("# web-1: Deployment/web in namespace shop with the memory that its pods were given.\n"), "{text}");
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        let container = &read["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["resources"]["limits"]["memory"], "96Mi");
    }

    #[test]
    fn a_patch_is_read_back_as_it_was_meant() {
        let spec = json!({"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "w", "templateHash": "a"},
            "targetRef": "Deployment/web", "policyRef": "HealingPolicy/web", "rule": "r", "symptom": "ImagePull", "ttl": "1h",
            "failedAt": "2026-01-01T00:00:00.000Z", "detectedAt": "2026-01-01T00:00:00.000Z"});
        let record = json!({"metadata": {"name": "web-1", "namespace": "shop"}, "spec": spec});
        let episode = read(record.to_string().as_bytes()).unwrap();
        assert!(nothing(&episode).contains("no step was skipped"));
        let (patch, notes) = stored(&proposal(), "it is gone");
        let text = render(&episode, &back(&proposal()), &patch.unwrap(), &notes).unwrap();
        assert!(text.starts_with("# web-1: Deployment/web in namespace shop back to the template of web-6d5f, a -> b.\n# as recorded then: it is gone\n# not in it"), "{text}");
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(
            read,
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "web:1"}]}}}})
        );
    }
}
