//! Ends a cluster, or what a crashed run left of one. Every step is harmless when there is nothing to do.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cgroup;
use crate::command::{is_root, tool, wait_for};
use crate::control_plane;
use crate::network::{self, PREFIX};
use crate::node::PROGRAMS;
use crate::paths::Paths;
use crate::process::{Daemon, find, send};

/// Leaves no process, mount, cgroup, network or file of the lab.
pub(crate) fn clean(paths: &Paths) -> Result<()> {
    remove_file(&paths.record())?;
    // A lab of fake nodes may stand beside the one with the real nodes, whose network and cgroups are not its own.
    let real = is_root() && network::owner().is_none_or(|owner| owner == paths.state());
    // A kwokctl whose `up` was killed goes on starting programs.
    kill_strays("kwokctl", paths)?;
    if real {
        end_nodes(paths)?;
    }
    control_plane::kill(paths)?;
    if real {
        network::remove()?;
        remove_traces(paths)?;
    }
    match fs::remove_dir_all(paths.state()) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", paths.state().display()))
        }
        _ => Ok(()),
    }
}

/// First those that would start new containers, then the containers, then what held them.
fn end_nodes(paths: &Paths) -> Result<()> {
    let folders: Vec<PathBuf> = fs::read_dir(paths.nodes())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    for folder in &folders {
        for daemon in Daemon::recorded(&folder.join("pids"), paths.state()) {
            daemon.kill()?;
        }
    }
    // Killed between the start of a program and its pid file, `up` leaves one without record; shims never have one.
    for program in PROGRAMS.into_iter().chain(["containerd-shim-runc-v2"]) {
        kill_strays(program, paths)?;
    }
    cgroup::remove(PREFIX)?;
    for folder in &folders {
        remove_shim_sockets(&folder.join("containerd"))?;
    }
    unmount_below(paths.state())
}

fn kill_strays(program: &str, paths: &Paths) -> Result<()> {
    wait_for(
        &format!("the end of {program}"),
        Duration::from_secs(10),
        || {
            let strays = find(program, paths.state());
            send("KILL", &strays)?;
            Ok(strays.is_empty())
        },
    )
}

/// A shim's socket lies outside the lab's folder; the container's folder tells where.
fn remove_shim_sockets(containerd: &Path) -> Result<()> {
    let tasks = containerd.join("io.containerd.runtime.v2.task/k8s.io");
    for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let address = fs::read_to_string(task.path().join("address")).unwrap_or_default();
        if let Some(socket) = address.trim().strip_prefix("unix://") {
            remove_file(Path::new(socket))?;
        }
    }
    Ok(())
}

fn unmount_below(folder: &Path) -> Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    for mount in mounts_below(&table, folder) {
        tool(&format!("umount --lazy {mount}"))?;
    }
    Ok(())
}

/// The mount points below a folder, the inner ones first.
fn mounts_below(table: &str, folder: &Path) -> Vec<String> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let mut below: Vec<String> = points
        .filter(|point| Path::new(point).starts_with(folder))
        .map(str::to_owned)
        .collect();
    below.reverse();
    below
}

/// What the nodes' programs leave in folders that no option moves.
fn remove_traces(paths: &Paths) -> Result<()> {
    for link in fs::read_dir("/var/log/containers")
        .into_iter()
        .flatten()
        .flatten()
    {
        if fs::read_link(link.path()).is_ok_and(|target| target.starts_with(paths.state())) {
            remove_file(&link.path())?;
        }
    }
    let state = paths.state().to_string_lossy().into_owned();
    for result in fs::read_dir("/var/lib/cni/results")
        .into_iter()
        .flatten()
        .flatten()
    {
        // It names the pod's network namespace, which lies in the state folder.
        if fs::read_to_string(result.path()).is_ok_and(|text| text.contains(&state)) {
            remove_file(&result.path())?;
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_mounts_go_first_and_others_stay() {
        let table = "22 1 8:1 / / rw - ext4 d rw\n\
                     30 22 0:5 / /tmp/lab/nodes/a rw - tmpfs t rw\n\
                     31 30 0:6 / /tmp/lab/nodes/a/b rw - tmpfs t rw\n\
                     32 22 0:7 / /tmp/laboratory rw - tmpfs t rw\n";
        let below = mounts_below(table, Path::new("/tmp/lab"));
        assert_eq!(below, ["/tmp/lab/nodes/a/b", "/tmp/lab/nodes/a"]);
    }
}
