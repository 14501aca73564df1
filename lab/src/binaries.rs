//! Builds Kubernetes, etcd and KWOK from Go modules, once, into the cache.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::paths::cache;

/// `go.mod` beside this crate pins the same; a test compares them.
pub(crate) const KUBERNETES: &str = "v1.37.2";
const ETCD: &str = "v3.7.3";
const KWOK: &str = "v0.8.0";

const GO_MOD: &str = include_str!("../go.mod");
const GO_SUM: &str = include_str!("../go.sum");

/// Small ones first: what fails, fails early.
const BINARIES: [(&str, &str); 9] = [
    ("etcd", ETCD),
    ("kubectl", KUBERNETES),
    ("kube-proxy", KUBERNETES),
    ("kubelet", KUBERNETES),
    ("kube-scheduler", KUBERNETES),
    ("kwok", KWOK),
    ("kwokctl", KWOK),
    ("kube-controller-manager", KUBERNETES),
    ("kube-apiserver", KUBERNETES),
];

/// The folder of the built binaries; its name carries every version, so another pin never finds stale ones.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(cache()?.join(format!("bin-{KUBERNETES}-etcd-{ETCD}-kwok-{KWOK}")))
}

/// Builds what is not there yet, one binary at a time, and returns their folder.
///
/// The first run takes about ten minutes on two cores and 2.7 GB of memory; later runs take no time. Fails without
/// Go 1.26 or its module proxy.
pub fn build() -> Result<PathBuf> {
    let folder = folder()?;
    if missing(&folder).next().is_none() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join(".lock"))?;
    if lock.try_lock().is_err() {
        println!("another process builds the binaries; waiting for it");
        lock.lock()?;
    }
    let module = folder.join(".module");
    fs::create_dir_all(&module)?;
    fs::write(module.join("go.mod"), GO_MOD)?;
    fs::write(module.join("go.sum"), GO_SUM)?;
    if run(Command::new("go").arg("version")).is_err() {
        bail!("the lab builds Kubernetes from source and needs Go 1.26 (`go` on the PATH)");
    }
    let todo: Vec<usize> = missing(&folder).collect();
    for index in todo {
        let (name, version) = BINARIES[index];
        print!(
            "[{}/{}] building {name} {version} ... ",
            index + 1,
            BINARIES.len()
        );
        std::io::stdout().flush()?;
        let start = Instant::now();
        build_one(name, &folder, &module)?;
        println!("{:>4} s", start.elapsed().as_secs());
    }
    Ok(folder)
}

fn missing(folder: &Path) -> impl Iterator<Item = usize> {
    let present = |index: &usize| folder.join(BINARIES[*index].0).exists();
    (0..BINARIES.len()).filter(move |index| !present(index))
}

/// A build that is cut off leaves only its unfinished file, which the next one overwrites.
fn build_one(name: &str, folder: &Path, module: &Path) -> Result<()> {
    let unfinished = module.join("bin");
    fs::create_dir_all(&unfinished)?;
    let mut go = Command::new("go");
    go.current_dir(module).env("CGO_ENABLED", "0");
    if name.starts_with("kwok") {
        go.env("GOBIN", &unfinished)
            .args(["install", "-trimpath", "-ldflags", "-s -w"]);
        go.arg(format!("sigs.k8s.io/kwok/cmd/{name}@{KWOK}"));
    } else {
        go.args(["build", "-trimpath", "-ldflags", &linker_flags(), "-o"]);
        go.arg(unfinished.join(name)).arg(package(name));
    }
    run(&mut go).with_context(|| format!("building {name}"))?;
    fs::rename(unfinished.join(name), folder.join(name))?;
    Ok(())
}

fn package(name: &str) -> String {
    match name {
        "etcd" => "go.etcd.io/etcd/server/v3".to_owned(),
        name => format!("k8s.io/kubernetes/cmd/{name}"),
    }
}

/// Without its version linked in, the server says v0.0.0-master and clients misjudge what it can do.
fn linker_flags() -> String {
    let package = "k8s.io/component-base/version";
    let mut numbers = KUBERNETES.trim_start_matches('v').split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    format!(
        "-s -w -X {package}.gitVersion={KUBERNETES} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_pins_the_same_versions() {
        assert!(GO_MOD.contains(&format!("k8s.io/kubernetes {KUBERNETES} ")));
        assert!(GO_MOD.contains(&format!("go.etcd.io/etcd/server/v3 {ETCD} ")));
        let staging = KUBERNETES.replace("v1.", "v0.");
        assert!(GO_MOD.contains(&format!("k8s.io/api => k8s.io/api {staging}")));
        for (name, version) in BINARIES {
            assert!(
                version == KWOK || GO_MOD.contains(&format!("\t{}\n", package(name))),
                "{name}"
            );
        }
    }

    #[test]
    fn the_server_knows_its_version() {
        assert!(
            linker_flags().ends_with("gitMajor=1 -X k8s.io/component-base/version.gitMinor=37")
        );
    }
}
