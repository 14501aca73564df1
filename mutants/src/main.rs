//! Plants each deliberate bug in a copy of the workspace, and runs the tests that must catch it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Parser;
use kubemend_mutants::{Mutant, Proof, all};

/// Far beyond the slowest build and proof on a busy machine; a bug that makes its test hang is caught too.
const SECONDS: &str = "900";

/// Runs deliberate bugs against the proofs.
#[derive(Parser)]
struct Args {
    /// Only bugs whose name contains this.
    #[arg(default_value = "")]
    only: String,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let mutants: Vec<_> = all().filter(|one| one.name.contains(&args.only)).collect();
    ensure!(
        !mutants.is_empty(),
        "no bug has {:?} in its name",
        args.only
    );
    let bed = Bed::new()?;
    for proof in Proof::ALL {
        if mutants.iter().any(|one| one.proof == proof) {
            println!("without a bug: {}", proof.args().join(" "));
            ensure!(
                bed.passes(proof)?,
                "the tests fail without any bug, so they prove nothing"
            );
        }
    }
    let mut lines = Vec::new();
    let mut survived = 0;
    for (at, mutant) in mutants.iter().enumerate() {
        let started = Instant::now();
        let killed = bed.kills(mutant)?;
        survived += usize::from(!killed);
        let word = if killed { "killed" } else { "SURVIVED" };
        let line = format!(
            "{word:<9} {:<48} {:?}, {} s",
            mutant.name,
            mutant.proof,
            started.elapsed().as_secs()
        );
        println!("{:>2}/{} {line}", at + 1, mutants.len());
        lines.push(line);
    }
    println!(
        "\n{}\nkilled {} of {}",
        lines.join("\n"),
        mutants.len() - survived,
        mutants.len()
    );
    Ok(if survived == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A copy of the workspace in which bugs are planted; its builds stay for the next run.
struct Bed {
    tree: PathBuf,
    target: PathBuf,
}

impl Bed {
    /// Copies what git knows of or would add; files that have not changed keep their times, so
    /// that cargo builds nothing twice.
    fn new() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("a workspace")?;
        let bed = Self {
            tree: root.join("target/mutants/tree"),
            target: root.join("target/mutants/target"),
        };
        let list = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .context("git lists the workspace's files")?;
        ensure!(
            list.status.success(),
            "git ls-files: {}",
            String::from_utf8_lossy(&list.stderr)
        );
        let names = String::from_utf8(list.stdout)?;
        let mut present = BTreeSet::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            // A file that is deleted but not committed is listed still.
            let Ok(bytes) = fs::read(root.join(name)) else {
                continue;
            };
            let copy = bed.tree.join(name);
            if fs::read(&copy).ok().as_deref() != Some(&bytes) {
                fs::create_dir_all(copy.parent().context("a folder")?)?;
                fs::write(&copy, bytes)?;
            }
            present.insert(copy);
        }
        remove_others(&bed.tree, &present)?;
        Ok(bed)
    }

    /// Plants the bug, compiles, runs its proof, and takes the bug out again. A bug that does not
    /// compile is an error of the list.
    fn kills(&self, mutant: &Mutant) -> anyhow::Result<bool> {
        let path = self.tree.join(mutant.file);
        let sound = fs::read_to_string(&path).with_context(|| mutant.file.to_owned())?;
        ensure!(
            sound.matches(mutant.find).count() == 1,
            "{:?} is not once in {}",
            mutant.find,
            mutant.file
        );
        fs::write(&path, sound.replace(mutant.find, mutant.replace))?;
        let compiled = self.cargo(mutant.proof, &["--no-run"]);
        let passes = compiled
            .as_ref()
            .is_ok_and(|one| *one)
            .then(|| self.passes(mutant.proof));
        fs::write(&path, sound)?;
        ensure!(compiled?, "{} does not compile, see above", mutant.name);
        Ok(!passes.context("it was run")??)
    }

    fn passes(&self, proof: Proof) -> anyhow::Result<bool> {
        self.cargo(proof, &["--quiet"])
    }

    /// Runs `cargo test` politely and in silence, but for errors of the compiler.
    fn cargo(&self, proof: Proof, more: &[&str]) -> anyhow::Result<bool> {
        let loud = more.contains(&"--no-run");
        let mut command = Command::new("nice");
        command.args(["-n", "10", "timeout", SECONDS, "cargo", "test"]);
        command
            .args(proof.args())
            .args(more)
            .current_dir(&self.tree);
        command.env("CARGO_TARGET_DIR", &self.target);
        command.stdout(Stdio::null()).stdin(Stdio::null());
        command.stderr(if loud { Stdio::piped() } else { Stdio::null() });
        let output = command.output().context("cargo runs")?;
        if loud && !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(output.status.success())
    }
}

/// Removes what an earlier copy had and the workspace no longer has.
fn remove_others(folder: &Path, present: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, present)?;
        } else if !present.contains(&path)
            && path.file_name().is_none_or(|name| name != "Cargo.lock")
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
