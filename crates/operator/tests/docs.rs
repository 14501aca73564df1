//! The documents say what the code does: every reason, metric, flag, phase and field is in them, their manifests are
//! valid, and their links lead somewhere. `UPDATE=1 cargo test --workspace --test docs` writes the field tables.

#![allow(clippy::unwrap_used)]

#[path = "docs/fields.rs"]
mod fields;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use kubemend_api::actions::ActionName;
use kubemend_api::triggers::TriggerName;
use kubemend_engine::episode::Phase;
use kubemend_engine::guard::useless;
use kubemend_operator::args::Cli;

const PAGES: [&str; 12] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "lab/README.md",
    "docs/concepts.md",
    "docs/policies.md",
    "docs/failures.md",
    "docs/guards.md",
    "docs/operations.md",
    "docs/kubemend-cli.md",
    "docs/performance.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of a page's tables whose first cell is this word in backticks.
fn has_row(page: &str, word: &str) -> bool {
    let start = format!("| `{word}`");
    page.lines().any(|line| line.starts_with(&start))
}

/// The part of a page below that heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// The words that an enum's `reason` gives its variants, read off the source: no list can be forgotten.
fn reasons(of: &str) -> Vec<String> {
    let source = read("crates/engine/src/hold.rs");
    let (_, body) = source.split_once(&format!("impl {of} {{")).unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    let words = body.lines().filter_map(|line| {
        let (_, word) = line.split_once("=> \"")?;
        Some(word.trim_end_matches("\",").to_owned())
    });
    words.collect()
}

#[test]
fn every_hold_and_every_skip_is_explained() {
    let page = read("docs/operations.md");
    for (of, heading, least) in [("Hold", "Holds", 20), ("Skip", "Skips", 9)] {
        let words = reasons(of);
        assert!(words.len() >= least, "only {words:?} found for {of}");
        for word in &words {
            assert!(
                has_row(section(&page, heading), word),
                "docs/operations.md does not explain {word}"
            );
        }
        let rows = section(&page, heading)
            .lines()
            .filter(|line| line.starts_with("| `"));
        assert_eq!(
            rows.count(),
            words.len(),
            "docs/operations.md explains a {of} that is gone"
        );
    }
}

#[test]
fn every_phase_is_explained() {
    let page = read("docs/concepts.md");
    for phase in Phase::ALL {
        assert!(
            has_row(&page, phase.as_str()),
            "docs/concepts.md does not explain {}",
            phase.as_str()
        );
    }
}

#[test]
fn every_metric_is_listed() {
    let page = read("docs/operations.md");
    let page = section(&page, "Metrics");
    // Off the source: a page of metrics shows no family before its first series.
    let source = read("crates/reconciler/src/metrics.rs");
    let names: Vec<&str> = source
        .split("all.register(")
        .skip(1)
        .filter_map(|rest| rest.split('"').nth(1))
        .collect();
    assert!(names.len() >= 12, "only {names:?} found");
    for name in &names {
        // Counters get their ending from the library.
        let listed = has_row(page, name) || has_row(page, &format!("{name}_total"));
        assert!(listed, "docs/operations.md lacks {name}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(
        rows.count(),
        names.len(),
        "docs/operations.md lists a metric that is gone"
    );
}

#[test]
fn every_command_and_flag_is_listed() {
    let page = read("docs/kubemend-cli.md");
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/kubemend-cli.md lacks {name}"
        );
        for flag in command.get_arguments().filter_map(|one| one.get_long()) {
            let flag = format!("--{flag}");
            assert!(
                flag == "--help" || page.contains(&flag),
                "docs/kubemend-cli.md lacks {flag} of {name}"
            );
        }
        let variables = command.get_arguments().filter_map(|one| one.get_env());
        for variable in variables.map(|one| one.to_string_lossy().into_owned()) {
            assert!(
                page.contains(&variable),
                "docs/kubemend-cli.md lacks {variable}"
            );
        }
    }
}

#[test]
fn every_field_is_described() {
    const START: &str = "<!-- The tables below are written by a test. -->\n";
    written("docs/policies.md", START, &fields::tables());
}

/// Every trigger says what counts and what does not, and its row of what can help is the one in code.
#[test]
fn every_failure_is_described() {
    const START: &str = "<!-- The table below is written by a test. -->\n";
    let page = read("docs/failures.md");
    for trigger in TriggerName::ALL {
        let listed = has_row(section(&page, "What counts"), trigger.as_str());
        assert!(listed, "docs/failures.md lacks {}", trigger.as_str());
    }
    written("docs/failures.md", START, &helps());
}

/// Per failure, why each action cannot help; a tick where it may.
fn helps() -> String {
    let acts = || {
        ActionName::ALL
            .iter()
            .filter(|one| !matches!(one, ActionName::Wait | ActionName::Job))
    };
    let mut table = "\n| trigger | metric label |".to_owned();
    acts().for_each(|act| write!(table, " `{}` |", act.as_str()).unwrap());
    table.push_str("\n|---|---|");
    acts().for_each(|_| table.push_str("---|"));
    for trigger in TriggerName::ALL {
        write!(
            table,
            "\n| `{}` | `{}` |",
            trigger.as_str(),
            trigger.label()
        )
        .unwrap();
        acts().for_each(|act| {
            let why = useless(*trigger, *act).unwrap_or("may help");
            write!(table, " {why} |").unwrap();
        });
    }
    table.push('\n');
    table
}

/// The end of a page, from that mark on, is what the code says; `UPDATE=1` writes it.
fn written(name: &str, mark: &str, fresh: &str) {
    let page = read(name);
    let (by_hand, written) = page.split_once(mark).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(root().join(name), format!("{by_hand}{mark}{fresh}")).unwrap();
        return;
    }
    assert!(
        written == fresh,
        "{name} is stale: run UPDATE=1 cargo test --workspace --test docs"
    );
}

/// Every YAML block that speaks of our kinds is checked like a user's file.
#[test]
fn every_manifest_is_valid() {
    let mut checked = 0;
    for page in PAGES {
        for (index, block) in read(page).split("```yaml\n").skip(1).enumerate() {
            let yaml = block.split("```").next().unwrap();
            if !yaml.contains("apiVersion: kubemend.io/") {
                continue;
            }
            let name = format!("{}-{index}.yaml", page.replace('/', "-"));
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::write(&path, yaml).unwrap();
            let mut out = Vec::new();
            let well = kubemend_operator::check::run(&[path], &mut out).unwrap();
            assert!(well, "{page}: {}", String::from_utf8_lossy(&out));
            checked += 1;
        }
    }
    assert!(checked >= 3, "only {checked} manifests found");
}

#[test]
fn every_link_leads_somewhere() {
    for page in PAGES {
        let folder = root().join(page).parent().unwrap().to_owned();
        for link in read(page)
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                root().join(page)
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{page}: {link} leads nowhere");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                assert!(
                    anchors(&text).contains(anchor),
                    "{page}: {link} has no such heading"
                );
            }
        }
    }
}

/// The anchors of a page's headings, as web pages make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let kept = |c: char| c.is_alphanumeric() || c == '-' || c == ' ' || c == '_';
    let anchor = |line: &str| {
        let text: String = line
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter(|c| kept(*c))
            .collect();
        text.to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Paths in backticks that look like this repository's are there.
#[test]
fn every_file_that_is_named_exists() {
    let tops = [
        "crates/",
        "lab/",
        "tests/",
        "docs/",
        "examples/",
        "manifests/",
        "crds/",
    ];
    for page in PAGES {
        for word in read(page).split('`').skip(1).step_by(2) {
            let is_path = tops.iter().any(|top| word.starts_with(top))
                && !word.contains(['*', ' ', '<', '{', 'X']);
            if is_path {
                assert!(
                    root().join(word).exists(),
                    "{page} names {word}, which is not there"
                );
            }
        }
    }
}
