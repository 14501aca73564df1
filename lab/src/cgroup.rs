//! One cgroup per node, so that everything a node ran can be found and ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::wait_for;
use crate::process::send;

const ROOT: &str = "/sys/fs/cgroup";

/// Makes the cgroup in every hierarchy: the kubelet wants its root to exist.
pub(crate) fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies() {
        let folder = hierarchy.join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the cgroup {}", folder.display()))?;
        // In version 1 a new cpuset is empty, and no process could enter it.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (parent, child) = (hierarchy.join(file), folder.join(file));
            if parent.exists() && child.exists() {
                fs::write(child, fs::read(parent)?)?;
            }
        }
    }
    Ok(())
}

/// Ends every process in the cgroups whose name starts so, then removes them.
pub(crate) fn remove(prefix: &str) -> Result<()> {
    let roots: Vec<PathBuf> = hierarchies()
        .iter()
        .flat_map(|hierarchy| folders(hierarchy))
        .filter(|folder| {
            folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    wait_for(
        "the end of the nodes' containers",
        Duration::from_secs(20),
        || {
            let mut pids: Vec<u32> = roots.iter().flat_map(|root| members(root)).collect();
            pids.sort_unstable();
            pids.dedup();
            send("KILL", &pids)?;
            Ok(pids.is_empty())
        },
    )?;
    wait_for(
        "the removal of the nodes' cgroups",
        Duration::from_secs(10),
        || {
            for root in &roots {
                remove_tree(root);
            }
            Ok(roots.iter().all(|root| !root.exists()))
        },
    )
}

/// Version 1 has a folder per hierarchy, version 2 is one hierarchy.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        vec![root.to_owned()]
    } else {
        folders(root)
    }
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn members(folder: &Path) -> Vec<u32> {
    let own = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let own = own
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect::<Vec<u32>>();
    folders(folder)
        .iter()
        .flat_map(|child| members(child))
        .chain(own)
        .collect()
}

/// Children first; a cgroup that is still busy stays for the next attempt.
fn remove_tree(folder: &Path) {
    for child in folders(folder) {
        remove_tree(&child);
    }
    let _ = fs::remove_dir(folder);
}
