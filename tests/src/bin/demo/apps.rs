//! The apps, how they break, and how they look when they are healed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::voice::{self, Look, Voice};

/// The policy and its chains. Its times are short so that nobody waits for the demo.
const POLICY: &str = "apiVersion: kubemend.io/v1alpha1
kind: HealingPolicy
metadata: {name: shop, namespace: NAMESPACE}
spec:
  mode: Enforce
  targets: {all: true}
  rules:
  - name: out-of-memory
    when: {oomKilled: {kills: 2}}
    recoverWithin: 60s
    steps:
    - name: restart
      action: {restartPod: {}}
      verify: {timeout: 60s, stableFor: 15s, relapseWindow: 2m}
    - name: scale
      action: {scale: {by: \"50%\", max: 5}}
      undo: {after: 1h}
  - name: image
    when: {imagePull: {for: 10s}}
    strategyRef: {kind: RecoveryStrategy, name: escalate}
  - name: crash-loop
    when: {crashLoop: {restarts: 2}}
    recoverWithin: 90s
    strategyRef: {kind: RecoveryStrategy, name: escalate}
  budget: {concurrent: 4, actsPerHour: 20}
---
apiVersion: kubemend.io/v1alpha1
kind: RecoveryStrategy
metadata: {name: escalate, namespace: NAMESPACE}
spec:
  steps:
  - name: restart
    action: {restartPod: {}}
    attempts: {max: 2, backoff: {initial: 5s, factor: 1}}
    verify: {timeout: 60s, stableFor: 15s, relapseWindow: 2m}
  - name: scale
    action: {scale: {by: 1, max: 5}}
    undo: {after: 1h}
    verify: {timeout: 60s, stableFor: 15s, relapseWindow: 2m}
  - name: rollback
    onlyIf: {releasedWithin: 24h}
    action: {rollback: {to: LastHealthy, provenFor: 20s}}
    verify: {timeout: 60s, stableFor: 15s, relapseWindow: 2m}
";

/// Runs until its scratch file is corrupt; then it ends at every start, until a new pod brings a new scratch volume.
const CART: &str = "until [ -f /scratch/broken ]; do sleep 1; done; sleep 1; echo 'the scratch file is corrupt' > /dev/termination-log; exit 3";
const CHECKOUT_1: &str = "exec sleep 100000";
const CHECKOUT_2: &str =
    "sleep 1; echo 'release 2 needs a table that does not exist' > /dev/termination-log; exit 4";
/// Reads its whole index into memory at every start, however large it has grown.
const SEARCH: &str = "until [ -f /scratch/broken ]; do sleep 1; done; sleep 1; exec tail /dev/zero";
/// What makes KWOK play a crashing pod, every two seconds.
const FAKE_CRASH: [&str; 2] = [
    "kubemend.io/fake-crash=true",
    "kubemend.io/fake-crash-period=2s",
];

/// One app, how it breaks, and what cures it.
pub(crate) struct App {
    pub(crate) name: &'static str,
    pub(crate) cure: &'static str,
    replicas: u32,
    script: &'static str,
    breaks: Breaks,
    told: &'static str,
}

/// How an app breaks.
enum Breaks {
    /// By a file in its scratch volume, until its pod is replaced.
    File,
    /// By its second release.
    Script(&'static str),
    Image(&'static str),
}

/// The first two break on KWOK's nodes too, where nothing runs that could take memory or an image.
const APPS: [App; 4] = [
    App {
        name: "cart",
        cure: "restart",
        replicas: 1,
        script: CART,
        breaks: Breaks::File,
        told: "its scratch file is corrupt; it crashes, over and over, until its pod is replaced",
    },
    App {
        name: "checkout",
        cure: "rollback",
        replicas: 2,
        script: CHECKOUT_1,
        breaks: Breaks::Script(CHECKOUT_2),
        told: "release 2 is out; it crashes, and no restart will cure it",
    },
    App {
        name: "catalog",
        cure: "rollback",
        replicas: 2,
        script: CHECKOUT_1,
        breaks: Breaks::Image("kubemend.io/no-such-image:2"),
        told: "release 2 is out; its image is nowhere to be had",
    },
    App {
        name: "search",
        cure: "restart",
        replicas: 1,
        script: SEARCH,
        breaks: Breaks::File,
        told: "its index outgrew its memory; the kernel kills it, over and over, until its pod is replaced",
    },
];

const UNTIL_PODS_RUN: Duration = Duration::from_mins(2);
const UNTIL_PROVEN: Duration = Duration::from_mins(2);

/// The apps in their namespace.
pub(crate) struct Apps<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) namespace: String,
}

impl<'a> Apps<'a> {
    /// A fresh namespace with the policy and the apps.
    pub(crate) fn deploy(voice: &Voice, cluster: &'a Cluster) -> Result<Self> {
        let namespace = next_namespace(&cluster.kubectl(&["get", "namespaces", "-o", "name"])?);
        let apps = Self { cluster, namespace };
        let namespace = &apps.namespace;
        cluster.kubectl(&["create", "namespace", namespace])?;
        let policy = POLICY.replace("NAMESPACE", namespace);
        voice.say(&format!(
            "one policy for all apps, in namespace {namespace}:"
        ));
        println!("\n{policy}");
        cluster.apply(&policy)?;
        for app in apps.all() {
            cluster.apply(&apps.manifest(app, 1))?;
        }
        for app in apps.all() {
            let deployment = format!("deployment/{}", app.name);
            let timeout = format!("--timeout={}s", UNTIL_PODS_RUN.as_secs());
            cluster.kubectl(&["rollout", "status", &deployment, "-n", namespace, &timeout])?;
        }
        let names: Vec<_> = apps.all().iter().map(|app| app.name).collect();
        voice.say(&format!("{} run, release 1 of each", names.join(", ")));
        Ok(apps)
    }

    /// The apps that can break on this cluster, in the order of the table.
    pub(crate) fn all(&self) -> &'static [App] {
        if self.cluster.is_fake() {
            &APPS[..2]
        } else {
            &APPS
        }
    }

    /// Waits until the first releases have proven themselves: nothing else is ever rolled back to.
    pub(crate) fn prove(&self, voice: &Voice) -> Result<()> {
        voice.say("release 1 of each proves itself: 20 s without a crash, and the operator marks its ReplicaSet");
        let selector = ["replicasets", "-n", &self.namespace];
        let mark = voice.wait("release 1 is marked as healthy", UNTIL_PROVEN, || {
            let sets: Value = self.cluster.get(&selector)?;
            let sets = sets["items"].as_array().context("no ReplicaSets")?;
            let marks: Vec<_> = sets
                .iter()
                .filter_map(|one| one["metadata"]["annotations"]["kubemend.io/healthy"].as_str())
                .collect();
            Ok(match marks.last() {
                Some(mark) if marks.len() == self.all().len() => Look::Found((*mark).to_owned()),
                _ => Look::NotYet(format!("{} marks", marks.len())),
            })
        })?;
        voice.say(&format!(
            "marked, the last one by kubemend.io/healthy: {mark}"
        ));
        Ok(())
    }

    /// Breaks all, one right after the other.
    pub(crate) fn break_all(&self, voice: &Voice) -> Result<()> {
        let namespace = self.namespace.as_str();
        for app in self.all() {
            let of_app = format!("app={}", app.name);
            let deployment = format!("deploy/{}", app.name);
            match app.breaks {
                Breaks::File if self.cluster.is_fake() => {
                    let [crash, period] = FAKE_CRASH;
                    let pods = ["annotate", "pods", "-n", namespace, "-l", &of_app];
                    self.cluster
                        .kubectl(&[&pods[..], &[crash, period]].concat())?;
                }
                Breaks::File => {
                    let exec = ["exec", &deployment, "-n", namespace, "--"];
                    let touch = ["touch", "/scratch/broken"];
                    self.cluster.kubectl(&[&exec[..], &touch].concat())?;
                }
                Breaks::Script(_) | Breaks::Image(_) => {
                    self.cluster.apply(&self.manifest(app, 2))?;
                }
            }
            voice.say(&format!("{}: {}", app.name, app.told));
        }
        Ok(())
    }

    /// The cluster itself shows that all are well, whatever the records say.
    pub(crate) fn are_healed(&self) -> Result<()> {
        let namespace = self.namespace.as_str();
        let columns = "custom-columns=NAME:.metadata.name,RELEASE:.spec.template.metadata.labels.release,WANTED:.spec.replicas,READY:.status.readyReplicas";
        voice::kubectl(
            self.cluster,
            &["get", "deployments", "-n", namespace, "-o", columns],
        )?;
        let all: Value = self.cluster.get(&["deployments", "-n", namespace])?;
        let deployments = all["items"].as_array().context("no Deployments")?;
        ensure!(
            deployments.len() == self.all().len(),
            "{} Deployments",
            deployments.len()
        );
        for deployment in deployments {
            let name = &deployment["metadata"]["name"];
            let (wanted, ready) = (
                &deployment["spec"]["replicas"],
                &deployment["status"]["readyReplicas"],
            );
            ensure!(wanted == ready, "{name} has {ready} of {wanted} replicas");
            let release = &deployment["spec"]["template"]["metadata"]["labels"]["release"];
            ensure!(release == "1", "{name} is at release {release}");
        }
        Ok(())
    }

    /// How often the containers were restarted, in words.
    pub(crate) fn restarts(&self) -> Result<String> {
        let pods: Value = self.cluster.get(&["pods", "-n", &self.namespace])?;
        let count = |app: &App| {
            let pods = pods["items"].as_array().into_iter().flatten();
            let most = pods
                .filter(|pod| pod["metadata"]["labels"]["app"] == app.name)
                .filter_map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].as_i64())
                .max();
            format!("{} {}", app.name, most.unwrap_or(0))
        };
        let counts: Vec<_> = self.all().iter().map(count).collect();
        Ok(format!("restarts so far: {}", counts.join(", ")))
    }

    fn manifest(&self, app: &App, release: u32) -> String {
        let App { name, replicas, .. } = app;
        let (mut image, mut script) = (self.cluster.busybox(), app.script);
        match app.breaks {
            Breaks::Script(second) if release == 2 => script = second,
            Breaks::Image(second) if release == 2 => second.clone_into(&mut image),
            Breaks::File | Breaks::Script(_) | Breaks::Image(_) => {}
        }
        let namespace = &self.namespace;
        let place = self.cluster.node_selector();
        let annotations = if self.cluster.is_fake() && release == 2 {
            FAKE_CRASH
                .map(|pair| pair.replace('=', ": \"") + "\"")
                .join(", ")
        } else {
            String::new()
        };
        format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}, release: \"{release}\"}}
      annotations: {{{annotations}}}
    spec:
      {place}
      terminationGracePeriodSeconds: 1
      volumes: [{{name: scratch, emptyDir: {{}}}}]
      containers:
      - name: app
        image: {image}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, {script:?}]
        resources: {{limits: {{memory: 32Mi}}}}
        volumeMounts: [{{name: scratch, mountPath: /scratch}}]
"
        )
    }
}

/// One more than the highest `demo-<run>` that is there.
fn next_namespace(names: &str) -> String {
    let runs = names
        .lines()
        .filter_map(|name| name.strip_prefix("namespace/demo-")?.parse::<u32>().ok());
    format!("demo-{}", runs.max().unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests {
    use super::next_namespace;

    #[test]
    fn each_run_has_its_own_namespace() {
        assert_eq!(next_namespace("namespace/default\n"), "demo-1");
        let names = "namespace/demo-9\nnamespace/demo-10\nnamespace/demo-try\n";
        assert_eq!(next_namespace(names), "demo-11");
    }
}
