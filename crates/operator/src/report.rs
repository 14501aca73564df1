//! `kubemend report`: what the records of a while say about each rule, so that a team can judge whether to enforce it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use anyhow::{Context as _, Result};
use kube::api::{Api, ListParams};
use kubemend_api::event::Timestamp;
use kubemend_api::{Duration, HealingEvent};
use kubemend_reconciler::Clock;

use crate::args::{Access, Report};
use crate::cluster;

/// A page of records; more come with further requests.
const PAGE: u32 = 500;

/// Prints one line per rule and mode; false where there is no record.
pub async fn report(access: &Access, options: &Report, out: &mut dyn Write) -> Result<bool> {
    let config = cluster::config(access).await?;
    let namespace = options
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let client = kube::Client::try_from(config).context("the API server cannot be addressed")?;
    let (api, place): (Api<HealingEvent>, String) = if options.all_namespaces {
        (Api::all(client), "any namespace".to_owned())
    } else {
        let place = format!("namespace {namespace}");
        (Api::namespaced(client, &namespace), place)
    };
    let from = Clock::system().now().minus(options.since.as_millis());
    let mut records = all(&api).await?;
    records.retain(|one| {
        let detected = one.spec.detected_at.as_millis();
        detected.is_some_and(|at| at >= from.as_millis())
    });
    if records.is_empty() {
        let since = &options.since;
        writeln!(out, "no HealingEvent of the last {since} in {place}")?;
        return Ok(false);
    }
    write!(out, "{}", table(&rows(&records)))?;
    Ok(true)
}

async fn all(api: &Api<HealingEvent>) -> Result<Vec<HealingEvent>> {
    let (mut all, mut page) = (Vec::new(), ListParams::default().limit(PAGE));
    loop {
        let list = api
            .list(&page)
            .await
            .context("HealingEvents cannot be listed; see ClusterRole kubemend-view")?;
        all.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(all),
        }
    }
}

/// What the records of one rule in one mode come to.
#[derive(Debug, Default, PartialEq)]
struct Row {
    episodes: usize,
    /// Acted, or would have in a dry run.
    acted: usize,
    recovered: usize,
    /// Times until it got well without an act, in milliseconds.
    alone: Vec<i64>,
    /// Why nothing, or not more, was done: typed reasons.
    blocked: BTreeMap<String, usize>,
}

type Key = (String, String, String);

fn rows(records: &[HealingEvent]) -> BTreeMap<Key, Row> {
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    for record in records {
        let status = record.status.clone().unwrap_or_default();
        let dry = record.metadata.name.as_deref().unwrap_or_default();
        let mode = if dry.ends_with("-dry") {
            "DryRun"
        } else {
            "Enforce"
        };
        let rule = status.rule.as_ref().unwrap_or(&record.spec.rule).clone();
        let key = (record.spec.policy_ref.clone(), rule, mode.to_owned());
        let row = rows.entry(key).or_default();
        row.episodes += 1;
        row.acted += usize::from(status.attempts.iter().any(|one| !one.requests.is_empty()));
        let phase = status.phase.as_deref().unwrap_or("Pending");
        match phase {
            "Recovered" => row.recovered += 1,
            "SelfRecovered" => {
                let healthy = status.healthy_at.as_ref().and_then(Timestamp::as_millis);
                let detected = record.spec.detected_at.as_millis();
                let took = healthy.zip(detected).map(|(to, from)| (to - from).max(0));
                row.alone.extend(took);
            }
            _ => {}
        }
        let stopped = matches!(phase, "Held" | "AwaitingApproval" | "Exhausted");
        let reason = status.reason.filter(|_| stopped);
        let skipped = status.skips.into_iter().map(|skip| skip.reason);
        let mut reasons: Vec<String> = skipped.chain(reason).collect();
        reasons.sort_unstable();
        // A step that is passed over for a reason that also ends the chain is one reason.
        reasons.dedup();
        for reason in reasons {
            *row.blocked.entry(reason).or_default() += 1;
        }
    }
    rows
}

fn table(rows: &BTreeMap<Key, Row>) -> String {
    let head = [
        "POLICY",
        "RULE",
        "MODE",
        "EPISODES",
        "ACTED",
        "RECOVERED",
        "ALONE",
        "MEDIAN ALONE",
        "BLOCKED BY",
    ];
    let mut cells = vec![head.map(str::to_owned)];
    for ((policy, rule, mode), row) in rows {
        let blocked: Vec<_> = row
            .blocked
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        cells.push([
            policy.clone(),
            rule.clone(),
            mode.clone(),
            row.episodes.to_string(),
            row.acted.to_string(),
            row.recovered.to_string(),
            row.alone.len().to_string(),
            median(&row.alone).map_or_else(|| "-".to_owned(), |one| one.to_string()),
            if blocked.is_empty() {
                "-".to_owned()
            } else {
                blocked.join(", ")
            },
        ]);
    }
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in &cells {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing into a String cannot fail.
            let _ = write!(line, "{cell:<width$}   ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The middle one, in whole seconds; of an even number the earlier of the two.
fn median(times: &[i64]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let middle = times.get(times.len().checked_sub(1)? / 2)?;
    Some(Duration::from_secs(middle.div_euclid(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(name: &str, status: &serde_json::Value) -> HealingEvent {
        serde_json::from_value(json!({
            "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingEvent",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u",
                "templateHash": "h"}, "targetRef": "Deployment/web", "policyRef": "HealingPolicy/shop",
                "rule": "crash-loop", "symptom": "CrashLoop", "ttl": "168h",
                "failedAt": "2026-03-01T00:00:00Z", "detectedAt": "2026-03-01T00:01:00Z"},
            "status": status,
        }))
        .unwrap()
    }

    fn attempt() -> serde_json::Value {
        json!({"step": "restart", "action": "restartPod", "intentAt": "2026-03-01T00:01:00Z",
            "notAfter": "2026-03-01T00:01:30Z", "requests": [{"verb": "Delete", "name": "p", "uid": "u"}]})
    }

    #[test]
    fn a_rule_is_summed_up_for_each_mode() {
        let alone =
            |at: &str| json!({"phase": "SelfRecovered", "healthyAt": at, "reason": "SymptomGone"});
        let records = [
            record("web-1-dry", &alone("2026-03-01T00:03:00Z")),
            record("web-2-dry", &alone("2026-03-01T00:11:00Z")),
            record(
                "web-3-dry",
                &json!({"phase": "Pending", "reason": "WouldAct", "attempts": [attempt()]}),
            ),
            record(
                "web-4",
                &json!({"phase": "Recovered", "attempts": [attempt()]}),
            ),
            record("web-5", &json!({"phase": "Held", "reason": "StormActive"})),
            record(
                "web-6",
                &json!({"phase": "Exhausted", "reason": "CannotHelp",
                "skips": [{"step": "restart", "reason": "CannotHelp"}, {"step": "rollback", "reason": "OnlyIf"}]}),
            ),
        ];
        let text = table(&rows(&records));
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("   ")
                    .map(str::trim)
                    .filter(|one| !one.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            lines[1],
            [
                "HealingPolicy/shop",
                "crash-loop",
                "DryRun",
                "3",
                "1",
                "0",
                "2",
                "2m",
                "-"
            ]
        );
        let blocked = "CannotHelp 1, OnlyIf 1, StormActive 1";
        assert_eq!(
            lines[2],
            [
                "HealingPolicy/shop",
                "crash-loop",
                "Enforce",
                "3",
                "1",
                "1",
                "0",
                "-",
                blocked
            ]
        );
    }
}
