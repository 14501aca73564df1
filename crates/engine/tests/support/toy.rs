//! A toy kubelet and a toy workload controller: pods that live and die as a scenario says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::app::App;
use super::objects::{millis, time};

mod manifest;

#[derive(Clone, Debug)]
enum State {
    Starting(i64),
    Running(i64),
    Waiting(i64),
}

#[derive(Clone, Debug)]
struct Pod {
    name: String,
    revision: u64,
    created: i64,
    app: App,
    state: State,
    restarts: i64,
    ready: bool,
    ready_changed: i64,
    last: Option<(i64, i64, i64)>,
    backoff: i64,
    /// Its place in a `StatefulSet`, or its node in a `DaemonSet`.
    place: usize,
    uid: String,
}

const BACKOFF_CAP: i64 = 300_000;

impl Pod {
    /// When something happens to it next.
    fn next(&self) -> Option<i64> {
        match self.state {
            State::Starting(at) | State::Waiting(at) => Some(at),
            State::Running(from) => {
                let dies = self.app.dies.map(|after| from + after);
                let ready = self
                    .app
                    .probe
                    .map(|after| from + after)
                    .filter(|_| !self.ready);
                dies.into_iter().chain(ready).min()
            }
        }
    }

    fn step(&mut self, at: i64) {
        match self.state {
            State::Starting(_) => self.state = State::Running(at),
            State::Waiting(_) => {
                self.restarts += 1;
                self.state = State::Running(at);
            }
            State::Running(from) => {
                if self.app.dies.is_some_and(|after| at >= from + after) {
                    self.last = Some((from, at, self.app.exit));
                    if at - from >= 600_000 {
                        self.backoff = 0;
                    }
                    self.state = State::Waiting(at + self.backoff.max(1000));
                    self.backoff = (self.backoff * 2).clamp(10_000, BACKOFF_CAP);
                    self.set_ready(false, at);
                } else {
                    self.set_ready(true, at);
                }
            }
        }
    }

    fn set_ready(&mut self, ready: bool, at: i64) {
        if self.ready != ready {
            self.ready = ready;
            self.ready_changed = at;
        }
    }

    fn status(&self) -> Value {
        let end = self.last.map(|(from, to, exit)| {
            json!({ "exitCode": exit, "reason": if exit == 0 { "Completed" } else { "Error" },
                    "startedAt": time(from), "finishedAt": time(to) })
        });
        let state = match self.state {
            State::Starting(_) => json!({ "waiting": { "reason": "ContainerCreating" } }),
            State::Running(from) => json!({ "running": { "startedAt": time(from) } }),
            State::Waiting(_) => json!({ "waiting": { "reason": "CrashLoopBackOff" } }),
        };
        let phase = if matches!(self.state, State::Starting(_)) {
            "Pending"
        } else {
            "Running"
        };
        let mut container = json!({ "name": "app", "restartCount": self.restarts, "ready": self.ready, "state": state });
        if let Some(end) = end {
            container["lastState"] = json!({ "terminated": end });
        }
        json!({
            "phase": phase,
            "conditions": [{ "type": "Ready", "status": if self.ready { "True" } else { "False" },
                             "lastTransitionTime": time(self.ready_changed) }],
            "containerStatuses": [container],
        })
    }
}

/// One workload with its pods.
#[derive(Clone, Debug)]
pub struct Toy {
    pub name: String,
    pub namespace: String,
    /// With its API version where that is another: `apps.kruise.io/v1alpha1 CloneSet`.
    pub kind: String,
    pub uid: String,
    pub replicas: usize,
    pub revision: u64,
    /// Grows with every change of the template.
    pub releases: BTreeMap<u64, (u64, i64)>,
    pub apps: BTreeMap<u64, App>,
    /// False where a scenario writes the pods itself.
    pub alive: bool,
    pub labels: Value,
    pub annotations: Value,
    pub raw: Value,
    /// Merged over each of its pods.
    pub pod_raw: Value,
    pub proven: BTreeMap<u64, i64>,
    pods: Vec<Pod>,
    serial: usize,
    /// When the behaviour changed last.
    since: i64,
}

impl Toy {
    pub fn new(namespace: &str, name: &str, kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            uid: format!("{name}-uid"),
            replicas: 2,
            revision: 1,
            releases: [(1, (1, millis("-30d")))].into(),
            apps: BTreeMap::new(),
            alive: true,
            labels: json!({ "app": name }),
            annotations: json!({}),
            raw: json!({}),
            pod_raw: json!({}),
            proven: [(1, 86_400)].into(),
            pods: Vec::new(),
            serial: 0,
            since: 0,
        }
    }

    /// The template changes, by a release or a rollback.
    pub fn release(&mut self, revision: u64, now: i64) {
        let newest = self
            .releases
            .values()
            .map(|(number, _)| *number)
            .max()
            .unwrap_or(0);
        let created = self
            .releases
            .get(&revision)
            .map_or(now, |(_, created)| *created);
        self.releases.insert(revision, (newest + 1, created));
        self.revision = revision;
    }

    /// A rolling restart, whose pods all go at once: what a scenario tells apart is who came after it.
    pub fn restart(&mut self, at: &str) {
        let key = kubemend_api::annotations::RESTARTED_AT;
        super::objects::merge(
            &mut self.raw,
            &json!({ "spec": { "template": { "metadata": { "annotations": { key: at } } } } }),
        );
        self.pods.clear();
    }

    /// From now on the app behaves so, in the pods that are there too.
    pub fn behave(&mut self, revision: u64, app: &App, now: i64) {
        self.since = now;
        self.apps.insert(revision, app.clone());
        for pod in self.pods.iter_mut().filter(|pod| pod.revision == revision) {
            pod.app = app.clone();
        }
    }

    /// A pod is gone; true where it was one of these.
    pub fn kill(&mut self, name: &str) -> bool {
        let before = self.pods.len();
        self.pods.retain(|pod| pod.name != name);
        before != self.pods.len()
    }

    pub fn clear(&mut self) {
        self.pods.clear();
    }

    pub fn next(&self) -> Option<i64> {
        self.pods.iter().filter_map(Pod::next).min()
    }

    /// Lets everything happen that is due, and the controller answer.
    pub fn advance(&mut self, now: i64) {
        loop {
            self.live(now);
            if !self.alive || !self.control(now) {
                return;
            }
        }
    }

    fn live(&mut self, now: i64) {
        let since = self.since;
        let due = |pod: &&mut Pod| pod.next().is_some_and(|at| at <= now);
        while let Some(pod) = self
            .pods
            .iter_mut()
            .filter(due)
            .min_by_key(|pod| pod.next())
        {
            // A behaviour that was set late ends a long run then, not in the past.
            let at = pod.next().unwrap_or(now).max(since);
            pod.step(at);
        }
    }

    /// One action of the controller.
    fn control(&mut self, now: i64) -> bool {
        match self.kind.as_str() {
            "StatefulSet" => self.control_ordered(now),
            "DaemonSet" => self.control_placed(now),
            _ => self.control_surging(now),
        }
    }

    /// A `StatefulSet`'s: one pod after the other; one that is not ready is waited for, whatever its revision.
    fn control_ordered(&mut self, now: i64) -> bool {
        for place in 0..self.replicas {
            match self.pods.iter().find(|pod| pod.place == place) {
                None => {
                    self.create(now, place);
                    return true;
                }
                Some(pod) if !pod.ready => return false,
                Some(_) => {}
            }
        }
        let by_hand = self.raw["spec"]["updateStrategy"]["type"] == "OnDelete";
        let old = self
            .pods
            .iter()
            .filter(|pod| pod.revision != self.revision && !by_hand);
        let topmost = old.max_by_key(|pod| pod.place);
        topmost
            .map(|pod| pod.name.clone())
            .is_some_and(|name| self.kill(&name))
    }

    /// A `DaemonSet`'s: old pods that are not ready go at once, of the others one at a time.
    fn control_placed(&mut self, now: i64) -> bool {
        let taken = |place: &usize| self.pods.iter().any(|pod| pod.place == *place);
        if let Some(place) = (0..self.replicas).find(|place| !taken(place)) {
            self.create(now, place);
            return true;
        }
        let by_hand = self.raw["spec"]["updateStrategy"]["type"] == "OnDelete";
        let all_ready = self.pods.iter().all(|pod| pod.ready);
        let mut old = self.pods.iter().filter(|pod| pod.revision != self.revision);
        let victim = old.find(|pod| !by_hand && (all_ready || !pod.ready));
        victim
            .map(|pod| pod.name.clone())
            .is_some_and(|name| self.kill(&name))
    }

    /// A Deployment's: surge by one, and an old pod goes when a new one is ready.
    fn control_surging(&mut self, now: i64) -> bool {
        let (own, old): (Vec<&Pod>, Vec<&Pod>) = self
            .pods
            .iter()
            .partition(|pod| pod.revision == self.revision);
        let surge = usize::from(!old.is_empty());
        if own.len() < self.replicas && self.pods.len() < self.replicas + surge {
            self.create(now, 0);
            return true;
        }
        let ready = self.pods.iter().filter(|pod| pod.ready).count();
        let spare = old.iter().find(|pod| !pod.ready || ready > self.replicas);
        let victim = spare
            .copied()
            .or_else(|| own.last().copied().filter(|_| own.len() > self.replicas));
        let Some(victim) = victim.map(|pod| pod.name.clone()) else {
            return false;
        };
        self.kill(&victim)
    }

    fn create(&mut self, now: i64, place: usize) {
        self.serial += 1;
        let mut app = self
            .apps
            .get(&self.revision)
            .cloned()
            .unwrap_or_else(|| App::parse("ok"));
        let first = self.serial <= self.replicas && now == 0;
        if app.until_replaced && !first {
            app = App::parse("ok");
        }
        // The pods of second zero have been there for a day.
        let created = if first { millis("-1d") } else { now };
        let state = if first {
            State::Running(created)
        } else {
            State::Starting(now + 1000)
        };
        let name = if self.kind == "StatefulSet" {
            format!("{}-{place}", self.name)
        } else {
            format!("{}-{}", self.name, self.serial)
        };
        self.pods.push(Pod {
            uid: format!("{name}-{}-uid", self.serial),
            name,
            place,
            revision: self.revision,
            created,
            app,
            state,
            restarts: 0,
            ready: first,
            ready_changed: created,
            last: None,
            backoff: 0,
        });
    }
}
