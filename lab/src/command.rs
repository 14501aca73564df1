//! Running tools to their end, and waiting for a condition.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const POLL: Duration = Duration::from_millis(50);

/// Runs a command and returns its stdout; the error of a failed one carries its command line and its stderr.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}: {}", line_of(command), output.status, stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a tool given as one line of plain words.
pub(crate) fn tool(line: &str) -> Result<String> {
    let mut words = line.split_whitespace();
    let program = words.next().context("an empty command")?;
    run(Command::new(program).env("PATH", PATH).args(words))
}

/// Where Debian keeps what the nodes call; a user's own `PATH` may lack the `sbin` folders.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Polls until the condition holds. The error after `limit` names what was waited for and the condition's last error.
pub(crate) fn wait_for(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    loop {
        let outcome = condition();
        if matches!(outcome, Ok(true)) {
            return Ok(());
        }
        if start.elapsed() >= limit {
            let mut message = format!("not within {} s: {what}", limit.as_secs());
            if let Err(error) = outcome {
                let _ = write!(message, " ({error:#})");
            }
            bail!(message);
        }
        thread::sleep(POLL);
    }
}

/// True if this process may make network namespaces, mounts and cgroups.
pub(crate) fn is_root() -> bool {
    cfg!(target_os = "linux") && tool("id -u").is_ok_and(|uid| uid.trim() == "0")
}

fn line_of(command: &Command) -> String {
    let mut line = command.get_program().display().to_string();
    for argument in command.get_args() {
        let _ = write!(line, " {}", argument.display());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_tool_says_what_it_was() {
        let error = tool("ls /does-not-exist")
            .expect_err("ls must fail")
            .to_string();
        assert!(error.starts_with("ls /does-not-exist: "), "{error}");
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn waiting_ends_with_the_reason() {
        let error = wait_for("the moon", Duration::ZERO, || bail!("clouds")).expect_err("no moon");
        assert_eq!(error.to_string(), "not within 0 s: the moon (clouds)");
    }
}
