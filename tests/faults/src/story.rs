//! The stories that are played once without a fault and then with every plan, as quick as the API allows.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use kubemend_api::HealingEvent;
use kubemend_tests::namespace::Namespace;
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::record;
use serde_json::{Value, json};

use crate::oracle::Ending;

/// The stories by name.
pub const STORIES: [&str; 8] = [
    "restart", "chain", "relapse", "overlap", "budget", "edited", "roll", "daemon",
];

/// Longer than the slowest story with the slowest fault.
const UNTIL_ENDED: u64 = 120;

const VERIFY: &str = "verify: {timeout: 20s, stableFor: 5s, relapseWindow: 8s}";
const PATIENT: &str = "verify: {timeout: 20s, stableFor: 5s, relapseWindow: 30s}";

/// One story in its namespace.
pub struct Story<'a> {
    /// One of [`STORIES`].
    pub name: &'a str,
    /// Of this run alone.
    pub namespace: &'a Namespace,
}

impl Story<'_> {
    /// Policies and workloads that are well, before the operator starts.
    pub async fn prepare(&self) -> Result<()> {
        let restart = step(
            "restart",
            "{restartPod: {}}",
            "attempts: {max: 2, backoff: {initial: 5s, factor: 1, max: 5s}}",
            VERIFY,
        );
        let policies = match self.name {
            "chain" => self.policy(
                "web",
                &[
                    step("restart", "{restartPod: {}}", "", VERIFY),
                    scale(),
                    rollback(),
                ],
            ),
            "relapse" => self.policy("web", &[restart.replace(VERIFY, PATIENT)]),
            "roll" => self.policy("web", &[step("roll", "{restartWorkload: {}}", "", VERIFY)]),
            "daemon" => self.policy("web", &[rollback()]),
            "overlap" => format!(
                "{}\n---\n{}",
                self.policy("web", &[scale()]),
                self.policy("web", std::slice::from_ref(&restart))
                    .replace("kind: HealingPolicy", "kind: ClusterHealingPolicy")
                    .replace(
                        "metadata: {name: web}",
                        &format!("metadata: {{name: {}}}", self.namespace.name)
                    )
                    .replace(
                        "mode: Enforce",
                        &format!(
                            "mode: Enforce\n  priority: 10\n  namespaces: {{names: [{}]}}",
                            self.namespace.name
                        )
                    )
            ),
            // The edit shall be seen before the second restart, however late it comes.
            "edited" => {
                let patient = restart.replace("initial: 5s, factor: 1, max: 5s", "initial: 15s");
                self.policy("web", &[patient, scale()])
            }
            _ => self.policy("web", &[restart]),
        };
        for document in policies.split("\n---\n") {
            let of_cluster = document.contains("ClusterHealingPolicy");
            let place = (!of_cluster).then_some(self.namespace.name.as_str());
            self.namespace.cluster.apply(place, document).await?;
        }
        for app in self.apps() {
            self.namespace
                .apply(&self.deployment(app, "1", "{}"))
                .await?;
            self.namespace.ready_pods(app, self.replicas(), 60).await?;
        }
        Ok(())
    }

    /// Breaks what the story breaks, and waits until every episode ended.
    pub async fn drive(&self) -> Result<()> {
        match self.name {
            "chain" => {
                self.namespace.proven("web", UNTIL_ENDED).await?;
                self.namespace
                    .apply(&self.deployment("web", "2", CRASHES))
                    .await?;
            }
            "daemon" => {
                self.namespace.proven_revision("web", UNTIL_ENDED).await?;
                self.namespace
                    .apply(&self.deployment("web", "2", CRASHES))
                    .await?;
            }
            "relapse" => {
                self.crash("web").await?;
                let helped = |one: &HealingEvent| record::phase(one) == "Recovered";
                let what = "the restart helped, or the fault took it another way";
                let judged = |one: &HealingEvent| helped(one) || is_over(one);
                let record = self
                    .namespace
                    .record_when(what, UNTIL_ENDED, judged)
                    .await?;
                if !helped(&record) {
                    return self.ended().await;
                }
                self.crash("web").await?;
                self.wait("the second restart", |one| {
                    record::status(one).relapses.unwrap_or(0) >= 1
                })
                .await?;
            }
            "edited" => {
                self.namespace
                    .apply(&self.deployment("web", "1", CRASHES))
                    .await?;
                let took_effect = |result: &Option<String>| {
                    matches!(result.as_deref(), Some("Applied" | "Unknown"))
                };
                self.wait("a restart is tried", |one| {
                    let attempts = record::attempts(one);
                    let mut requests = attempts.iter().flat_map(|one| &one.requests);
                    is_over(one) || requests.any(|one| took_effect(&one.result))
                })
                .await?;
                let steps = [step(
                    "scale",
                    "{scale: {by: 2, max: 10}}",
                    "undo: {after: 1h}",
                    VERIFY,
                )];
                self.namespace.apply(&self.policy("web", &steps)).await?;
            }
            _ => {
                for app in self.apps() {
                    self.crash(app).await?;
                }
            }
        }
        self.ended().await
    }

    /// Removes what does not go with the namespace.
    pub async fn clear(&self) -> Result<()> {
        if self.name == "overlap" {
            let name = &self.namespace.name;
            self.namespace
                .cluster
                .kubectl(&["delete", "clusterhealingpolicy", name, "--wait=false"])
                .await?;
        }
        self.namespace.delete().await
    }

    /// How it ended.
    pub async fn ending(&self) -> Result<Ending> {
        let mut ending = Ending::default();
        for app in self.apps() {
            let (replicas, template) = self.wanted(app).await?;
            let template = template.metadata.unwrap_or_default();
            let pods = self.namespace.pods(app).await?;
            let crashing = pods
                .iter()
                .filter(|pod| pod.annotations().contains_key("kubemend.io/fake-crash"));
            let mut fact =
                |name: &str, value: String| ending.facts.insert(format!("{app}.{name}"), value);
            fact("replicas", format!("{replicas:?}"));
            fact(
                "template",
                format!(
                    "{:?} {:?}",
                    template.labels,
                    template
                        .annotations
                        .map(|all| all.into_keys().collect::<Vec<_>>())
                ),
            );
            fact("crashing", crashing.count().to_string());
            fact("pods", pods.len().to_string());
        }
        for (nth, one) in self.namespace.records().await?.iter().enumerate() {
            let (status, target) = (record::status(one), &one.spec.target.name);
            // Of several workloads any may be the first.
            let nth = if self.name == "budget" { 0 } else { nth };
            let key = format!("{target}#{nth}");
            let mut fact =
                |name: &str, value: String| ending.facts.insert(format!("{key}.{name}"), value);
            fact("phase", record::phase(one).to_owned());
            fact(
                "policy",
                one.spec
                    .policy_ref
                    .replace(&self.namespace.name, "NAMESPACE"),
            );
            fact("ended", is_over(one).to_string());
            fact("skips", record::skips(one));
            fact("relapses", format!("{:?}", status.relapses));
            fact(
                "undone",
                format!(
                    "{:?}",
                    status.undo.map(|undo| (undo.from, undo.to, undo.result))
                ),
            );
            let unknown = |result: &Option<String>| result.as_deref() == Some("Unknown");
            let mut chain = Vec::new();
            for attempt in record::attempts(one) {
                let vague = attempt
                    .requests
                    .iter()
                    .filter(|one| unknown(&one.result))
                    .count();
                ending.unknown += vague;
                if attempt.outcome.as_deref() != Some("NotApplied") {
                    let mark = if vague > 0 || unknown(&attempt.outcome) {
                        "?"
                    } else {
                        ""
                    };
                    chain.push(format!(
                        "{} {}{mark}",
                        attempt.step,
                        attempt.outcome.as_deref().unwrap_or("awaited")
                    ));
                }
            }
            ending.chains.insert(key, chain);
        }
        Ok(ending)
    }

    /// What the workload asks for: how many pods, and which.
    async fn wanted(&self, app: &str) -> Result<(Option<i32>, PodTemplateSpec)> {
        Ok(if self.kind() == "DaemonSet" {
            let spec = self.namespace.api::<DaemonSet>().get(app).await?.spec;
            (None, spec.template)
        } else {
            let spec = self.namespace.deployment(app).await?.spec;
            (spec.replicas, spec.template)
        })
    }

    fn kind(&self) -> &'static str {
        if self.name == "daemon" {
            "DaemonSet"
        } else {
            "Deployment"
        }
    }

    fn apps(&self) -> &'static [&'static str] {
        if self.name == "budget" {
            &["web1", "web2", "web3"]
        } else {
            &["web"]
        }
    }

    /// Of two pods, the old one stays beside a new one that fails: the rollout goes on for certain,
    /// where with one it would be chance whether a restart is tried or passed over.
    fn replicas(&self) -> usize {
        match self.name {
            "chain" => 2,
            "daemon" => self.namespace.cluster.lab().nodes().len(),
            _ => 1,
        }
    }

    fn deployment(&self, name: &str, release: &str, annotations: &str) -> String {
        let steady = if self.is_released() { 3 } else { 0 };
        let one_by_one = "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}";
        let scope = if self.kind() == "DaemonSet" {
            format!("updateStrategy: {one_by_one}")
        } else {
            format!("replicas: {}\n  strategy: {one_by_one}", self.replicas())
        };
        format!(
            r#"apiVersion: apps/v1
kind: {}
metadata: {{name: {name}}}
spec:
  minReadySeconds: {steady}
  {scope}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, release: "{release}"}}, annotations: {annotations}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: app, image: "lab.local/busybox:1"}}]
"#,
            self.kind(),
        )
    }

    /// It is broken by a release, not by pods that begin to crash.
    fn is_released(&self) -> bool {
        matches!(self.name, "chain" | "daemon")
    }

    fn policy(&self, name: &str, steps: &[String]) -> String {
        let names: Vec<String> = self
            .apps()
            .iter()
            .map(|app| format!("{{kind: {}, name: {app}}}", self.kind()))
            .collect();
        format!(
            r"apiVersion: kubemend.io/v1alpha1
kind: HealingPolicy
metadata: {{name: {name}}}
spec:
  mode: Enforce
  targets: {{names: [{}]}}
  rules:
  - name: crash-loop
    when: {{crashLoop: {{restarts: 2}}}}
    steps: [{}]
  budget: {{concurrent: 1, actsPerHour: 20, maxUnavailable: 100%}}
",
            names.join(", "),
            steps.join(", ")
        )
    }

    /// Lets the pods that are there crash, and not those that replace them.
    async fn crash(&self, app: &str) -> Result<()> {
        let pods: Api<Pod> = self.namespace.api();
        let crash: Value = json!({"metadata": {"annotations": {
            "kubemend.io/fake-crash": "true", "kubemend.io/fake-crash-period": "1s"
        }}});
        for pod in self.namespace.pods(app).await? {
            pods.patch(
                &pod.name_any(),
                &PatchParams::default(),
                &Patch::Merge(&crash),
            )
            .await?;
        }
        Ok(())
    }

    async fn wait(&self, what: &str, is_so: impl Fn(&HealingEvent) -> bool) -> Result<()> {
        self.namespace.record_when(what, UNTIL_ENDED, is_so).await?;
        Ok(())
    }

    async fn ended(&self) -> Result<()> {
        let wanted = self.apps().len();
        let look = async || {
            let records = self.namespace.records().await?;
            let ended = records.iter().filter(|one| is_over(one)).count();
            let states: Vec<String> = records.iter().map(record::summary).collect();
            Ok(if ended == records.len() && ended >= wanted {
                Look::Found(())
            } else {
                Look::NotYet(states.join("; "))
            })
        };
        await_condition("every episode ends", Duration::from_secs(UNTIL_ENDED), look).await
    }
}

const CRASHES: &str = r#"{kubemend.io/fake-crash: "true", kubemend.io/fake-crash-period: "1s"}"#;

/// An exhausted episode stays open until its target is well, which nobody here brings about.
fn is_over(one: &HealingEvent) -> bool {
    record::status(one).ended_at.is_some() || record::phase(one) == "Exhausted"
}

fn step(name: &str, action: &str, more: &str, verify: &str) -> String {
    let more = if more.is_empty() {
        String::new()
    } else {
        format!("{more}, ")
    };
    format!("{{name: {name}, action: {action}, {more}{verify}}}")
}

fn scale() -> String {
    step(
        "scale",
        "{scale: {by: 1, max: 10}}",
        "undo: {after: 1h}",
        VERIFY,
    )
}

fn rollback() -> String {
    step(
        "rollback",
        "{rollback: {to: LastHealthy, provenFor: 5s}}",
        "",
        VERIFY,
    )
}
