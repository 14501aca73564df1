//! Effects and requests in words for people.

use crate::episode::{Episode, Request, Verb};
use crate::plan::Effect;

/// An effect in words.
pub(crate) fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Open(episode, _) => {
            format!("open {} for {}", episode.id.name, episode.spec.symptom)
        }
        Effect::Write(episode) => {
            let reason = episode.state.reason.as_deref().unwrap_or_default();
            format!(
                "record {} as {} {reason}",
                episode.id.name,
                episode.state.phase.as_str()
            )
        }
        Effect::Act(episode, _) => format!("act for {}: {}", episode.id.name, requests(episode)),
        Effect::Rehearse(episode, _) => {
            format!("dry run for {}: {}", episode.id.name, requests(episode))
        }
        Effect::Undo(episode) => {
            let back = episode.state.undo.as_ref().map_or(0, |undo| undo.from);
            format!(
                "take back the scale of {}, to {back} replicas",
                episode.id.name
            )
        }
        Effect::Prove {
            revision, proof, ..
        } => {
            format!("mark {} as proven for {}s", revision.name, proof.seconds)
        }
        Effect::Prune(episode) => format!("delete the old record {}", episode.id.name),
    }
}

fn requests(episode: &Episode) -> String {
    let Some(attempt) = episode.last_attempt() else {
        return String::new();
    };
    let all: Vec<_> = attempt.requests.iter().map(request).collect();
    if all.is_empty() {
        return format!("{}: look whether it heals by itself", attempt.step);
    }
    format!("{}: {}", attempt.step, all.join(", "))
}

/// One request in words.
pub(crate) fn request(request: &Request) -> String {
    let (from, to) = (
        request.from.as_deref().unwrap_or_default(),
        request.to.as_deref().unwrap_or_default(),
    );
    match request.verb {
        Verb::Evict => format!("evict pod {}", request.name),
        Verb::Delete => format!("delete pod {}", request.name),
        Verb::Scale => format!("scale from {from} to {to} replicas"),
        Verb::Restart => format!("restart all pods of {}", request.name),
        Verb::Rollback => format!("roll back to {}", request.name),
        Verb::Run => format!("run Job {}", request.name),
        Verb::Resize => format!("resize pod {} from {from} to {to}", request.name),
    }
}
