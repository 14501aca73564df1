//! The round: take in what changed, decide over the whole world, start what was decided. Nothing
//! here touches the network.

use std::collections::BTreeMap;
use std::time::Duration;

use kubemend_engine::episode::State;
use kubemend_engine::facts::TargetKey;
use kubemend_engine::hold::Hold;
use kubemend_engine::{Change, Effect, Moment, Plan, World, decide, jobs, report};
use kubemend_status::policies::Reports;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::Clock;
use crate::effect::Hands;
use crate::health::Health;
use crate::metrics::Metrics;

/// The first change is answered at once; then a burst of them shares one round. The rest after a
/// round is this many times what the round took: deciding costs at most 3 % of a core, and a small
/// cluster, where a round takes microseconds, is answered sooner than a large one.
const REST: u32 = 32;
const REST_MIN: Duration = Duration::from_millis(10);
const REST_MAX: Duration = Duration::from_millis(100);

/// What one round takes in at once: a list's page several times over.
const BATCH_MAX: usize = 4_096;

/// The heart beats at least this often, whether or not there is anything to decide.
const BEAT: Duration = Duration::from_secs(5);

/// Policies are read by people: once a second is soon enough.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// The round and what it works with.
pub(crate) struct Round {
    pub(crate) world: World,
    pub(crate) clock: Clock,
    pub(crate) hands: Hands,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    pub(crate) reports: watch::Sender<Reports>,
}

/// What was decided last, and what of it was told.
struct Last {
    plan: Plan,
    held: BTreeMap<TargetKey, &'static str>,
    reported_at: Instant,
    report_due: bool,
}

impl Last {
    fn next_beat(&self) -> Instant {
        let report = self.report_due.then_some(self.reported_at + REPORT_EVERY);
        let beat = Instant::now() + BEAT;
        report.map_or(beat, |at| at.min(beat))
    }
}

impl Round {
    /// Goes on until it is stopped, or nobody sends changes any more.
    pub(crate) async fn run(
        mut self,
        mut changes: mpsc::Receiver<Change>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut last = Last {
            plan: Plan::default(),
            held: BTreeMap::new(),
            reported_at: Instant::now(),
            report_due: false,
        };
        let mut decide_at = Instant::now();
        loop {
            let wake = decide_at.min(last.next_beat());
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                count = changes.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return },
                () = sleep_until(wake) => {}
            }
            self.health.beat();
            self.health.tell();
            let now = self.clock.now();
            let mut matters = false;
            for change in batch.drain(..) {
                matters |= self.world.apply(change, now);
            }
            if matters || Instant::now() >= decide_at {
                let started = Instant::now();
                last.plan = self.decide(now);
                self.tell(&mut last);
                decide_at = self.clock.instant_at(last.plan.wake_at);
                let rest = (started.elapsed() * REST).clamp(REST_MIN, REST_MAX);
                sleep(rest).await;
            }
            self.report(&mut last, now);
        }
    }

    /// Decides and starts what was decided, as far as there is room; the rest comes again.
    fn decide(&mut self, now: Moment) -> Plan {
        let started = Instant::now();
        let plan = decide(&self.world, now);
        self.metrics.round(started.elapsed());
        self.world.remember(&plan);
        for effect in &plan.effects {
            let Some(slot) = self.hands.slot() else {
                tracing::warn!(
                    waiting = plan.effects.len(),
                    "more effects are due than may run at once"
                );
                break;
            };
            let before = self.before(effect);
            self.world.begin(effect);
            self.hands.start(slot, effect.clone(), before);
        }
        plan
    }

    /// The state of the effect's record as the world knows it.
    fn before(&self, effect: &Effect) -> State {
        let id = match effect {
            Effect::Open(episode, _)
            | Effect::Write(episode)
            | Effect::Act(episode, _)
            | Effect::Undo(episode)
            | Effect::Rehearse(episode, _)
            | Effect::Prune(episode) => &episode.id,
            Effect::Prove { .. } => return State::default(),
        };
        let target = effect.target();
        let record = self.world.records_of(&target).find(|one| one.id == *id);
        record.map(|one| one.state.clone()).unwrap_or_default()
    }

    /// Shows the holds: as metrics, and as one line where a target's reason changed.
    fn tell(&self, last: &mut Last) {
        self.metrics.holds(&last.plan.holds);
        let shown = last
            .plan
            .holds
            .iter()
            .filter(|held| !matches!(held.hold, Hold::InFlight));
        let held: BTreeMap<_, _> = shown
            .map(|held| (held.target.clone(), held.hold.reason()))
            .collect();
        for one in &last.plan.holds {
            let reason = held.get(&one.target);
            if reason.is_some() && last.held.get(&one.target) != reason {
                tracing::info!(target = %one.target, reason, why = %one.hold, "held");
            }
        }
        last.held = held;
        last.report_due = true;
    }

    /// Hands the statuses of policies to their writer and counts, at most once a second.
    fn report(&self, last: &mut Last, now: Moment) {
        if !last.report_due || last.reported_at.elapsed() < REPORT_EVERY {
            return;
        }
        (last.report_due, last.reported_at) = (false, Instant::now());
        let open = self.world.records().filter(|one| one.is_open());
        self.metrics.open(open.map(|one| one.state.phase.as_str()));
        self.metrics.jobs(&jobs::failing(&self.world));
        // A standby has nothing to say, and half a view would say that policies select nothing.
        if !self.world.leads() || self.world.unsynced().is_some() {
            return;
        }
        self.reports.send_replace(Reports {
            policies: report::policies(&self.world, &last.plan, now),
            strategies: report::strategies(&self.world, now),
            config: report::config(&self.world, now),
        });
    }
}
