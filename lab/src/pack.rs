//! Packs one program and the libraries it needs into a container image, without a daemon.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::image::{architecture, digest, tar};

/// Nobody in particular: the image has no users' file.
const USER: &str = "65532:65532";

/// Writes a docker-archive named `tag` whose only program is `program`, run by no privileged user.
pub fn pack(program: &Path, tag: &str, archive: &Path) -> Result<()> {
    let name = program
        .file_name()
        .and_then(|name| name.to_str())
        .context("a program has a name")?;
    let archive = std::path::absolute(archive)?;
    let work = archive.with_extension("work");
    let root = work.join("root");
    fs::create_dir_all(&root)?;
    let packed = root.join(name);
    fs::copy(program, &packed).with_context(|| program.display().to_string())?;
    // Smaller where binutils is there; the image works as well without.
    let _ = Command::new("strip").arg(&packed).status();
    for library in libraries(program)? {
        let place = root.join(library.strip_prefix("/")?);
        fs::create_dir_all(place.parent().context("a library has a folder")?)?;
        fs::copy(&library, &place).with_context(|| library.display().to_string())?;
    }
    let layer = work.join("layer.tar");
    tar(&root, &layer, &["."])?;
    fs::write(
        work.join("config.json"),
        config(name, &digest(&layer)?).to_string(),
    )?;
    let manifest = json!([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]);
    fs::write(work.join("manifest.json"), manifest.to_string())?;
    tar(
        &work,
        &archive,
        &["manifest.json", "config.json", "layer.tar"],
    )?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

fn config(name: &str, layer: &str) -> Value {
    json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"User": USER, "WorkingDir": "/", "Entrypoint": [format!("/{name}")]},
        "rootfs": {"type": "layers", "diff_ids": [layer]}
    })
}

/// What the loader would load, by its own account; nothing for a static program.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("ldd")
        .arg(program)
        .output()
        .context("ldd is needed")?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let paths = listed
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(paths.map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::run;

    #[test]
    fn a_program_is_packed_with_its_loader_and_for_nobody() {
        let archive = std::env::temp_dir().join(format!("lab-pack-{}.tar", std::process::id()));
        pack(Path::new("/bin/ls"), "example/ls:1", &archive).expect("an archive");
        let cat = |member: &str| {
            run(Command::new("tar").arg("-xOf").arg(&archive).arg(member)).expect("a member")
        };
        assert!(cat("manifest.json").contains("example/ls:1"));
        let config: Value = serde_json::from_str(&cat("config.json")).expect("a config");
        assert_eq!(config["config"]["User"], USER);
        assert_eq!(config["config"]["Entrypoint"][0], "/ls");
        let layer = archive.with_extension("layer");
        let script = format!(
            "tar -xOf {} layer.tar > {}",
            archive.display(),
            layer.display()
        );
        run(Command::new("sh").args(["-c", &script])).expect("a layer");
        let listed = run(Command::new("tar").arg("-tf").arg(&layer)).expect("a list");
        assert!(
            listed.lines().any(|line| line == "./ls") && listed.contains("libc.so"),
            "{listed}"
        );
        fs::remove_file(archive).expect("the archive goes");
        fs::remove_file(layer).expect("the layer goes");
    }
}
