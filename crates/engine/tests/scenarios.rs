//! Plays every file under `tests/scenarios/` and compares what was decided with what it expects.
//!
//! `UPDATE=1` writes what was decided into the files; review every line against the design then.
//! An argument plays only the files whose name contains it.

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use support::scenario::{files, play, rewrite};

/// A directory with fewer files than this has lost some.
const AT_LEAST: usize = 180;

fn main() -> ExitCode {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let only = std::env::args()
        .skip(1)
        .find(|one| !one.starts_with('-'))
        .unwrap_or_default();
    let update = std::env::var_os("UPDATE").is_some();
    let files = files(&directory);
    let (mut passed, mut failed) = (0, 0);
    for path in &files {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.contains(&only) {
            continue;
        }
        match judge(path, update) {
            Ok(()) => passed += 1,
            Err(report) => {
                failed += 1;
                println!("FAILED {name}\n{report}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    let complete = !only.is_empty() || files.len() >= AT_LEAST;
    if !complete && !update {
        println!(
            "only {} scenarios are left of at least {AT_LEAST}",
            files.len()
        );
    }
    if failed == 0 && (complete || update) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn judge(path: &Path, update: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let played = std::panic::catch_unwind(|| play(&text)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_default()
    })??;
    if update {
        std::fs::write(path, rewrite(&text, &played)).map_err(|error| error.to_string())?;
        return Ok(());
    }
    let mut report = String::new();
    for (index, (expected, actual)) in played.iter().enumerate() {
        if expected != actual {
            let _ = writeln!(report, "  step {}:", index + 1);
            diff(&mut report, expected, actual);
        }
    }
    if report.is_empty() {
        Ok(())
    } else {
        Err(report)
    }
}

/// Lines in both, only expected (-), only decided (+).
fn diff(report: &mut String, expected: &str, actual: &str) {
    let mut rest = actual.lines().peekable();
    for line in expected.lines() {
        if rest.clone().any(|one| one == line) {
            while let Some(one) = rest.next_if(|one| *one != line) {
                let _ = writeln!(report, "  + {one}");
            }
            rest.next();
            let _ = writeln!(report, "    {line}");
        } else {
            let _ = writeln!(report, "  - {line}");
        }
    }
    for one in rest {
        let _ = writeln!(report, "  + {one}");
    }
}
