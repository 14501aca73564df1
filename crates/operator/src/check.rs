//! `kubemend check`: validates manifests without a cluster, naming file, line and field.
//!
//! The committed CRDs are the only source: `schema` judges structure and bounds as the API server
//! does, `rules` answers the same cross-field rules, with the same messages. Then the object is
//! compiled as the operator would.

mod format;
mod object;
mod rules;
mod schema;
mod timeline;
mod yaml;

use std::collections::BTreeSet;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kubemend_api::steps::Step;
use kubemend_api::{ClusterRecoveryStrategy, HealingConfig, HealingEvent, RecoveryStrategy};
use kubemend_engine::Settings;
use kubemend_engine::policy::{Chain, Policy};
use serde::de::DeserializeOwned;

use object::Outcome;
use yaml::Node;

/// A file larger than this is no manifest; one object may have at most 1.5 MiB in etcd.
const MAX_BYTES: u64 = 16 << 20;

/// What is wrong, or only looks wrong, at one place of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    /// Counted from 1.
    line: usize,
    /// The field, for example `spec.rules[0].when`; empty for the object as a whole.
    path: String,
    message: String,
    /// A warning does not make the check fail.
    warning: bool,
}

impl Problem {
    fn error(line: usize, path: &str, message: impl Into<String>) -> Self {
        Self {
            line,
            path: path.to_owned(),
            message: message.into(),
            warning: false,
        }
    }

    fn warning(line: usize, path: &str, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::error(line, path, message)
        }
    }
}

/// The worst case of every rule of the policies in these files, a line for each attempt; false where an
/// objective cannot be met. What is not valid is `check`'s own business and is passed over.
pub fn timeline(files: &[PathBuf], out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut strategies = timeline::Strategies::built_in()?;
    let (mut policies, settings) = (Vec::new(), Settings::default());
    for path in &find(files)? {
        let Ok(documents) = yaml::parse(&read(path)?) else {
            continue;
        };
        for node in documents.iter().flat_map(object::items) {
            let json = node.to_json();
            let kind = json["kind"].as_str().unwrap_or_default().to_owned();
            match kind.as_str() {
                "HealingPolicy" => policies.extend(
                    serde_json::from_value(json).map(|one| Policy::namespaced(&one, &settings)),
                ),
                "ClusterHealingPolicy" => policies.extend(
                    serde_json::from_value(json).map(|one| Policy::cluster(&one, &settings)),
                ),
                "RecoveryStrategy" => {
                    let _ = serde_json::from_value(json).map(|one| strategies.add_namespaced(&one));
                }
                "ClusterRecoveryStrategy" => {
                    let _ = serde_json::from_value(json).map(|one| strategies.add_cluster(&one));
                }
                _ => {}
            }
        }
    }
    let mut well = true;
    for policy in &policies {
        let (lines, wrong) = timeline::of(policy, &strategies);
        well &= wrong.is_empty();
        for line in lines.iter().chain(&wrong) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(well)
}

/// Checks every manifest of the files, of the folders below them, and of standard input for `-`.
/// What it found goes to `out`, a line for each problem; true when there is none.
pub fn run(files: &[PathBuf], out: &mut dyn Write) -> anyhow::Result<bool> {
    let manifests = find(files)?;
    let kinds = schema::Kinds::ours();
    let (mut objects, mut problems) = (0, 0);
    for path in &manifests {
        let shown = path.display();
        let documents = match yaml::parse(&read(path)?) {
            Ok(documents) => documents,
            Err(error) => {
                writeln!(out, "{shown}:{}: {}", error.line, error.message)?;
                problems += 1;
                continue;
            }
        };
        for node in documents.iter().flat_map(object::items) {
            let found = match object::check(&kinds, node) {
                Outcome::Ours { problems } => {
                    objects += 1;
                    problems
                }
                Outcome::Foreign { what } => {
                    writeln!(
                        out,
                        "{shown}:{}: skipped {what}: not a kubemend.io kind",
                        node.line
                    )?;
                    continue;
                }
            };
            let name = object::name(node);
            for problem in found {
                problems += usize::from(!problem.warning);
                writeln!(out, "{shown}:{}", line(&name, &problem))?;
            }
        }
    }
    if problems == 0 {
        let count = |n: usize, what| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let (objects, files) = (count(objects, "object"), count(manifests.len(), "file"));
        writeln!(out, "ok: {objects} in {files}")?;
    }
    Ok(problems == 0)
}

/// `14: HealingPolicy/checkout spec.rules[0].when: write exactly one trigger …`
fn line(name: &str, problem: &Problem) -> String {
    let gap = if problem.path.is_empty() { "" } else { " " };
    let warning = if problem.warning { "warning: " } else { "" };
    format!(
        "{}: {name}{gap}{}: {warning}{}",
        problem.line, problem.path, problem.message
    )
}

/// The files themselves, and the `.yaml`, `.yml` and `.json` files of folders in the order of their names.
fn find(files: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in files {
        if path.is_dir() {
            walk(path, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    anyhow::ensure!(
        !found.is_empty(),
        "there is no manifest to check: name a file, a folder or -"
    );
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    // A set, because the order of a folder's entries differs between machines.
    let paths: BTreeSet<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    for path in paths {
        // A linked folder could lead back here; linked files cannot.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
        {
            found.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let size = if path == Path::new("-") {
        std::io::stdin().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
    }
    .with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(
        (size as u64) < MAX_BYTES,
        "{} is too large for a manifest",
        path.display()
    );
    Ok(text)
}

/// Compiles an object that its schema accepts, as the operator would: what only the compiler knows
/// is a problem too.
fn compile(kind: &str, object: &Node) -> Vec<Problem> {
    // Another installation's defaults change the values, never what is wrong.
    let settings = Settings::default();
    let problems = match kind {
        "HealingPolicy" => decode(object, |policy| {
            Policy::namespaced(&policy, &settings).problems
        }),
        "ClusterHealingPolicy" => decode(object, |policy| {
            Policy::cluster(&policy, &settings).problems
        }),
        "RecoveryStrategy" => decode(object, |strategy: RecoveryStrategy| {
            chain((&strategy.spec.steps, None), &settings)
        }),
        "ClusterRecoveryStrategy" => decode(object, |strategy: ClusterRecoveryStrategy| {
            let spec = &strategy.spec;
            chain((&spec.steps, spec.namespaces.as_deref()), &settings)
        }),
        "HealingConfig" => decode(object, |_: HealingConfig| Vec::new()),
        "HealingEvent" => decode(object, |_: HealingEvent| Vec::new()),
        _ => Vec::new(),
    };
    problems
        .iter()
        .map(|problem| placed(object, problem))
        .collect()
}

fn chain(steps: (&[Step], Option<&[String]>), settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    Chain::compile(steps, "spec.steps", settings, &mut problems);
    problems
}

/// What `judge` finds in the object, or why it is none of that kind.
fn decode<T: DeserializeOwned>(object: &Node, judge: impl FnOnce(T) -> Vec<String>) -> Vec<String> {
    match serde_json::from_value(object.to_json()) {
        Ok(decoded) => judge(decoded),
        Err(error) => vec![error.to_string()],
    }
}

/// The compiler begins with the field, where it knows one: `spec.rules[0].when: …`
fn placed(object: &Node, problem: &str) -> Problem {
    match problem.split_once(": ") {
        Some((path, message)) if path.starts_with("spec") && !path.contains(' ') => {
            Problem::error(object.line_of(path), path, message)
        }
        _ => Problem::error(object.line, "", problem),
    }
}
