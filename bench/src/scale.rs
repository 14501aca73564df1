//! Scale: a twentieth of all pods crash-loop at once; how long until each of their workloads has an
//! intent or a hold with a type.

use std::time::Duration;

use anyhow::{Result, bail};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use kubemend_api::HealingEvent;
use tokio::time::{Instant, sleep};

use crate::fleet::{App, Fleet};
use crate::process::{Operator, between};
use crate::report::Report;
use crate::stand::Stand;

/// Pods of one Deployment.
const REPLICAS: usize = 20;
/// Deployments of one namespace.
const TOGETHER: usize = 2;

/// Measures the curve.
pub(crate) async fn measure(stand: &Stand, quick: bool, report: &mut Report) -> Result<()> {
    println!("\nScale: crash loops of a twentieth of all pods at once\n");
    let fleet = Fleet::new(stand.client());
    let sizes: &[usize] = if quick {
        &[400, 1_000]
    } else {
        &[1_000, 5_000, 20_000]
    };
    let (mut made, mut nodes, mut first) = (0, 0, None);
    for size in sizes {
        let began = Instant::now();
        fleet.nodes(nodes..size / REPLICAS).await?;
        nodes = size / REPLICAS;
        let apps = grow(&fleet, made, *size).await?;
        made = *size;
        println!(
            "  {size} pods on {nodes} nodes after {:.0} s",
            began.elapsed().as_secs_f64()
        );
        let failing = &apps[..size / 20 / REPLICAS];
        let seconds = storm(stand, &fleet, *size, failing, first, report).await?;
        first.get_or_insert(seconds);
        clear(stand, failing).await?;
        made -= failing.len() * REPLICAS;
    }
    Ok(())
}

/// Adds Deployments until there are so many pods; the new ones come back.
async fn grow(fleet: &Fleet, from: usize, to: usize) -> Result<Vec<App>> {
    let apps = (to - from) / REPLICAS;
    for number in 0..apps.div_ceil(TOGETHER) {
        fleet.namespace(&format!("scale-{to}-{number}")).await?;
    }
    let names = (0..apps).map(|number| {
        (
            format!("scale-{to}-{}", number / TOGETHER),
            format!("web-{number}"),
        )
    });
    fleet.apps(names.collect(), REPLICAS).await
}

async fn storm(
    stand: &Stand,
    fleet: &Fleet,
    size: usize,
    failing: &[App],
    first: Option<f64>,
    report: &mut Report,
) -> Result<f64> {
    let operator = stand.operator().await?;
    operator.process.settle().await?;
    let (before, began) = (operator.requests().await?, Instant::now());
    let pods: Vec<_> = failing.iter().flat_map(Fleet::pod_names).collect();
    let crashing = pods.len();
    fleet.crash_all(pods).await?;
    let written = began.elapsed().as_secs_f64();
    answered(stand, &operator, failing).await?;
    let seconds = began.elapsed().as_secs_f64();
    let asked: f64 = between(&before, &operator.requests().await?).values().sum();
    let resident = operator.process.resident()? / 1024;
    report.figure(
        &format!("{size} pods, {crashing} of them crash in {} workloads: until each has an intent or a hold", failing.len()),
        &format!("{seconds:.1} s, {:.0} requests/s, {resident} MiB RSS", asked / seconds),
        &format!("{written:.1} s to write the {crashing} statuses"),
        first.map(|first| seconds / first),
    );
    Ok(seconds)
}

/// Waits until every failing workload has an intent or is held for a reason.
async fn answered(stand: &Stand, operator: &Operator, failing: &[App]) -> Result<()> {
    let records: Api<HealingEvent> = Api::all(stand.client());
    let began = Instant::now();
    loop {
        let list = records.list(&ListParams::default()).await?;
        let is_answered = |app: &&App| {
            list.iter().any(|record| {
                let status = record.status.as_ref();
                record.spec.target.name == app.name
                    && record.metadata.namespace.as_ref() == Some(&app.namespace)
                    && status.is_some_and(|status| {
                        !status.attempts.is_empty() || status.phase.as_deref() == Some("Held")
                    })
            })
        };
        let recorded = failing.iter().filter(is_answered).count();
        let held = operator.held().await?;
        // Holds are counted, not named; one with an intent that is held besides makes no difference
        // as long as those without one are few.
        #[allow(clippy::cast_precision_loss)] // at most fifty
        let missing = (failing.len() - recorded) as f64;
        if missing <= held {
            println!(
                "  {recorded} workloads have a record with an intent or a hold, {missing} are held without one"
            );
            return Ok(());
        }
        if began.elapsed() > Duration::from_mins(3) {
            bail!(
                "{missing} of {} failing workloads have no answer",
                failing.len()
            );
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Removes what failed, so that the next storm is alone; its records end by themselves.
async fn clear(stand: &Stand, failing: &[App]) -> Result<()> {
    use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
    use k8s_openapi::api::core::v1::Pod;
    let (delete, all) = (DeleteParams::default(), ListParams::default());
    for app in failing {
        let (client, namespace) = (stand.client(), app.namespace.as_str());
        Api::<Deployment>::namespaced(client.clone(), namespace)
            .delete_collection(&delete, &all)
            .await?;
        Api::<ReplicaSet>::namespaced(client.clone(), namespace)
            .delete_collection(&delete, &all)
            .await?;
        Api::<Pod>::namespaced(client, namespace)
            .delete_collection(&delete, &all)
            .await?;
    }
    Ok(())
}
