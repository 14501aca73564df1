//! One run: a fresh namespace, a gateway with its plan, an operator, the story, and the judgement.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kubemend_tests::cluster::Cluster;
use kubemend_tests::namespace::Namespace;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::gateway::{Gateway, Phase};
use crate::oracle::Ending;
use crate::plan::{Fault, Plan, Writes, is_act};
use crate::process::{LEASE_SECONDS, Process, Recipe, readiness};
use crate::story::Story;

/// Who the operator is to the API server.
const OPERATOR: &str = "system:serviceaccount:kubemend-system:kubemend";
/// So long after the last write a run is over.
const SILENCE: Duration = Duration::from_secs(4);
/// How long faults last that do not end by themselves.
const LASTS: Duration = Duration::from_secs(8);
/// Within this time frozen inputs are declared, and again within it, fresh ones.
const BLIND_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// What a run needs.
#[derive(Clone)]
pub struct Bench {
    /// The fake cluster.
    pub cluster: Cluster,
    /// The operator's binary.
    pub binary: PathBuf,
    /// Where traces and logs are kept.
    pub folder: PathBuf,
}

/// How a run went.
pub struct Run {
    /// Its end.
    pub ending: Ending,
    /// Every write, in order.
    pub writes: Writes,
    /// What was wrong whatever the reference says.
    pub wrong: Vec<String>,
    /// The trigger came and the fault went.
    pub reached: bool,
    /// Where the trace is.
    pub trace: PathBuf,
}

impl Bench {
    /// Plays a story, with a fault or without.
    pub async fn run(&self, story: &str, plan: Option<&Plan>, label: &str) -> Result<Run> {
        let namespace = Namespace::create(&self.cluster, story).await?;
        let story = Story {
            name: story,
            namespace: &namespace,
        };
        story.prepare().await.context("preparing the story")?;
        let trace = self.folder.join(format!("{label}.trace"));
        let clients = (
            self.cluster.client_as(OPERATOR).await?,
            self.cluster.client(),
        );
        let gateway = Gateway::new(clients, &namespace.name, plan.cloned(), &trace)?;
        let recipe = self.recipe(&gateway, &namespace.name, label).await?;
        let mut keeper = Keeper::start(gateway.clone(), recipe, &self.cluster)?;
        keeper
            .ready(Duration::from_secs(30))
            .await
            .context("the operator's start")?;
        let mut drive = std::pin::pin!(story.drive());
        let mut driven: Option<Result<()>> = None;
        while driven.is_none() || !keeper.quiet() {
            tokio::select! {
                result = &mut drive, if driven.is_none() => driven = Some(result),
                kept = keeper.look() => kept?,
            }
        }
        if let Some(Err(error)) = driven {
            keeper.wrong.push(format!("{error:#}"));
        }
        let reached = *gateway.phase.borrow() == Phase::Over;
        let mut ending = story.ending().await?;
        let writes = gateway.trace.writes();
        ending.count(&writes);
        gateway.processes().clear();
        story.clear().await?;
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        let writes = writes.into_iter().map(|one| {
            let nth = seen.entry(one.what.clone()).or_default();
            *nth += 1;
            (one.what, *nth)
        });
        Ok(Run {
            ending,
            writes: writes.collect(),
            wrong: keeper.wrong,
            reached,
            trace,
        })
    }

    async fn recipe(&self, gateway: &Arc<Gateway>, lease: &str, label: &str) -> Result<Recipe> {
        let ca = self.cluster.lab().ca();
        let pki = ca.parent().context("no folder of certificates")?;
        let address = gateway.serve(pki).await?;
        let kubeconfig = self.folder.join(format!("{label}.kubeconfig"));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "gateway",
            "clusters": [{"name": "gateway", "cluster": {"server": format!("https://{address}"), "certificate-authority": ca}}],
            "contexts": [{"name": "gateway", "context": {"cluster": "gateway", "user": "operator"}}],
            "users": [{"name": "operator", "user": {}}]
        });
        std::fs::write(&kubeconfig, config.to_string())?;
        let log = self.folder.join(format!("{label}.log"));
        let _ = std::fs::remove_file(&log);
        Ok(Recipe {
            binary: self.binary.clone(),
            kubeconfig,
            lease: lease.to_owned(),
            log,
        })
    }
}

/// Looks after the operator's processes and ends faults that last.
struct Keeper {
    gateway: Arc<Gateway>,
    recipe: Recipe,
    leases: Api<Lease>,
    starts: u32,
    active: Option<(Instant, u128)>,
    blind: Option<u128>,
    thawed: Option<Instant>,
    taken_over: Option<Instant>,
    wrong: Vec<String>,
}

impl Keeper {
    fn start(gateway: Arc<Gateway>, recipe: Recipe, cluster: &Cluster) -> Result<Self> {
        let leases = Api::namespaced(cluster.client(), "kubemend-system");
        let (active, blind, thawed, taken_over) = (None, None, None, None);
        let mut keeper = Self {
            gateway,
            recipe,
            leases,
            starts: 0,
            active,
            blind,
            thawed,
            taken_over,
            wrong: Vec::new(),
        };
        keeper.add()?;
        Ok(keeper)
    }

    fn add(&mut self) -> Result<()> {
        self.starts += 1;
        let process = Process::start(&self.recipe, &format!("process{}", self.starts))?;
        self.gateway.processes().push(process);
        Ok(())
    }

    async fn ready(&self, within: Duration) -> Result<()> {
        let admin = self.gateway.processes()[0].admin;
        let wait = async {
            while !matches!(readiness(admin).await, Ok((200, _))) {
                sleep(BETWEEN_LOOKS).await;
            }
        };
        timeout(within, wait).await.map_err(|_| {
            anyhow!(
                "/readyz is not 200 within {within:?}; see {}",
                show(&self.recipe.log)
            )
        })
    }

    fn fault(&self) -> Option<Fault> {
        self.gateway.plan.as_ref().map(|plan| plan.fault)
    }

    /// Nothing was written for a while, and no fault is in force.
    fn quiet(&self) -> bool {
        *self.gateway.phase.borrow() != Phase::Active
            && self.thawed.is_none()
            && self.gateway.trace.silence() > SILENCE
    }

    /// One look after a pause.
    async fn look(&mut self) -> Result<()> {
        sleep(BETWEEN_LOOKS).await;
        let ended = self
            .gateway
            .processes()
            .first_mut()
            .is_some_and(Process::ended);
        if ended {
            let planned = matches!(
                self.fault(),
                Some(Fault::F1CrashAfter | Fault::F2CrashBefore | Fault::F4TimeTravel)
            );
            if !planned || self.starts > 1 {
                bail!(
                    "the operator ended by itself; see {}",
                    show(&self.recipe.log)
                );
            }
            self.gateway.processes().clear();
            self.add()?;
        }
        self.recovered().await;
        if *self.gateway.phase.borrow() != Phase::Active {
            return Ok(());
        }
        let now = (Instant::now(), self.gateway.trace.now());
        let (since, at) = *self.active.get_or_insert(now);
        match self.fault() {
            Some(Fault::F6AllFrozen | Fault::F7OneFrozen) => self.await_blindness(since).await,
            Some(Fault::F18Paused) => self.await_takeover(since).await?,
            Some(Fault::F19LeaseFails) if since.elapsed() > LASTS * 3 / 2 => {
                let from = at + u128::from(LEASE_SECONDS) * 1000;
                self.no_act_between(from, self.gateway.trace.now(), "without a lease");
                self.end();
            }
            Some(Fault::F19LeaseFails) => {}
            _ if since.elapsed() > LASTS => self.end(),
            _ => {}
        }
        Ok(())
    }

    fn end(&self) {
        self.gateway.phase.send_replace(Phase::Over);
    }

    async fn await_blindness(&mut self, since: Instant) {
        let admin = self.gateway.processes()[0].admin;
        if matches!(readiness(admin).await, Ok((503, _))) {
            self.blind.get_or_insert(self.gateway.trace.now());
        }
        let late = since.elapsed() > BLIND_WITHIN + Duration::from_secs(2);
        if late && self.blind.is_none() {
            self.wrong.push(format!(
                "not declared blind within {} s",
                BLIND_WITHIN.as_secs()
            ));
        }
        if let Some(from) = self.blind {
            let now = self.gateway.trace.now();
            // Blind for some seconds, so that an act would be seen; the log says so at most five after it is.
            if now < from + 7000 {
                return;
            }
            self.no_act_between(from, now, "while blind");
            if !std::fs::read_to_string(&self.recipe.log)
                .unwrap_or_default()
                .to_lowercase()
                .contains("blind")
            {
                self.wrong
                    .push("the log does not say that it is blind".to_owned());
            }
        }
        if late || self.blind.is_some() {
            self.thawed = Some(Instant::now());
            self.end();
        }
    }

    /// After a thaw it is ready again by itself.
    async fn recovered(&mut self) {
        let Some(since) = self.thawed else { return };
        let admin = self.gateway.processes()[0].admin;
        let ready = matches!(readiness(admin).await, Ok((200, _)));
        if !ready && since.elapsed() < BLIND_WITHIN {
            return;
        }
        if !ready {
            self.wrong.push(format!(
                "not ready again within {} s after the thaw",
                BLIND_WITHIN.as_secs()
            ));
        }
        self.thawed = None;
    }

    async fn await_takeover(&mut self, since: Instant) -> Result<()> {
        if self.starts == 1 {
            self.add()?;
        }
        let standby = self.gateway.processes()[1].identity.clone();
        let lease = self.leases.get_opt(&self.recipe.lease).await?;
        let holder = lease
            .and_then(|lease| lease.spec?.holder_identity)
            .unwrap_or_default();
        if holder.contains(&standby) {
            self.taken_over.get_or_insert_with(Instant::now);
        } else if since.elapsed() > Duration::from_secs(30) {
            self.wrong
                .push("the standby did not take over within 30 s".to_owned());
            self.taken_over.get_or_insert_with(Instant::now);
        }
        // The standby gets a moment to act before the old leader wakes.
        if self.taken_over.is_some_and(|at| at.elapsed() > LASTS / 2) {
            self.gateway.processes()[0].signal("CONT")?;
            self.end();
        }
        Ok(())
    }

    fn no_act_between(&mut self, from: u128, to: u128, why: &str) {
        let writes = self.gateway.trace.writes();
        let acts = writes
            .iter()
            .filter(|one| is_act(&one.what) && one.at > from && one.at < to);
        let acts: Vec<String> = acts
            .map(|one| format!("{why}: {} {}", one.what, one.object))
            .collect();
        self.wrong.extend(acts);
    }
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
