//! The two apps, how they break, and how they look when they are healed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::voice::{self, Look, Voice};

/// The policy and its chain. Its times are short so that nobody waits for the demo.
const POLICY: &str = "apiVersion: kubemend.io/v1alpha1
kind: HealingPolicy
metadata: {name: shop, namespace: NAMESPACE}
spec:
  mode: Enforce
  targets: {names: [{kind: Deployment, name: cart}, {kind: Deployment, name: checkout}]}
  rules:
  - name: crash-loop
    when: {crashLoop: {restarts: 2}}
    recoverWithin: 90s
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
  budget: {concurrent: 2, actsPerHour: 10}
";

/// Runs until its scratch file is corrupt; then it ends at every start, until a new pod brings a new scratch volume.
const CART: &str = "until [ -f /scratch/corrupt ]; do sleep 1; done; sleep 1; echo 'the scratch file is corrupt' > /dev/termination-log; exit 3";
const CHECKOUT_1: &str = "exec sleep 100000";
const CHECKOUT_2: &str =
    "sleep 1; echo 'release 2 needs a table that does not exist' > /dev/termination-log; exit 4";
/// What makes KWOK play a crashing pod, every two seconds.
const FAKE_CRASH: [&str; 2] = [
    "kubemend.io/fake-crash=true",
    "kubemend.io/fake-crash-period=2s",
];

const UNTIL_PODS_RUN: Duration = Duration::from_mins(2);
const UNTIL_PROVEN: Duration = Duration::from_mins(2);

/// The apps in their namespace.
pub(crate) struct Apps<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) namespace: String,
}

impl<'a> Apps<'a> {
    /// A fresh namespace with the policy and both apps.
    pub(crate) fn deploy(voice: &Voice, cluster: &'a Cluster) -> Result<Self> {
        let namespace = next_namespace(&cluster.kubectl(&["get", "namespaces", "-o", "name"])?);
        let apps = Self { cluster, namespace };
        let namespace = &apps.namespace;
        cluster.kubectl(&["create", "namespace", namespace])?;
        let policy = POLICY.replace("NAMESPACE", namespace);
        voice.say(&format!(
            "one policy for both apps, in namespace {namespace}:"
        ));
        println!("\n{policy}");
        cluster.apply(&policy)?;
        cluster.apply(&apps.manifest("cart", 1, 1, CART))?;
        cluster.apply(&apps.manifest("checkout", 2, 1, CHECKOUT_1))?;
        for app in ["cart", "checkout"] {
            let deployment = format!("deployment/{app}");
            let timeout = format!("--timeout={}s", UNTIL_PODS_RUN.as_secs());
            cluster.kubectl(&["rollout", "status", &deployment, "-n", namespace, &timeout])?;
        }
        voice.say("cart and checkout run, release 1 of each");
        Ok(apps)
    }

    /// Waits until checkout's release has proven itself: nothing else is ever rolled back to.
    pub(crate) fn prove(&self, voice: &Voice) -> Result<()> {
        voice.say("checkout's release 1 proves itself: 20 s without a crash, and the operator marks its ReplicaSet");
        let selector = ["replicasets", "-n", &self.namespace, "-l", "app=checkout"];
        let mark = voice.wait("release 1 is marked as healthy", UNTIL_PROVEN, || {
            let sets: Value = self.cluster.get(&selector)?;
            let mark = &sets["items"][0]["metadata"]["annotations"]["kubemend.io/healthy"];
            Ok(match mark.as_str() {
                Some(mark) => Look::Found(mark.to_owned()),
                None => Look::NotYet("no mark yet".to_owned()),
            })
        })?;
        voice.say(&format!("marked: kubemend.io/healthy: {mark}"));
        Ok(())
    }

    /// Breaks both, one right after the other.
    pub(crate) fn break_both(&self, voice: &Voice) -> Result<()> {
        let namespace = self.namespace.as_str();
        if self.cluster.is_fake() {
            let [crash, period] = FAKE_CRASH;
            self.cluster.kubectl(&[
                "annotate", "pods", "-n", namespace, "-l", "app=cart", crash, period,
            ])?;
            voice.say("cart: KWOK plays that its pod crashes, over and over; a new pod will not");
        } else {
            let exec = ["exec", "deploy/cart", "-n", namespace, "--"];
            self.cluster
                .kubectl(&[&exec[..], &["touch", "/scratch/corrupt"]].concat())?;
            voice.say("cart: its scratch file is corrupt; it crashes, over and over, until its pod is replaced");
        }
        self.cluster
            .apply(&self.manifest("checkout", 2, 2, CHECKOUT_2))?;
        voice.say("checkout: release 2 is out; it crashes, and no restart will cure it");
        Ok(())
    }

    /// The cluster itself shows that both are well, whatever the records say.
    pub(crate) fn are_healed(&self) -> Result<()> {
        let namespace = self.namespace.as_str();
        let columns = "custom-columns=NAME:.metadata.name,RELEASE:.spec.template.metadata.labels.release,WANTED:.spec.replicas,READY:.status.readyReplicas";
        voice::kubectl(
            self.cluster,
            &["get", "deployments", "-n", namespace, "-o", columns],
        )?;
        let all: Value = self.cluster.get(&["deployments", "-n", namespace])?;
        let deployments = all["items"].as_array().context("no Deployments")?;
        ensure!(deployments.len() == 2, "{} Deployments", deployments.len());
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

    /// How often the containers of both apps were restarted, in words.
    pub(crate) fn restarts(&self) -> Result<String> {
        let pods: Value = self.cluster.get(&["pods", "-n", &self.namespace])?;
        let count = |app: &str| -> i64 {
            let pods = pods["items"].as_array().into_iter().flatten();
            pods.filter(|pod| pod["metadata"]["labels"]["app"] == app)
                .filter_map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].as_i64())
                .max()
                .unwrap_or(0)
        };
        let (cart, checkout) = (count("cart"), count("checkout"));
        Ok(format!(
            "restarts so far: cart {cart}, checkout {checkout}; a crash loop from 2 on"
        ))
    }

    fn manifest(&self, app: &str, replicas: u32, release: u32, script: &str) -> String {
        let (namespace, image) = (&self.namespace, self.cluster.busybox());
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
metadata: {{name: {app}, namespace: {namespace}, labels: {{app: {app}}}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {app}}}}}
  template:
    metadata:
      labels: {{app: {app}, release: \"{release}\"}}
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
