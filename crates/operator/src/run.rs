//! `kubemend run`: the wiring. The Lease and the admin server have tasks of their own, so that no
//! round, however long, costs the Lease or looks like death.

use anyhow::{Context as _, Result, anyhow};
use k8s_openapi::api::coordination::v1::Lease;
use kube::client::ClientBuilder;
use kube::{Api, Client, Config};
use kubemend_reconciler::{Clock, Health, Metrics, Parts, requests};
use kubemend_status::Fence;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::args::{Access, Run, UNSUPPORTED};
use crate::lease::{Elector, Times};
use crate::{admin, cluster};

/// Runs the operator until it is told to end; then what is in flight ends first, and the Lease is
/// given back last.
pub async fn run(access: &Access, options: Run) -> Result<()> {
    for name in UNSUPPORTED
        .iter()
        .filter(|name| std::env::var_os(name).is_some())
    {
        warn!(name, "this variable has no effect yet");
    }
    let config = cluster::config(access).await?;
    let listener = admin::bind(options.admin_address).await?;
    let (clock, metrics, health) = (Clock::system(), Metrics::default(), Health::default());
    let (term, fence) = Fence::new();
    let parts = Parts {
        // A connection each: watches and acts never wait for one another.
        watch: client(config.clone(), &metrics)?,
        act: client(config.clone(), &metrics)?,
        settings: options.operator.settings(),
        fence,
        clock,
        metrics: metrics.clone(),
        health: health.clone(),
    };
    let leases: Api<Lease> =
        Api::namespaced(client(config, &metrics)?, &options.operator.namespace);
    let identity = identity(options.identity.as_deref(), &clock);
    let seen = health.clone();
    let elector = Elector::new(
        leases,
        (&options.operator.lease_name, &identity),
        Times::of(options.lease_duration),
        clock,
        move || state(&seen),
        term,
    );
    let (release, released) = oneshot::channel::<()>();
    let mut campaign = tokio::spawn(elector.run(async {
        // A sender that is gone means the end as well.
        let _ = released.await;
    }));
    tokio::spawn(async move {
        if let Err(error) = admin::serve(listener, metrics, health).await {
            error!(%error, "the admin server ended");
        }
    });
    info!(version = crate::version(), identity, admin = %options.admin_address, "started");
    let told = told_to_end()?;
    let mut reconciler = std::pin::pin!(kubemend_reconciler::run(parts, told));
    let ended = tokio::select! {
        biased;
        ended = &mut reconciler => ended.map_err(anyhow::Error::from),
        // Without an elector nothing would ever act again.
        lost = &mut campaign => return Err(anyhow!("the elector ended: {lost:?}")),
    };
    drop(release);
    campaign.await.context("the elector")?;
    info!("ended");
    ended
}

fn client(config: Config, metrics: &Metrics) -> Result<Client> {
    let builder = ClientBuilder::try_from(config).context("the API server cannot be addressed")?;
    Ok(builder.with_layer(&requests::layer(metrics)).build())
}

/// Ends with the first SIGTERM or SIGINT.
fn told_to_end() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    Ok(async move {
        tokio::select! {
            biased;
            _ = terminate.recv() => info!("SIGTERM: ending"),
            _ = interrupt.recv() => info!("SIGINT: ending"),
        }
    })
}

/// A name that no other process has, not even the same pod's next one: whoever holds the Lease
/// under it is this very process.
fn identity(given: Option<&str>, clock: &Clock) -> String {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = given.map_or_else(|| host().trim().to_owned(), str::to_owned);
    format!("{name}_{}_{}", std::process::id(), clock.now().as_millis())
}

/// What the Lease says about its holder's eyes.
fn state(health: &Health) -> String {
    match health.ready() {
        Ok(()) => "Ready".to_owned(),
        Err(why) => {
            let sources: Vec<_> = why.lines().map(str::trim).collect();
            format!("Blind: {}", sources.join(", "))
        }
    }
}
