//! Detection: from a kubelet's status write to the recorded intent, beside a bare watcher that sees
//! the same object; and what 500 unrelated events a second cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::fleet::{App, Fleet};
use crate::process::own;
use crate::report::{Report, percentile};
use crate::sight::{Sight, crashing_pod, intent};
use crate::stand::Stand;

/// Unrelated events per second.
const RATE: u64 = 500;

/// Milliseconds from the write to the watcher's sight, and to the intent.
#[derive(Default)]
struct Times {
    sight: Vec<f64>,
    intent: Vec<f64>,
}

/// Measures idle and under load.
pub(crate) async fn measure(stand: &Stand, quick: bool, report: &mut Report) -> Result<()> {
    println!("\nDetection, on a real API server\n");
    let fleet = Arc::new(Fleet::new(stand.client()));
    let (samples, seconds) = if quick { (5, 5) } else { (30, 30) };
    // A namespace each: its budget of attempts shall hold none of them.
    let mut cases = Vec::new();
    for number in 0..2 * samples {
        let namespace = format!("latency-{number}");
        fleet.namespace(&namespace).await?;
        cases.push((namespace, "web".to_owned()));
    }
    let idle = fleet.apps(cases.split_off(samples), 2).await?;
    let busy = fleet.apps(cases, 2).await?;
    fleet.namespace("bystanders").await?;
    let bystanders = (0..25)
        .map(|number| ("bystanders".to_owned(), format!("by-{number}")))
        .collect();
    let bystanders = fleet.apps(bystanders, 20).await?;
    let operator = stand.operator().await?;
    let mut pods = Sight::of(stand.client(), "/api/v1/pods", crashing_pod);
    let mut records = Sight::of(
        stand.client(),
        "/apis/kubemend.io/v1alpha1/healingevents",
        intent,
    );
    sleep(Duration::from_secs(2)).await;

    let times = sample(&fleet, &idle, &mut pods, &mut records).await?;
    tell("idle", &times, report);

    let watcher = own(&["watcher"], &stand.kubeconfig())?;
    let going = Arc::new(AtomicBool::new(true));
    let load = tokio::spawn(disturb(Arc::clone(&fleet), bystanders, Arc::clone(&going)));
    sleep(Duration::from_secs(2)).await;
    let (frames, began) = (pods.seen.borrow().frames, Instant::now());
    let before = (operator.process.cpu()?, watcher.cpu()?);
    sleep(Duration::from_secs(seconds)).await;
    let took = began.elapsed().as_secs_f64();
    let share = |now: f64, before: f64| (now - before) / took * 100.0;
    let own_share = share(operator.process.cpu()?, before.0);
    let null_share = share(watcher.cpu()?, before.1);
    let rate = count(pods.seen.borrow().frames - frames) / took;
    let times = sample(&fleet, &busy, &mut pods, &mut records).await?;
    going.store(false, Ordering::SeqCst);
    load.await??;
    tell(&format!("at {rate:.0} events/s"), &times, report);
    let more = own_share - null_share;
    report.goal(
        &format!("CPU at {rate:.0} pod events/s"),
        &format!("{own_share:.1} % of a core"),
        &format!("{null_share:.1} % (a watcher that keeps nothing)"),
        Some(own_share / null_share),
        (
            &format!("≤ 3 % more at {RATE}/s"),
            more <= 3.0 && rate >= 0.9 * count(usize::try_from(RATE)?),
        ),
    );
    Ok(())
}

async fn sample(
    fleet: &Fleet,
    apps: &[App],
    pods: &mut Sight,
    records: &mut Sight,
) -> Result<Times> {
    let mut times = Times::default();
    for app in apps {
        let Some((namespace, pod)) = Fleet::pod_names(app).next() else {
            continue;
        };
        let began = Instant::now();
        fleet.crash(&namespace, &pod).await?;
        let millis = |at: Instant| at.duration_since(began).as_secs_f64() * 1000.0;
        times
            .sight
            .push(millis(pods.of_object(&format!("{namespace}/{pod}")).await?));
        let target = format!("{namespace}/{}", app.name);
        times.intent.push(millis(records.of_object(&target).await?));
        // What follows an intent shall not disturb the next sample.
        sleep(Duration::from_millis(400)).await;
    }
    Ok(times)
}

fn tell(when: &str, times: &Times, report: &mut Report) {
    for percent in [50, 99] {
        let (intent, sight) = (
            percentile(&times.intent, percent),
            percentile(&times.sight, percent),
        );
        report.goal(
            &format!("status write to intent, {when}, p{percent}"),
            &format!("{intent:.1} ms"),
            &format!("{sight:.1} ms (a watcher sees the pod)"),
            Some(intent / sight),
            ("≤ 1.2 ×", intent <= 1.2 * sight),
        );
    }
}

/// Kubelets of other pods say unimportant things, so many times a second.
async fn disturb(fleet: Arc<Fleet>, apps: Vec<App>, going: Arc<AtomicBool>) -> Result<()> {
    let pods: Vec<_> = apps.iter().flat_map(Fleet::pod_names).collect();
    let mut ticks = interval(Duration::from_micros(1_000_000 / RATE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let seats = Arc::new(Semaphore::new(48));
    for (number, (namespace, pod)) in pods.iter().cycle().cloned().enumerate() {
        if !going.load(Ordering::SeqCst) {
            return Ok(());
        }
        ticks.tick().await;
        let seat = Arc::clone(&seats).acquire_owned().await?;
        let fleet = Arc::clone(&fleet);
        tokio::spawn(async move {
            if let Err(error) = fleet.touch(&namespace, &pod, number).await {
                eprintln!("touching {namespace}/{pod}: {error:#}");
            }
            drop(seat);
        });
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // counts of a bench
fn count(number: usize) -> f64 {
    number as f64
}
