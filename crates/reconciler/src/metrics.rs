//! What `/metrics` shows: the four of the system that Kubemend replaces, and its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kubemend_api::actions::ActionName;
use kubemend_engine::Source;
use kubemend_engine::facts::{Name, Text};
use kubemend_engine::jobs::Failing;
use kubemend_engine::plan::Held;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::health::Health;

/// Series by pod name; pods come and go, so the oldest series goes when a new one comes. A
/// thousand are one scrape of about 100 kB.
const POD_SERIES_MAX: usize = 1_000;

/// Series by namespace: only those in which a Job fails. A thousand are one scrape of about 100 kB.
const NAMESPACE_SERIES_MAX: usize = 1_000;

/// Every metric; clones count into the same ones.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    failures: Family<FailingPod, Counter>,
    failing: Arc<Mutex<VecDeque<FailingPod>>>,
    /// The pods that were counted, by open episode: as many as budgets let fail and be named.
    counted: Arc<Mutex<BTreeMap<Name, BTreeSet<Text>>>>,
    actions: Family<Action, Counter>,
    recovery: Family<ActionType, Histogram, fn() -> Histogram>,
    detection: Histogram,
    rounds: Counter,
    round: Histogram,
    holds: Family<Reason, Gauge>,
    open: Family<InPhase, Gauge>,
    jobs: Family<InNamespace, Gauge>,
    job_pods: Family<InNamespace, Gauge>,
    freshness: Family<Of, Gauge<f64, std::sync::atomic::AtomicU64>>,
    watch_failures: Family<Trouble, Counter>,
    unreadable: Family<Of, Gauge>,
    leader: Gauge,
    pub(crate) requests: Family<Asked, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailingPod {
    namespace: String,
    pod_name: String,
    failure_type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Action {
    action_type: &'static str,
    success: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionType {
    action_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InPhase {
    phase: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InNamespace {
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Trouble {
    source: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Asked {
    pub(crate) verb: &'static str,
    pub(crate) resource: String,
    pub(crate) code: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Arc::new(Registry::default()),
            failures: Family::default(),
            failing: Arc::default(),
            counted: Arc::default(),
            actions: Family::default(),
            recovery: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            detection: Histogram::new(SECONDS),
            rounds: Counter::default(),
            round: Histogram::new([0.000_1, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0]),
            holds: Family::default(),
            open: Family::default(),
            jobs: Family::default(),
            job_pods: Family::default(),
            freshness: Family::default(),
            watch_failures: Family::default(),
            unreadable: Family::default(),
            leader: Gauge::default(),
            requests: Family::default(),
        };
        metrics.registry = Arc::new(metrics.register());
        metrics
    }
}

/// From a kubelet's restart to an operator's patience.
const SECONDS: [f64; 14] = [
    0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0, 1_800.0,
];

impl Metrics {
    fn register(&self) -> Registry {
        let mut all = Registry::default();
        // Counters get their `_total` from the library.
        all.register(
            "self_healing_pod_failures",
            "Failing pods, once per pod and episode",
            self.failures.clone(),
        );
        all.register(
            "self_healing_recovery_actions",
            "Attempts at their outcome; success is Recovered",
            self.actions.clone(),
        );
        all.register(
            "self_healing_recovery_duration_seconds",
            "From the curing attempt's intent to healthy",
            self.recovery.clone(),
        );
        all.register(
            "self_healing_failure_detection_duration_seconds",
            "From failure to detection, once per episode",
            self.detection.clone(),
        );
        all.register(
            "kubemend_rounds",
            "Decisions over the whole world",
            self.rounds.clone(),
        );
        all.register(
            "kubemend_round_duration_seconds",
            "Time that one round took",
            self.round.clone(),
        );
        all.register(
            "kubemend_holds",
            "Targets that are held now, by reason",
            self.holds.clone(),
        );
        all.register(
            "kubemend_open_episodes",
            "Episodes that have not ended, by phase",
            self.open.clone(),
        );
        all.register(
            "kubemend_jobs_failing",
            "Jobs whose newest pod fails; they are counted and never touched",
            self.jobs.clone(),
        );
        all.register(
            "kubemend_job_pods_failing",
            "Failing pods of Jobs that fail",
            self.job_pods.clone(),
        );
        all.register(
            "kubemend_watch_freshness_seconds",
            "Age of the view of a collection",
            self.freshness.clone(),
        );
        all.register(
            "kubemend_watch_failures",
            "Interrupted watches, by reason",
            self.watch_failures.clone(),
        );
        all.register(
            "kubemend_unreadable_objects",
            "Objects that cannot be read now",
            self.unreadable.clone(),
        );
        all.register(
            "kubemend_leader",
            "1 while this process holds the Lease and may act",
            self.leader.clone(),
        );
        all.register(
            "kubemend_api_requests",
            "Requests to the API server",
            self.requests.clone(),
        );
        all
    }

    /// Everything in OpenMetrics text.
    pub fn render(&self, health: &Health) -> Result<String, fmt::Error> {
        for (source, age) in health.ages() {
            let of = Of {
                source: source.plural(),
            };
            self.freshness.get_or_create(&of).set(age.as_secs_f64());
        }
        self.leader.set(i64::from(health.leads()));
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }

    /// A pod is failing; it counts once per episode, however often it is told.
    pub(crate) fn pod_failed(&self, episode: &Name, pod: &str, uid: &Text, failure_type: &str) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if !counted
            .entry(episode.clone())
            .or_default()
            .insert(uid.clone())
        {
            return;
        }
        drop(counted);
        let labels = FailingPod {
            namespace: episode.namespace.to_string(),
            pod_name: pod.to_owned(),
            failure_type: failure_type.to_owned(),
        };
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if !failing.contains(&labels) {
            if failing.len() >= POD_SERIES_MAX
                && let Some(oldest) = failing.pop_front()
            {
                self.failures.remove(&oldest);
            }
            failing.push_back(labels.clone());
        }
        self.failures.get_or_create(&labels).inc();
    }

    /// An episode is over: its pods need not be remembered.
    pub(crate) fn ended(&self, episode: &Name) {
        self.counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(episode);
    }

    /// An attempt has its outcome.
    pub(crate) fn attempt_judged(&self, action: ActionName, recovered: bool) {
        let success = if recovered { "true" } else { "false" };
        let labels = Action {
            action_type: action.label(),
            success,
        };
        self.actions.get_or_create(&labels).inc();
    }

    /// An attempt cured.
    pub(crate) fn recovered(&self, action: ActionName, seconds: f64) {
        let labels = ActionType {
            action_type: action.label(),
        };
        self.recovery.get_or_create(&labels).observe(seconds);
    }

    /// A failure was detected.
    pub(crate) fn detected(&self, seconds: f64) {
        self.detection.observe(seconds);
    }

    pub(crate) fn round(&self, took: Duration) {
        self.rounds.inc();
        self.round.observe(took.as_secs_f64());
    }

    pub(crate) fn holds(&self, holds: &[Held]) {
        self.holds.clear();
        for held in holds {
            let labels = Reason {
                reason: held.hold.reason(),
            };
            self.holds.get_or_create(&labels).inc();
        }
    }

    pub(crate) fn open(&self, phases: impl Iterator<Item = &'static str>) {
        self.open.clear();
        for phase in phases {
            self.open.get_or_create(&InPhase { phase }).inc();
        }
    }

    /// The Jobs that fail; those of namespaces beyond the limit are one series without a name.
    pub(crate) fn jobs(&self, failing: &BTreeMap<Text, Failing>) {
        self.jobs.clear();
        self.job_pods.clear();
        for (index, (namespace, count)) in failing.iter().enumerate() {
            let named = index < NAMESPACE_SERIES_MAX;
            let labels = InNamespace {
                namespace: if named {
                    namespace.to_string()
                } else {
                    String::new()
                },
            };
            let add = |family: &Family<InNamespace, Gauge>, count: u32| {
                family.get_or_create(&labels).inc_by(i64::from(count));
            };
            add(&self.jobs, count.jobs);
            add(&self.job_pods, count.pods);
        }
    }

    pub(crate) fn watch_failed(&self, source: Source, reason: &'static str) {
        let labels = Trouble {
            source: source.plural(),
            reason,
        };
        self.watch_failures.get_or_create(&labels).inc();
    }

    pub(crate) fn unreadable(&self, source: Source, count: usize) {
        let of = Of {
            source: source.plural(),
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.unreadable.get_or_create(&of).set(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_replaced_system_and_pods_are_bounded() {
        let metrics = Metrics::default();
        for number in 0..=POD_SERIES_MAX {
            let (pod, episode) = (format!("web-{number}"), Name::new("shop", "web-4f7d1c-1"));
            // Told twice, as at detection and by an intent, it counts once.
            metrics.pod_failed(&episode, &pod, &pod.as_str().into(), "crash_loop");
            metrics.pod_failed(&episode, &pod, &pod.as_str().into(), "crash_loop");
        }
        metrics.attempt_judged(ActionName::Scale, true);
        metrics.recovered(ActionName::RestartPod, 14.0);
        metrics.detected(43.0);
        let text = metrics.failures_text();
        assert!(!text.contains("\"web-0\""));
        for line in [
            "self_healing_pod_failures_total{namespace=\"shop\",pod_name=\"web-1000\",failure_type=\"crash_loop\"} 1",
            "self_healing_recovery_actions_total{action_type=\"scale_deployment\",success=\"true\"} 1",
            "self_healing_recovery_duration_seconds_sum{action_type=\"restart_pod\"} 14.0",
            "self_healing_failure_detection_duration_seconds_sum 43.0",
        ] {
            assert!(text.contains(line), "{line}\n{}", &text[..2_000]);
        }
    }

    #[test]
    fn jobs_are_counted_in_a_bounded_number_of_namespaces() {
        let metrics = Metrics::default();
        let one = Failing { jobs: 1, pods: 3 };
        let failing = (0..NAMESPACE_SERIES_MAX + 2).map(|number| (format!("n{number:04}"), one));
        metrics.jobs(
            &failing
                .map(|(name, one)| (name.as_str().into(), one))
                .collect(),
        );
        let text = metrics.failures_text();
        for line in [
            "kubemend_jobs_failing{namespace=\"n0000\"} 1",
            "kubemend_jobs_failing{namespace=\"\"} 2",
            "kubemend_job_pods_failing{namespace=\"\"} 6",
        ] {
            assert!(text.contains(line), "{line}");
        }
        metrics.jobs(&BTreeMap::new());
        assert!(!metrics.failures_text().contains("kubemend_jobs_failing{"));
    }

    impl Metrics {
        fn failures_text(&self) -> String {
            let mut out = String::new();
            text::encode(&mut out, &self.registry).unwrap();
            out
        }
    }
}
