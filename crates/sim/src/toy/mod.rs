//! A toy cluster on the fake server: Deployments, `ReplicaSet`s, `StatefulSet`s, `DaemonSet`s, pods, Jobs,
//! a kubelet, and budgets.
//!
//! What a pod does is told by the annotation [`PROGRAM`] of its template; see [`Program`].
//!
//! ```
//! use std::time::Duration;
//! use kubemend_sim::{Server, Settings, toy::{self, Toy}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let server = Server::new(Settings::default());
//! let _toy = Toy::start(&server, toy::Settings::default());
//! server.put(toy::deployment("shop", "web", 2, "exit-after:5s"));
//! tokio::time::sleep(Duration::from_secs(60)).await;
//! let pods = server.list("Pod", "shop");
//! assert_eq!(pods[0]["status"]["containerStatuses"][0]["restartCount"], 3);
//! # }
//! ```

mod budget;
mod daemonset;
mod deployment;
mod garbage;
mod job;
mod kubelet;
mod meta;
mod podstatus;
mod program;
mod replicaset;
mod revisions;
mod rollout;
mod run;
mod statefulset;
mod status;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};

pub use self::program::{PROGRAM, Program};
use self::{
    daemonset::DaemonSets, garbage::Garbage, kubelet::Kubelet, replicaset::ReplicaSets,
    statefulset::StatefulSets,
};
use crate::{objects::Objects, server::Server};

/// How quickly the toy cluster moves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From a write to the controllers' reaction.
    pub reaction: Duration,
    /// From a pod's scheduling to the start of its containers.
    pub start: Duration,
    /// The longest wait between two restarts of a container.
    pub backoff_cap: Duration,
    /// How long a crashed container shows `terminated` before it shows `CrashLoopBackOff`.
    pub terminated_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reaction: Duration::from_millis(50),
            start: Duration::from_secs(1),
            backoff_cap: Duration::from_mins(5),
            // Measured on a real kubelet: of the waits of a loop, the first 15 s or so.
            terminated_for: Duration::from_secs(15),
        }
    }
}

/// The running toy cluster; it stands still once this is dropped.
pub struct Toy(JoinHandle<()>);

impl Toy {
    /// Start the controllers and the kubelet.
    pub fn start(server: &Server, settings: Settings) -> Self {
        Self(tokio::spawn(run(server.clone(), World::new(settings))))
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(server: Server, mut world: World) {
    let mut pulse = server.pulse();
    loop {
        let (seen, next) = server.with(|objects| world.settle(objects));
        let clock = server.peek(|objects| objects.clock.clone());
        while server.peek(Objects::version) == seen {
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(clock.instant(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = pulse.changed() => if changed.is_err() { return },
                () = due => break,
            }
        }
        if server.peek(Objects::version) != seen {
            sleep(world.settings.reaction).await;
        }
    }
}

struct World {
    settings: Settings,
    replica_sets: ReplicaSets,
    stateful_sets: StatefulSets,
    daemon_sets: DaemonSets,
    kubelet: Kubelet,
    garbage: Garbage,
}

impl World {
    fn new(settings: Settings) -> Self {
        let kubelet = Kubelet::new(settings.clone());
        Self {
            settings,
            replica_sets: ReplicaSets::default(),
            stateful_sets: StatefulSets::default(),
            daemon_sets: DaemonSets::default(),
            kubelet,
            garbage: Garbage::default(),
        }
    }

    /// Let every controller act until none has anything to do; returns when the next one will.
    fn settle(&mut self, objects: &mut Objects) -> (u64, Option<Duration>) {
        // A rollout takes a few rounds per pod; far more rounds mean two controllers that fight.
        for _ in 0..10_000 {
            let before = objects.version();
            self.garbage.pass(objects);
            let progress = deployment::pass(objects);
            self.replica_sets.pass(objects);
            self.stateful_sets.pass(objects);
            self.daemon_sets.pass(objects);
            let kubelet = self.kubelet.pass(objects);
            let jobs = job::pass(objects);
            budget::pass(objects);
            if objects.version() == before {
                return (before, earliest(earliest(progress, kubelet), jobs));
            }
        }
        panic!("the toy cluster does not come to rest");
    }
}

fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}

/// A Deployment to put on the server, whose pods run a program.
pub fn deployment(namespace: &str, name: &str, replicas: u32, program: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": {PROGRAM: program}},
                "spec": {
                    "containers": [{
                        "name": "main", "image": "registry.example/web:1",
                        "resources": {"limits": {"memory": "64Mi"}},
                    }],
                    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                },
            },
        },
    })
}

/// A `StatefulSet` to put on the server, whose pods run a program.
pub fn stateful_set(namespace: &str, name: &str, replicas: u32, program: &str) -> Value {
    let mut set = deployment(namespace, name, replicas, program);
    set["kind"] = json!("StatefulSet");
    let mut spec = set["spec"].take();
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("strategy");
        spec.remove("progressDeadlineSeconds");
    }
    spec["serviceName"] = json!(name);
    set["spec"] = spec;
    set
}

/// A `DaemonSet` to put on the server, whose pods run a program, one on each node.
pub fn daemon_set(namespace: &str, name: &str, program: &str) -> Value {
    let mut set = stateful_set(namespace, name, 1, program);
    set["kind"] = json!("DaemonSet");
    if let Some(spec) = set["spec"].as_object_mut() {
        spec.remove("replicas");
        spec.remove("serviceName");
    }
    set
}

/// Release another program: a new template, and so a new rollout.
pub fn release(server: &Server, namespace: &str, name: &str, program: &str) -> Option<Arc<Value>> {
    server.update("Deployment", namespace, name, |deployment| {
        deployment["spec"]["template"]["metadata"]["annotations"][PROGRAM] = json!(program);
    })
}
