//! The images every node starts with, made without a registry: busybox, and a pause image from the same layer.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::command::run;

/// A shell with the usual tools, for test workloads.
pub(crate) const BUSYBOX: &str = "lab.local/busybox:1";
/// What holds a pod's namespaces.
pub(crate) const PAUSE: &str = "lab.local/pause:1";

/// PID 1 gets no signal that it does not catch, and `wait` can be interrupted where `sleep` in the foreground cannot.
const PAUSE_SCRIPT: &str = "trap 'exit 0' TERM INT; while :; do sleep 86400 & wait $!; done";

/// Makes a docker-archive with both images below `folder` and returns its path.
pub(crate) fn build(folder: &Path) -> Result<PathBuf> {
    let root = folder.join("root");
    fill(&root, Path::new("/bin/busybox"))?;
    let layer = folder.join("layer.tar");
    tar(&root, &layer, &["."])?;
    let digest = digest(&layer)?;
    let pause = config(&["/bin/sh", "-c", PAUSE_SCRIPT], &digest);
    fs::write(
        folder.join("busybox.json"),
        config(&["/bin/sh"], &digest).to_string(),
    )?;
    fs::write(folder.join("pause.json"), pause.to_string())?;
    fs::write(folder.join("manifest.json"), manifest().to_string())?;
    let archive = folder.join("images.tar");
    tar(
        folder,
        &archive,
        &["manifest.json", "busybox.json", "pause.json", "layer.tar"],
    )?;
    Ok(archive)
}

/// Busybox with a link for each of its tools.
fn fill(root: &Path, busybox: &Path) -> Result<()> {
    for folder in ["bin", "etc", "root", "tmp", "var"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    fs::copy(busybox, root.join("bin/busybox")).context("busybox-static is needed")?;
    for tool in run(Command::new(busybox).arg("--list"))?
        .lines()
        .filter(|tool| *tool != "busybox")
    {
        symlink("busybox", root.join("bin").join(tool))?;
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    )?;
    fs::write(root.join("etc/group"), "root:x:0:\nnobody:x:65534:\n")?;
    Ok(())
}

pub(crate) fn tar(folder: &Path, archive: &Path, members: &[&str]) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "--numeric-owner", "-C"])
        .arg(folder);
    run(tar.arg("-cf").arg(archive).args(members)).map(drop)
}

pub(crate) fn digest(file: &Path) -> Result<String> {
    let line = run(Command::new("sha256sum").arg(file))?;
    let digest = line
        .split_whitespace()
        .next()
        .context("sha256sum printed nothing")?;
    Ok(format!("sha256:{digest}"))
}

fn config(command: &[&str], layer: &str) -> Value {
    json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Cmd": command, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer]}
    })
}

fn manifest() -> Value {
    let entry = |config: &str, tag: &str| json!({"Config": config, "RepoTags": [tag], "Layers": ["layer.tar"]});
    json!([entry("busybox.json", BUSYBOX), entry("pause.json", PAUSE)])
}

pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_holds_what_its_manifest_names() {
        let folder = std::env::temp_dir().join(format!("lab-image-{}", std::process::id()));
        fs::create_dir_all(folder.join("root/bin")).expect("a folder");
        fs::write(folder.join("root/bin/tool"), "x").expect("a file");
        for (file, text) in [
            ("manifest.json", manifest().to_string()),
            ("busybox.json", "{}".into()),
        ] {
            fs::write(folder.join(file), text).expect("a file");
        }
        let layer = folder.join("layer.tar");
        tar(&folder.join("root"), &layer, &["."]).expect("a layer");
        tar(
            &folder,
            &folder.join("x.tar"),
            &["manifest.json", "busybox.json", "layer.tar"],
        )
        .expect("a tar");
        let listed = run(Command::new("tar").arg("-tf").arg(folder.join("x.tar"))).expect("a list");
        assert_eq!(
            listed.lines().collect::<Vec<_>>(),
            ["manifest.json", "busybox.json", "layer.tar"]
        );
        let listed = run(Command::new("tar").arg("-tvf").arg(&layer)).expect("a list");
        assert!(
            listed.lines().all(|line| line.contains(" 0/0 ")),
            "all is root's: {listed}"
        );
        assert!(digest(&layer).expect("a digest").starts_with("sha256:"));
        fs::remove_dir_all(&folder).expect("the folder goes");
    }

    #[test]
    fn both_images_share_the_layer() {
        let manifest = manifest();
        assert_eq!(manifest[0]["Layers"], manifest[1]["Layers"]);
        assert_eq!(manifest[0]["RepoTags"][0], BUSYBOX);
        assert_eq!(manifest[1]["RepoTags"][0], PAUSE);
    }
}
