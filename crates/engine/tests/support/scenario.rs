//! Scenario files: reading them, playing them, and writing what they expect anew.

use std::fmt::Write as _;
use std::path::Path;

use kubemend_api::targets::WorkloadKind;
use kubemend_engine::explain::{self, Explanation, explain};
use kubemend_engine::facts::{Name, TargetKey};
use kubemend_engine::source::Source;
use kubemend_engine::{Settings, decide, report};
use serde::Deserialize;
use serde_json::Value;

use super::objects::{self, millis, moment};
use super::render;
use super::stage::Stage;
use super::step::{Step, patch_spec, prepare, set_chain};
use super::toy::Toy;

/// One file.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scenario {
    /// Merged over the spec of the policy that every scenario has.
    #[serde(default)]
    policy: Value,
    /// Merged over the spec of HealingConfig/cluster.
    #[serde(default)]
    config: Value,
    /// Instead of the built-in chain.
    #[serde(default)]
    chain: Option<Value>,
    /// Environment defaults of the operator.
    #[serde(default)]
    crash_loop_restarts: Option<u32>,
    /// Collections that were never listed completely.
    #[serde(default)]
    unsynced: Vec<String>,
    /// The views age: only steps that say nothing else keep them fresh.
    #[serde(default)]
    freshness: bool,
    steps: Vec<Step>,
    /// The last step runs until then.
    #[serde(default)]
    until: Option<String>,
}

/// Plays a file. The lines that each of its steps was followed by, beside those it expects.
pub fn play(text: &str) -> Result<Vec<(String, String)>, String> {
    let scenario: Scenario = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    if !text.starts_with('#') {
        return Err("it does not begin with a comment".to_owned());
    }
    let mut settings = Settings::default();
    if let Some(restarts) = scenario.crash_loop_restarts {
        settings.crash_loop_restarts = restarts;
    }
    let unsynced = scenario
        .unsynced
        .iter()
        .map(|kind| objects::source(kind))
        .collect();
    let mut stage = Stage::new(unsynced, scenario.freshness, settings);
    stage
        .toys
        .insert("web".to_owned(), Toy::new("shop", "web", "Deployment"));
    patch_spec(&mut stage, Source::Policies, "shop", &scenario.policy);
    patch_spec(&mut stage, Source::Config, "cluster", &scenario.config);
    if let Some(chain) = &scenario.chain {
        set_chain(&mut stage, chain);
    }
    let mut played = Vec::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        stage.now = millis(&step.at);
        prepare(&mut stage, step);
        stage.sync();
        stage.rounds();
        if step.why || step.why_all {
            let key = TargetKey::new(WorkloadKind::Deployment, "shop", "web");
            let why = explain(&stage.world, &key, moment(stage.now));
            stage
                .lines
                .push(format!("why       {}: {}", why.kind, why.headline));
            let behind = why.lines.iter().filter(|_| step.why_all);
            stage
                .lines
                .extend(behind.map(|line| format!("          {line}")));
        }
        if step.strategies {
            let told = report::strategies(&stage.world, moment(stage.now));
            stage.lines.extend(told.iter().map(render::strategy));
        }
        if let Some(asked) = &step.ask {
            let why = answer(&stage, asked);
            stage
                .lines
                .push(format!("why       {}: {}", why.kind, why.headline));
        }
        if step.status {
            let line = status(&stage);
            stage.lines.push(line);
        }
        let next = scenario
            .steps
            .get(index + 1)
            .map(|next| next.at.as_str())
            .or(scenario.until.as_deref());
        if let Some(next) = next {
            stage.run_until(millis(next));
        }
        let mut lines = stage.lines.drain(..).collect::<Vec<_>>().join("\n");
        if lines.is_empty() {
            "nothing".clone_into(&mut lines);
        }
        played.push((step.expect.trim_end().to_owned(), lines));
    }
    Ok(played)
}

fn answer(stage: &Stage, asked: &str) -> Explanation {
    let now = moment(stage.now);
    match asked.strip_prefix("Pod/") {
        Some(name) => explain::pod(&stage.world, &Name::new("shop", name), now),
        None => explain::owner(&stage.world, "shop", asked, now),
    }
}

fn status(stage: &Stage) -> String {
    let now = moment(stage.now);
    let plan = decide(&stage.world, now);
    let reports = report::policies(&stage.world, &plan, now);
    let shop = reports.iter().find(|one| &*one.name.name == "shop");
    let status = &shop.expect("the policy of every scenario").status;
    let jobs = status.jobs.as_ref().map_or_else(String::new, |jobs| {
        format!(", {} Jobs fail with {} pods", jobs.failing, jobs.pods)
    });
    format!("status    {} targets{jobs}", status.targets)
}

/// The file with the lines that were played as its expectations.
pub fn rewrite(text: &str, played: &[(String, String)]) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    let mut played = played.iter();
    while let Some(line) = lines.next() {
        let Some(indent) = line
            .find("expect:")
            .filter(|at| line[..*at].trim().is_empty())
        else {
            let _ = writeln!(out, "{line}");
            continue;
        };
        let _ = writeln!(out, "{}expect: |", &line[..indent]);
        while lines
            .next_if(|next| {
                next.trim().is_empty() && !next.is_empty()
                    || next.len() > indent && next[..=indent].trim().is_empty()
            })
            .is_some()
        {}
        for one in played.next().map_or("", |(_, lines)| lines).lines() {
            let _ = writeln!(out, "{}  {one}", &line[..indent]);
        }
    }
    out
}

/// Every scenario file, in order.
pub fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory of scenarios");
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|one| one == "yaml"))
        .collect();
    files.sort();
    files
}
