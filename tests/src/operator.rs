//! The operator as a process on this machine, with the rights of its own `ServiceAccount` and nothing more.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cluster::Cluster;
use crate::metrics::{self, Request};
use crate::patience::{Look, await_condition};

/// The operator's namespace; its `ServiceAccount`, Deployment and Lease have its own name.
pub const NAMESPACE: &str = "kubemend-system";
/// See [`NAMESPACE`].
pub const NAME: &str = "kubemend";

/// A lost lease has to end before the next process leads.
const UNTIL_IT_LEADS: Duration = Duration::from_mins(1);
const UNTIL_IT_ENDS: Duration = Duration::from_secs(20);

/// The operator's process; it is ended when this is dropped.
pub struct Operator {
    cluster: Cluster,
    folder: PathBuf,
    name: String,
    kubeconfig: PathBuf,
    starts: u32,
    running: Option<Running>,
    used: BTreeSet<Request>,
}

struct Running {
    child: Child,
    admin: SocketAddr,
    identity: String,
}

impl Operator {
    /// Not started yet; what `manifests/` describes must be there.
    pub fn of(cluster: &Cluster) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("kubemend-stories-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let kubeconfig = folder.join("kubeconfig");
        cluster.lab().kubeconfig_for(NAMESPACE, NAME, &kubeconfig)?;
        let (cluster, used) = (cluster.clone(), BTreeSet::new());
        Ok(Self {
            cluster,
            folder,
            name: "stories".to_owned(),
            kubeconfig,
            starts: 0,
            running: None,
            used,
        })
    }

    /// Another one beside it, not started yet, whose processes are called `name`; they reach the API
    /// server at `port` of this machine, if one is given.
    pub fn beside(&self, name: &str, port: Option<u16>) -> Result<Self> {
        let kubeconfig = self.folder.join(format!("kubeconfig-{name}"));
        let text = fs::read_to_string(&self.kubeconfig)?;
        let server = self.cluster.lab().server();
        ensure!(
            text.contains(&server),
            "{} does not name {server}",
            self.kubeconfig.display()
        );
        let through = port.map_or(server.clone(), |port| format!("https://127.0.0.1:{port}"));
        fs::write(&kubeconfig, text.replace(&server, &through))?;
        Ok(Self {
            cluster: self.cluster.clone(),
            folder: self.folder.clone(),
            name: name.to_owned(),
            kubeconfig,
            starts: 0,
            running: None,
            used: BTreeSet::new(),
        })
    }

    /// Starts a process and waits until it is ready and leads.
    pub async fn start(&mut self) -> Result<()> {
        self.spawn()?;
        self.await_lead().await
    }

    /// Starts a process and waits until it is ready; somebody else leads.
    pub async fn stand_by(&mut self) -> Result<()> {
        self.spawn()?;
        await_condition("the standby is ready", UNTIL_IT_LEADS, async || {
            let (code, answer) = get(self.admin()?, "/readyz").await?;
            Ok(match code {
                200 => Look::Found(()),
                _ => Look::NotYet(answer),
            })
        })
        .await
    }

    /// Waits until the process is ready and leads.
    pub async fn await_lead(&mut self) -> Result<()> {
        await_condition(
            "the operator is ready and leads",
            UNTIL_IT_LEADS,
            async || self.leads().await,
        )
        .await
    }

    /// Does the process itself think that it leads?
    pub async fn thinks_it_leads(&self) -> Result<bool> {
        let (_, text) = get(self.admin()?, "/metrics").await?;
        Ok(text.lines().any(|line| line == "kubemend_leader 1"))
    }

    /// What the process is called on the Lease.
    pub fn identity(&self) -> Result<String> {
        let running = self.running.as_ref().context("the operator does not run")?;
        Ok(running.identity.clone())
    }

    /// Sends the process a signal, such as `STOP`.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let running = self.running.as_ref().context("the operator does not run")?;
        let pid = running.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status()?;
        ensure!(sent.success(), "cannot signal {pid}");
        Ok(())
    }

    fn admin(&self) -> Result<SocketAddr> {
        Ok(self
            .running
            .as_ref()
            .context("the operator does not run")?
            .admin)
    }

    fn spawn(&mut self) -> Result<()> {
        self.starts += 1;
        let identity = format!("{}-{}-{}", self.name, std::process::id(), self.starts);
        let admin = free_address()?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let child = Command::new(binary()?)
            .args(["run", &format!("--admin-address={admin}")])
            .env("KUBECONFIG", &self.kubeconfig)
            .env("POD_NAME", &identity)
            .env("POD_NAMESPACE", NAMESPACE)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the operator")?;
        self.running = Some(Running {
            child,
            admin,
            identity,
        });
        Ok(())
    }

    /// Ends the process as a rollout does, and waits for it.
    pub async fn stop(&mut self) -> Result<()> {
        self.remember_requests().await?;
        let mut running = self.running.take().context("the operator does not run")?;
        let pid = running.child.id().to_string();
        ensure!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()?
                .success(),
            "cannot signal {pid}"
        );
        let ended = await_condition("the operator ends", UNTIL_IT_ENDS, async || {
            look_at_end(&mut running.child)
        })
        .await;
        if ended.is_err() {
            end(&mut running.child);
        }
        ensure!(
            ended?.success(),
            "the operator failed when it was asked to end"
        );
        Ok(())
    }

    /// Ends the process with SIGKILL: it finishes nothing and releases nothing.
    pub async fn kill(&mut self) -> Result<()> {
        self.remember_requests().await?;
        let mut running = self.running.take().context("the operator does not run")?;
        end(&mut running.child);
        Ok(())
    }

    /// The requests that all processes made so far, as far as they were asked before they ended.
    pub async fn requests(&mut self) -> Result<BTreeSet<Request>> {
        if self.running.is_some() {
            self.remember_requests().await?;
        }
        Ok(self.used.clone())
    }

    /// The last lines of the log that speak of one of these namespaces, or simply the last ones.
    pub fn log_tail(&self, namespaces: &[String]) -> String {
        const LINES: usize = 60;
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let about = |line: &&str| namespaces.iter().any(|name| line.contains(name.as_str()));
        let mut lines: Vec<&str> = log.lines().filter(about).collect();
        if lines.is_empty() {
            lines = log.lines().collect();
        }
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Where all processes of this operator log.
    pub fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    async fn remember_requests(&mut self) -> Result<()> {
        let running = self.running.as_ref().context("the operator does not run")?;
        let (_, text) = get(running.admin, "/metrics").await?;
        self.used.extend(metrics::requests(&text));
        Ok(())
    }

    async fn leads(&mut self) -> Result<Look<()>> {
        let running = self.running.as_mut().context("the operator does not run")?;
        if let Some(status) = running.child.try_wait()? {
            let why = format!("it ended with {status}; its log:\n{}", self.log_tail(&[]));
            return Ok(Look::Never(why));
        }
        let (code, answer) = get(running.admin, "/readyz").await?;
        if code != 200 {
            return Ok(Look::NotYet(format!(
                "/readyz answers {code} {}",
                answer.trim()
            )));
        }
        let leases: Api<Lease> = Api::namespaced(self.cluster.client(), NAMESPACE);
        let holder = leases
            .get(NAME)
            .await?
            .spec
            .and_then(|spec| spec.holder_identity)
            .unwrap_or_default();
        Ok(if holder.contains(&running.identity) {
            Look::Found(())
        } else {
            Look::NotYet(format!("the Lease is held by {holder:?}"))
        })
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            end(&mut running.child);
        }
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn look_at_end(child: &mut Child) -> Result<Look<ExitStatus>> {
    let ended = child.try_wait()?;
    Ok(ended.map_or_else(|| Look::NotYet("it runs".to_owned()), Look::Found))
}

/// `KUBEMEND_BIN`, else what cargo built beside this test.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("KUBEMEND_BIN") {
        return Ok(named.into());
    }
    let test = std::env::current_exe()?;
    let built = test
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join("kubemend"));
    match built {
        Some(built) if built.exists() => Ok(built),
        _ => {
            bail!("the operator is not built; run `cargo build --bin kubemend` or set KUBEMEND_BIN")
        }
    }
}

/// An address on which nobody listens now.
fn free_address() -> Result<SocketAddr> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(free.local_addr()?)
}

/// The status code and the body of one GET.
async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let answer = tokio::time::timeout(Duration::from_secs(5), async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    });
    let answer = answer
        .await
        .with_context(|| format!("{path} does not answer"))??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let code = head.split_whitespace().nth(1).context("no HTTP status")?;
    Ok((code.parse()?, body.to_owned()))
}
