//! The operator's processes of one run.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Seconds until a standby takes over; short, because runs wait for it.
pub const LEASE_SECONDS: u32 = 6;

/// How the processes of a run are started.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The operator's binary.
    pub binary: PathBuf,
    /// The kubeconfig, which names the gateway.
    pub kubeconfig: PathBuf,
    /// The Lease of this run alone.
    pub lease: String,
    /// Where all processes of the run log.
    pub log: PathBuf,
}

/// One process; it is ended when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where `/readyz` is served.
    pub admin: SocketAddr,
    /// What it is called in the Lease.
    pub identity: String,
}

impl Process {
    /// Starts one.
    pub fn start(recipe: &Recipe, identity: &str) -> Result<Self> {
        let admin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&recipe.log)?;
        let child = Command::new(&recipe.binary)
            .args([
                "run",
                &format!("--admin-address={admin}"),
                &format!("--lease-name={}", recipe.lease),
            ])
            .args([
                &format!("--lease-duration={LEASE_SECONDS}"),
                "--identity",
                identity,
            ])
            .args([
                "--operator-namespace",
                "kubemend-system",
                "--log-level",
                "info,kubemend_reconciler=debug",
            ])
            .env("KUBECONFIG", &recipe.kubeconfig)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the operator")?;
        Ok(Self {
            child,
            admin,
            identity: identity.to_owned(),
        })
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Did it end?
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()?;
        ensure!(status.success(), "cannot signal {pid}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What `/readyz` answers: status code and text.
pub async fn readiness(admin: SocketAddr) -> Result<(u16, String)> {
    let answer = tokio::time::timeout(Duration::from_secs(2), async {
        let mut stream = TcpStream::connect(admin).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    });
    let answer = answer.await.context("/readyz does not answer")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let code = head.split_whitespace().nth(1).context("no HTTP status")?;
    Ok((code.parse()?, body.trim().replace('\n', "; ")))
}

/// `KUBEMEND_BIN`, else what cargo built beside this program.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("KUBEMEND_BIN") {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    let mut folders = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder: &Path| folder.join("kubemend"));
    let found = folders.find(|file| file.exists());
    found.context("the operator is not built; run `cargo build --bin kubemend` or set KUBEMEND_BIN")
}
