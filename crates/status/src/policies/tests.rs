//! How often and what is written.

use kubemend_api::{PolicyStatus, StrategyStatus};
use kubemend_sim::{Server, Settings};

use super::*;

const KIND: &str = "HealingPolicy";

fn report(server: &Server, targets: i64, changed: bool) -> Reports {
    let policy = server.get(KIND, "shop", "web").expect("the policy");
    let uid = policy["metadata"]["uid"].as_str().unwrap_or_default();
    let status = PolicyStatus {
        targets,
        ..PolicyStatus::default()
    };
    Reports {
        policies: vec![PolicyReport {
            source: Source::Policies,
            name: Name::new("shop", "web"),
            uid: uid.into(),
            status,
            changed,
        }],
        ..Reports::default()
    }
}

async fn bench() -> (
    Server,
    watch::Sender<Reports>,
    watch::Sender<crate::fence::Term>,
) {
    let server = Server::new(Settings::default());
    server.put(json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": KIND,
        "metadata": {"namespace": "shop", "name": "web"},
        "status": {"targets": 0, "effectiveWhy": "an old reason"},
    }));
    let (lease, fence) = Fence::new();
    lease.send_replace(Some(Instant::now() + Duration::from_hours(1)));
    let (sender, reports) = watch::channel(Reports::default());
    tokio::spawn(write(server.client(), fence, reports));
    tokio::time::sleep(Duration::from_millis(1)).await;
    (server, sender, lease)
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn at_most_one_write_in_ten_seconds_and_the_last_word_wins() {
    let (server, reports, _lease) = bench().await;
    for second in 1..=25 {
        reports.send_replace(report(&server, second, true));
        seconds(1).await;
    }
    assert_eq!(server.writes().len(), 3);
    seconds(20).await;
    assert_eq!(server.writes().len(), 4);
    let policy = server.get(KIND, "shop", "web").expect("the policy");
    assert_eq!(policy["status"]["targets"], 25);
    assert!(
        policy["status"]["effectiveWhy"].is_null(),
        "what is absent now goes: {policy:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_that_changes_nothing_is_not_sent() {
    let (server, reports, _lease) = bench().await;
    // The report is made again and again before the view shows the write.
    for _ in 0..5 {
        reports.send_replace(report(&server, 3, true));
        seconds(1).await;
    }
    seconds(60).await;
    reports.send_replace(report(&server, 3, false));
    seconds(60).await;
    assert_eq!(server.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_successor_of_the_same_name_and_a_standby_are_spared() {
    let (server, reports, lease) = bench().await;
    let stale = report(&server, 3, true);
    server.delete(KIND, "shop", "web");
    server.put(json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": KIND,
        "metadata": {"namespace": "shop", "name": "web"},
    }));
    reports.send_replace(stale);
    seconds(1).await;
    assert_eq!(server.writes().len(), 0);
    lease.send_replace(None);
    seconds(20).await;
    server.clear_trace();
    reports.send_replace(report(&server, 3, true));
    seconds(20).await;
    assert_eq!(server.trace().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_strategy_is_told_like_a_policy() {
    let (server, reports, _lease) = bench().await;
    let kind = "ClusterRecoveryStrategy";
    server.put(json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": kind, "metadata": {"name": "crash-loop"},
    }));
    let strategy = server.get(kind, "", "crash-loop").expect("the strategy");
    let uid = strategy["metadata"]["uid"].as_str().unwrap_or_default();
    let status = StrategyStatus {
        used_by: 3,
        ..StrategyStatus::default()
    };
    let report = StrategyReport {
        source: Source::ClusterStrategies,
        name: Name::new("", "crash-loop"),
        uid: uid.into(),
        status,
        changed: true,
    };
    reports.send_replace(Reports {
        strategies: vec![report],
        ..Reports::default()
    });
    seconds(1).await;
    let strategy = server.get(kind, "", "crash-loop").expect("the strategy");
    assert_eq!(strategy["status"]["usedBy"], 3);
}
