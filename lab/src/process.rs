//! Daemons that outlive the program that starts them, known again by a pid file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{PATH, run, wait_for};

/// A long-running program of the lab.
#[derive(Debug)]
pub(crate) struct Daemon {
    program: String,
    pid_file: PathBuf,
    owner: PathBuf,
}

impl Daemon {
    /// `program` with its pid in `pids/PROGRAM.pid`. `owner` is the state folder, which the command line must name.
    pub(crate) fn new(program: &str, pids: &Path, owner: &Path) -> Self {
        let pid_file = pids.join(format!("{program}.pid"));
        Self {
            program: program.to_owned(),
            pid_file,
            owner: owner.to_owned(),
        }
    }

    /// Every daemon that left a pid file in the folder.
    pub(crate) fn recorded(pids: &Path, owner: &Path) -> Vec<Self> {
        let files = fs::read_dir(pids)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        files
            .filter(|path| path.extension().is_some_and(|extension| extension == "pid"))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .map(|program| Self::new(&program, pids, owner))
            .collect()
    }

    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// The pid, if the process lives and is still ours: pids are used again, so the command line is compared too.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(&self.pid_file)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        is_ours(&command_line(pid), &self.program, &self.owner).then_some(pid)
    }

    /// Starts the command line in a session of its own with its output appended to `log`.
    pub(crate) fn start(&self, command_line: &[String], log: &Path) -> Result<()> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new("setsid")
            .args(command_line)
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program))?;
        fs::write(&self.pid_file, child.id().to_string())
            .with_context(|| format!("cannot write {}", self.pid_file.display()))
    }

    /// Sends a signal (`STOP`, `CONT`, `TERM`, …); a daemon that is gone already is an error.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let pid = self
            .pid()
            .with_context(|| format!("{} does not run", self.program))?;
        send(signal, &[pid])
    }

    /// Ends the daemon at once, waits until it is gone and forgets its pid; one that is gone already is fine.
    pub(crate) fn kill(&self) -> Result<()> {
        if let Some(pid) = self.pid() {
            send("KILL", &[pid])?;
            let what = format!("the end of {} ({pid})", self.program);
            wait_for(&what, Duration::from_secs(10), || Ok(self.pid().is_none()))?;
        }
        match fs::remove_file(&self.pid_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Sends a signal to processes; those that end meanwhile are no error.
pub(crate) fn send(signal: &str, pids: &[u32]) -> Result<()> {
    for pid in pids {
        let sent = run(Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(pid.to_string()));
        if sent.is_err() && !command_line(*pid).is_empty() {
            sent?;
        }
    }
    Ok(())
}

/// The processes whose program has this name and whose arguments name the state folder.
pub(crate) fn find(program: &str, owner: &Path) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let line = command_line(*pid);
        // The first word must be the program: `grep kubelet` in the state folder is somebody else's.
        line.first().is_some_and(|word| is_program(word, program)) && mentions(&line, owner)
    })
    .collect()
}

/// The arguments of a process; empty for one that is gone or a zombie.
pub(crate) fn command_line(pid: u32) -> Vec<String> {
    if let Ok(raw) = fs::read(format!("/proc/{pid}/cmdline")) {
        let raw = String::from_utf8_lossy(&raw).into_owned();
        return raw.split_terminator('\0').map(str::to_owned).collect();
    }
    if Path::new("/proc/self").exists() {
        return Vec::new();
    }
    // No /proc on macOS; ps gives words, which is enough to compare.
    let line = run(Command::new("ps")
        .args(["-ww", "-o", "command=", "-p"])
        .arg(pid.to_string()));
    line.unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// Any word may be the program: until it replaces itself, `nsenter` stands before it.
fn is_ours(line: &[String], program: &str, owner: &Path) -> bool {
    line.iter().any(|word| is_program(word, program)) && mentions(line, owner)
}

fn is_program(word: &str, program: &str) -> bool {
    Path::new(word)
        .file_name()
        .is_some_and(|name| name == program)
}

fn mentions(line: &[String], owner: &Path) -> bool {
    let below = format!("{}/", owner.display());
    line.iter().any(|word| word.contains(&below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_reused_pid_is_not_ours() {
        let owner = Path::new("/tmp/lab");
        assert!(is_ours(
            &words("/cache/kubelet --config /tmp/lab/k.json"),
            "kubelet",
            owner
        ));
        assert!(is_ours(
            &words("nsenter --net=/x /cache/kubelet --c=/tmp/lab/k"),
            "kubelet",
            owner
        ));
        assert!(!is_ours(
            &words("/cache/kubelet --config /etc/k.json"),
            "kubelet",
            owner
        ));
        assert!(!is_ours(
            &words("tail -f /tmp/lab/kubelet.log"),
            "kubelet",
            owner
        ));
        assert!(!is_ours(&[], "kubelet", owner));
    }

    #[test]
    fn a_pid_file_of_another_process_is_ignored() {
        let folder = std::env::temp_dir().join(format!("lab-pid-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("kubelet.pid"), std::process::id().to_string()).expect("a file");
        let daemons = Daemon::recorded(&folder, &folder);
        assert_eq!(daemons.len(), 1);
        assert_eq!(daemons[0].program(), "kubelet");
        assert_eq!(daemons[0].pid(), None, "the pid is that of this test");
        daemons[0].kill().expect("nothing to kill");
        assert!(Daemon::recorded(&folder, &folder).is_empty());
        fs::remove_dir_all(&folder).expect("the folder goes");
    }
}
