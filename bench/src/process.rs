//! A process beside this one: what it holds and what it burns, as the kernel says.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The kernel's unit of CPU time in /proc, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A child that is ended when this is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts it with its output in that file.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let log = fs::File::create(log).with_context(|| format!("{}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        Ok(Self { child })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident kilobytes now.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most resident kilobytes since the start or the last [`Process::forget_peak`].
    pub(crate) fn peak(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// Begins a new peak.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        fs::write(self.file("clear_refs"), "5").context("resetting the peak of resident memory")
    }

    /// Seconds of CPU so far, user and kernel.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.file("stat"))?;
        // The name may hold spaces; what follows its closing parenthesis is plain.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = rest.split_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|one| one.parse::<f64>().ok());
        let (user, kernel) = (ticks().context("no utime")?, ticks().context("no stime")?);
        Ok((user + kernel) / TICKS_PER_SECOND)
    }

    /// Waits until resident memory has not changed by more than a percent for two seconds.
    pub(crate) async fn settle(&self) -> Result<u64> {
        let (mut last, mut same) = (self.resident()?, 0);
        for _ in 0..240 {
            sleep(Duration::from_millis(250)).await;
            let now = self.resident()?;
            same = if now.abs_diff(last) * 100 <= last {
                same + 1
            } else {
                0
            };
            if same >= 8 {
                return Ok(now);
            }
            last = now;
        }
        bail!("resident memory does not settle");
    }

    fn status(&self, field: &str) -> Result<u64> {
        let text = fs::read_to_string(self.file("status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number
            .and_then(|text| text.parse().ok())
            .with_context(|| format!("the process has ended: no {field}"))
    }

    fn file(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.child.id()).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The operator as a process of its own.
pub(crate) struct Operator {
    pub(crate) process: Process,
    admin: SocketAddr,
    log: PathBuf,
}

impl Operator {
    /// Starts it with that kubeconfig; it logs beside it.
    pub(crate) fn start(kubeconfig: &Path) -> Result<Self> {
        let (admin, log) = (free_address()?, kubeconfig.with_extension("operator.log"));
        let mut command = Command::new(binary()?);
        command
            .args(["run", &format!("--admin-address={admin}")])
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAME", "bench")
            .env("POD_NAMESPACE", "kubemend-system");
        Ok(Self {
            process: Process::start(command, &log)?,
            admin,
            log,
        })
    }

    /// How often it asked the API server so far, by `verb resource`.
    pub(crate) async fn requests(&self) -> Result<Requests> {
        let (_, page) = get(self.admin, "/metrics").await?;
        Ok(samples(&page, "kubemend_api_requests_total")
            .into_iter()
            .fold(Requests::new(), |mut sum, (labels, count)| {
                let label = |name: &str| {
                    let start = format!("{name}=\"");
                    let found = labels.split(',').find_map(|one| one.strip_prefix(&start));
                    found.unwrap_or_default().trim_end_matches('"').to_owned()
                };
                *sum.entry(format!("{} {}", label("verb"), label("resource")))
                    .or_default() += count;
                sum
            }))
    }

    /// How many targets it holds now for a reason that has a type; those whose effect is under way
    /// wait for nothing.
    pub(crate) async fn held(&self) -> Result<f64> {
        let (_, page) = get(self.admin, "/metrics").await?;
        let holds = samples(&page, "kubemend_holds");
        let typed = holds
            .iter()
            .filter(|(labels, _)| !labels.contains("InFlight"));
        Ok(typed.map(|(_, count)| count).sum())
    }

    /// Waits until it has listed and watches everything.
    pub(crate) async fn ready(&self) -> Result<()> {
        for _ in 0..600 {
            if matches!(get(self.admin, "/readyz").await, Ok((200, _))) {
                return Ok(());
            }
            sleep(Duration::from_millis(200)).await;
        }
        bail!("the operator is not ready; see {}", self.log.display());
    }
}

/// Requests by `verb resource`.
pub(crate) type Requests = BTreeMap<String, f64>;

/// What was asked between two looks.
pub(crate) fn between(before: &Requests, after: &Requests) -> Requests {
    let known = |what: &String| before.get(what).copied().unwrap_or_default();
    let news = after
        .iter()
        .map(|(what, count)| (what.clone(), count - known(what)));
    news.filter(|(_, count)| *count > 0.0).collect()
}

/// The samples of that family: labels and value.
fn samples(page: &str, family: &str) -> Vec<(String, f64)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix(family));
    let lines = lines.filter_map(|line| line.strip_prefix('{')?.split_once("} "));
    lines
        .filter_map(|(labels, value)| Some((labels.to_owned(), value.trim().parse().ok()?)))
        .collect()
}

/// This very program again, as a baseline.
pub(crate) fn own(arguments: &[&str], kubeconfig: &Path) -> Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).env("KUBECONFIG", kubeconfig);
    Process::start(command, &kubeconfig.with_extension("baseline.log"))
}

/// `KUBEMEND_BIN`, else what cargo built beside this program.
fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("KUBEMEND_BIN") {
        return Ok(named.into());
    }
    let built = std::env::current_exe()?.with_file_name("kubemend");
    if !built.exists() {
        bail!("build the operator in the same profile, or set KUBEMEND_BIN");
    }
    Ok(built)
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The status code and the body of one GET.
async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let answer = timeout(Duration::from_secs(5), async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    });
    let answer = answer.await.context("no answer in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let code = head.split_whitespace().nth(1).context("no HTTP status")?;
    Ok((code.parse()?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read() {
        let page =
            "# TYPE a counter\na_total{verb=\"get\",resource=\"pods\"} 3\na_totals{x=\"y\"} 4\n";
        let read = samples(page, "a_total");
        assert_eq!(read, [("verb=\"get\",resource=\"pods\"".to_owned(), 3.0)]);
    }
}
