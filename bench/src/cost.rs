//! What the operator asks of the API server: for one healing with one attempt, and while nothing
//! happens.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::time::{Instant, sleep};

use crate::fleet::Fleet;
use crate::process::{Requests, between};
use crate::report::Report;
use crate::sight::{Sight, intent, recovery};
use crate::stand::Stand;

/// Counts requests as the operator's own metrics have them.
pub(crate) async fn measure(stand: &Stand, quick: bool, report: &mut Report) -> Result<()> {
    println!("\nRequests to the API server, by the operator's own count\n");
    let fleet = Fleet::new(stand.client());
    fleet.namespace("cost").await?;
    let app = fleet.app("cost", "web", 2).await?;
    let operator = stand.operator().await?;
    sleep(Duration::from_secs(5)).await;

    let (before, began) = (operator.requests().await?, Instant::now());
    sleep(Duration::from_secs(if quick { 20 } else { 90 })).await;
    let took = began.elapsed().as_secs_f64();
    let idle = between(&before, &operator.requests().await?);
    let hourly = |sum: f64| sum / took * 3600.0;
    let watches = hourly(sum(&idle, |what| what.starts_with("watch ")));
    let leases = hourly(sum(&idle, |what| what.ends_with(" leases")));
    let rest = hourly(sum(&idle, |_| true)) - watches - leases;
    report.figure(
        &format!("requests per idle hour, from {took:.0} s"),
        &format!(
            "{:.0}: {watches:.0} restarted watches, {leases:.0} for the Lease, {rest:.0} others",
            watches + leases + rest
        ),
        "240 per watch and hour are the 15 s of a watch",
        None,
    );

    let mut intents = Sight::of(
        stand.client(),
        "/apis/kubemend.io/v1alpha1/healingevents",
        intent,
    );
    let mut recoveries = Sight::of(
        stand.client(),
        "/apis/kubemend.io/v1alpha1/healingevents",
        recovery,
    );
    sleep(Duration::from_secs(1)).await;
    let before = operator.requests().await?;
    let pods: Api<Pod> = Api::namespaced(stand.client(), "cost");
    let failing = "web-6d4cf56db6-00000";
    fleet.crash("cost", failing).await?;
    intents.of_object("cost/web").await?;
    while pods.get_opt(failing).await?.is_some() {
        sleep(Duration::from_millis(50)).await;
    }
    fleet.pod(&app, "web-6d4cf56db6-00002").await?;
    recoveries.of_object("cost/web").await?;
    sleep(Duration::from_secs(2)).await;
    let healing = between(&before, &operator.requests().await?);
    tell(&healing, report);
    Ok(())
}

fn tell(healing: &Requests, report: &mut Report) {
    let is_read = |what: &str| what.starts_with("get ") || what.starts_with("list ");
    // The failing pod is read once more than the watch shows it: its ends and messages are evidence.
    let evidence = ["get pods", "get pods/log", "list events"];
    let is_evidence = |what: &str| evidence.contains(&what);
    let records = sum(healing, |what| {
        what.contains(" healingevents") && !is_read(what)
    });
    let acts = sum(healing, |what| {
        what.ends_with(" pods/eviction") || what == "delete pods"
    });
    let evidence = sum(healing, is_evidence);
    let reads = sum(healing, |what| {
        is_read(what) && !is_evidence(what) && !what.ends_with(" leases")
    });
    let reports = sum(healing, |what| {
        what.contains("policies/status") || what.contains("configs/status")
    });
    println!("  {healing:?}");
    report.goal(
        "record writes per healing with one attempt",
        &format!("{records}"),
        "1 act",
        None,
        ("≤ 5", (1.0..=5.0).contains(&records)),
    );
    report.goal(
        "acts per healing with one attempt",
        &format!("{acts}"),
        "1 act",
        None,
        ("1", (acts - 1.0).abs() < 0.5),
    );
    report.goal(
        "reads per healing besides evidence",
        &format!("{reads} (evidence: {evidence})"),
        "1 act",
        None,
        ("0", reads < 0.5),
    );
    report.figure(
        "status writes of policies in that time",
        &format!("{reports}"),
        "at most 1 a second",
        None,
    );
}

fn sum(requests: &Requests, wanted: impl Fn(&str) -> bool) -> f64 {
    let counts = requests.iter().filter(|(what, _)| wanted(what));
    // A sum of nothing is minus zero.
    counts.map(|(_, count)| count).sum::<f64>() + 0.0
}
