//! `kubemend why`: is this target healed, and if not, why not; by the operator's own engine, with
//! the caller's own rights.

pub(crate) mod ask;
mod crds;
mod leader;
mod snapshot;

use std::io::Write;

use anyhow::{Context as _, Result};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kubemend_engine::explain::{self, Explanation};
use kubemend_engine::facts::{Name, TargetKey};
use kubemend_engine::{Change, Episode, Source, World};
use kubemend_reconciler::Clock;

use crate::args::{Access, Why};
use crate::cluster;
pub(crate) use ask::Ask;
use leader::Leader;
use snapshot::Snapshot;

/// Answers on `out`, the answer itself in the first line; false where there is none.
pub async fn why(access: &Access, options: &Why, out: &mut dyn Write) -> Result<bool> {
    let asked = options.target.parse::<Ask>()?;
    let config = cluster::config(access).await?;
    let namespace = options
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let client = kube::Client::try_from(config).context("the API server cannot be addressed")?;
    let clock = Clock::system();
    let snapshot = match Snapshot::read(&client, &namespace).await {
        Ok(snapshot) => snapshot,
        Err(unknown) => {
            writeln!(out, "{unknown}")?;
            return Ok(false);
        }
    };
    let crds = crds::older(&client).await;
    let leases: Api<Lease> = Api::namespaced(client, &options.operator.namespace);
    let leader = Leader::of(
        leases.get_opt(&options.operator.lease_name).await,
        clock.now(),
    );
    let mut notes = snapshot.notes();
    let record = match &asked {
        Ask::Target(..) | Ask::Pod(_) | Ask::Owner(_) => None,
        Ask::Record(name) => {
            let Some(record) = snapshot.record(&namespace, name).cloned() else {
                writeln!(
                    out,
                    "not found: no HealingEvent/{name} in namespace {namespace} that can be read"
                )?;
                notes.iter().try_for_each(|note| writeln!(out, "{note}"))?;
                return Ok(false);
            };
            Some(record)
        }
    };
    let unread = snapshot.unread.clone();
    let mut world = World::new(options.operator.settings());
    world.apply(Change::Lead(true), clock.now());
    snapshot.fill(&mut world, &clock);
    let now = clock.now();
    let explanation = match (&record, &asked) {
        (Some(record), _) => explain::explain(&world, &record.target(), now),
        (None, Ask::Target(kind, name)) => {
            explain::explain(&world, &TargetKey::new(*kind, &namespace, name), now)
        }
        (None, Ask::Pod(name)) => explain::pod(&world, &Name::new(&namespace, name), now),
        (None, Ask::Owner(reference) | Ask::Record(reference)) => {
            explain::owner(&world, &namespace, reference, now)
        }
    };
    if let Leader::Unknown(note) = &leader {
        notes.push(note.clone());
    }
    for line in answer(explanation, record.as_ref(), &leader, crds, &unread)
        .into_iter()
        .chain(notes)
    {
        writeln!(out, "{line}")?;
    }
    Ok(true)
}

/// What stands above what the engine says: the first line is what must be mended first.
fn answer(
    explanation: Explanation,
    record: Option<&Episode>,
    leader: &Leader,
    crds: Option<String>,
    unread: &[Source],
) -> Vec<String> {
    let Explanation {
        kind,
        mut headline,
        mut lines,
    } = explanation;
    // These are so whoever leads; everything else waits for somebody who acts.
    let settled = [
        "NotFound",
        "NeverATarget",
        "NotSelected",
        "Suspended",
        "Paused",
        "PolicyInvalid",
    ];
    let strategies = [Source::Strategies, Source::ClusterStrategies];
    let mut answer = Vec::new();
    if kind == "PolicyInvalid" && strategies.iter().any(|source| unread.contains(source)) {
        // To the engine, what may not be read does not exist.
        headline = String::from(
            "no rights: the policy's strategy cannot be read, so what would be done is not known",
        );
        lines.retain(|line| line.starts_with("policy "));
    }
    answer.extend(crds);
    let trouble = leader.trouble();
    if !settled.contains(&kind) {
        answer.extend(trouble.clone());
    }
    answer.extend(record.and_then(ended));
    answer.push(headline);
    if settled.contains(&kind) {
        answer.extend(trouble);
    }
    answer.extend(lines);
    answer
        .iter_mut()
        .skip(1)
        .for_each(|line| line.insert_str(0, "  "));
    answer
}

fn ended(record: &Episode) -> Option<String> {
    let at = record.state.ended_at?;
    let reason = record.state.reason.as_deref().unwrap_or_default();
    let phase = record.state.phase.as_str();
    Some(format!(
        "ended: {} is {phase} {reason} since {at}; its target now:",
        record.id.name
    ))
}

/// A source that could not be read, and what is therefore not known.
fn note(source: Source, failure: &dyn std::fmt::Display) -> String {
    let what = match source {
        Source::DisruptionBudgets => "whether a PodDisruptionBudget holds",
        Source::Autoscalers => "whether an autoscaler owns the replicas",
        Source::VerticalAutoscalers => "whether an autoscaler owns the resources",
        Source::Rollouts => "whether Argo Rollouts releases it",
        Source::Jobs => "whether a Job that was run has ended",
        Source::Nodes => "whether a node's network is there, and its zone",
        Source::Records => "what was tried already, and what the budgets leave",
        Source::Strategies | Source::ClusterStrategies => "what the chain of a named strategy is",
        Source::ClusterPolicies => "whether a ClusterHealingPolicy answers or restricts",
        Source::Config => "whether the cluster is paused or capped",
        Source::Namespaces => "whether the namespace lowers the mode",
        Source::Events => "what Warning events say",
        Source::Pods
        | Source::Deployments
        | Source::StatefulSets
        | Source::DaemonSets
        | Source::ReplicaSets
        | Source::ControllerRevisions
        | Source::Policies => "anything",
    };
    format!("  cannot tell {what}: {failure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation(kind: &'static str) -> Explanation {
        Explanation {
            kind,
            headline: kind.to_lowercase(),
            lines: vec!["next: nothing".into()],
        }
    }

    #[test]
    fn without_a_leader_only_what_waits_for_one_comes_second() {
        let nobody = Leader::Nobody("nobody".into());
        let lines = |kind| answer(explanation(kind), None, &nobody, None, &[]);
        assert_eq!(
            lines("BelowThreshold"),
            ["no leader: nobody", "  belowthreshold", "  next: nothing"]
        );
        assert_eq!(
            lines("NotSelected"),
            ["notselected", "  no leader: nobody", "  next: nothing"]
        );
    }

    #[test]
    fn a_strategy_that_may_not_be_read_is_not_called_missing() {
        let lines = answer(
            explanation("PolicyInvalid"),
            None,
            &Leader::Acts,
            None,
            &[Source::ClusterStrategies],
        );
        assert!(lines[0].starts_with("no rights:"), "{lines:?}");
    }
}
