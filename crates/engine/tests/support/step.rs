//! The steps of a scenario: what one may say, and applying it to the stage.

use std::collections::BTreeMap;

use kubemend_api::annotations;
use kubemend_engine::change::Change;
use kubemend_engine::episode::Done;
use kubemend_engine::facts::Name;
use kubemend_engine::source::Source;
use serde::Deserialize;
use serde_json::{Value, json};

use super::objects::{self, merge, moment, time};
use super::stage::{Crash, Stage};
use super::told::{self, Told};

mod put;

/// What happens at one time, and what follows until the next step.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // each is asked for by itself
pub struct Step {
    pub at: String,
    /// Deployment web, as a patch; the same under `workloads` for others.
    #[serde(default)]
    pub web: Option<Workload>,
    #[serde(default)]
    pub workloads: BTreeMap<String, Workload>,
    #[serde(default)]
    pub pods: Vec<PodPatch>,
    #[serde(default)]
    pub policy: Option<Value>,
    #[serde(default)]
    pub config: Option<Value>,
    #[serde(default)]
    pub chain: Option<Value>,
    /// Objects, or merge patches of objects that are there.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// `Kind/name`, in namespace shop where the kind has one.
    #[serde(default)]
    pub gone: Vec<String>,
    /// How the newest Job ends: `Complete`, or `Failed BackoffLimitExceeded`; `gone` removes it.
    pub job: Option<String>,
    /// `kubemend.io/retry` on a record: `"#1": again`
    #[serde(default)]
    pub retry: BTreeMap<String, String>,
    /// `kubemend.io/approval` on a record: `"#1": approve rollback/1 jane`
    #[serde(default)]
    pub approval: BTreeMap<String, String>,
    /// Warning events, after everything else of the step was shown.
    #[serde(default)]
    pub events: Vec<Told>,
    #[serde(default)]
    pub lead: Option<bool>,
    #[serde(default)]
    pub skew: Option<i64>,
    #[serde(default)]
    pub stale: Option<Vec<String>>,
    /// `NotApplied PDBBlocked` per request; the last one holds for the rest.
    #[serde(default)]
    pub results: Vec<String>,
    #[serde(default)]
    pub crash: Option<String>,
    #[serde(default)]
    pub restart: bool,
    /// `hold` or `land`.
    #[serde(default)]
    pub replies: Option<String>,
    /// Ask why Deployment web is or is not healed, after the step's rounds.
    #[serde(default)]
    pub why: bool,
    /// Ask the same for a pod, or for an owner as records spell it: `Pod/a`, `CloneSet.apps.kruise.io/web`.
    pub ask: Option<String>,
    /// Show how many targets the policy has, and the Jobs that fail in its namespaces.
    #[serde(default)]
    pub status: bool,
    /// The same, with everything that stands behind the answer.
    #[serde(default)]
    pub why_all: bool,
    /// Tell the status of every strategy, after the step's rounds.
    #[serde(default)]
    pub strategies: bool,
    pub expect: String,
}

#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    pub kind: Option<String>,
    pub namespace: Option<String>,
    pub replicas: Option<usize>,
    pub revision: Option<u64>,
    pub uid: Option<String>,
    #[serde(default)]
    pub apps: BTreeMap<u64, String>,
    pub labels: Option<Value>,
    pub annotations: Option<Value>,
    /// Merged over the object, for example `{spec: {paused: true}}`.
    pub raw: Option<Value>,
    /// Merged over each of its pods, for example `{spec: {nodeName: a}}`.
    pub pod_raw: Option<Value>,
    /// Seconds that revisions have proven; absent: revision 1 has proven itself for a day.
    pub proven: Option<BTreeMap<u64, i64>>,
    /// How long ago a revision was released: `{2: 1h}`
    #[serde(default)]
    pub released: BTreeMap<u64, String>,
    #[serde(default)]
    pub gone: bool,
}

/// A pod in a few words; `raw` is merged over the object.
#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodPatch {
    pub name: String,
    pub of: Option<String>,
    pub revision: Option<u64>,
    #[serde(default)]
    pub restarts: u32,
    /// How long its last run took; absent: it never ended.
    pub ran: Option<String>,
    /// How long ago that run ended; absent: just now.
    pub ended: Option<String>,
    #[serde(default = "one")]
    pub exit: i64,
    /// Ready for so long; absent: not ready.
    pub ready: Option<String>,
    pub waiting: Option<String>,
    pub age: Option<String>,
    /// Its last run ended for want of memory.
    #[serde(default)]
    pub starved: bool,
    /// Its container's memory limit, which the kubelet has given it; absent: none is told.
    pub memory: Option<String>,
    pub raw: Option<Value>,
}

fn one() -> i64 {
    1
}

pub fn patch_spec(stage: &mut Stage, source: Source, name: &str, patch: &Value) {
    if patch.is_null() {
        return;
    }
    let namespace = if objects::namespaced(source) {
        "shop"
    } else {
        ""
    };
    let known = stage.store.get(&(source, Name::new(namespace, name)));
    let mut object = known.cloned().unwrap_or_else(|| match source {
        Source::Policies => objects::policy(),
        _ => objects::config(),
    });
    merge(&mut object["spec"], patch);
    stage.put(object);
}

/// The steps of the chain, or its whole spec.
pub fn set_chain(stage: &mut Stage, chain: &Value) {
    let mut strategy = objects::strategy();
    if chain.is_array() {
        strategy["spec"]["steps"] = chain.clone();
    } else {
        strategy["spec"] = chain.clone();
    }
    stage.put(strategy);
}

/// Applies what a step says.
pub fn prepare(stage: &mut Stage, step: &Step) {
    if let Some(stale) = &step.stale {
        stage.stale = stale.iter().map(|kind| objects::source(kind)).collect();
    }
    let web = step.web.iter().map(|patch| ("web", patch));
    let others = step
        .workloads
        .iter()
        .map(|(name, patch)| (name.as_str(), patch));
    for (name, patch) in web.chain(others) {
        put::workload(stage, name, patch);
    }
    for pod in &step.pods {
        put::pod(stage, pod);
    }
    patch_spec(
        stage,
        Source::Policies,
        "shop",
        step.policy.as_ref().unwrap_or(&Value::Null),
    );
    patch_spec(
        stage,
        Source::Config,
        "cluster",
        step.config.as_ref().unwrap_or(&Value::Null),
    );
    if let Some(chain) = &step.chain {
        set_chain(stage, chain);
    }
    for object in &step.objects {
        put::object(stage, object);
    }
    for gone in &step.gone {
        let (kind, name) = gone.split_once('/').expect("Kind/name");
        let source = objects::source(kind);
        let namespace = if objects::namespaced(source) {
            "shop"
        } else {
            ""
        };
        let name = stage
            .record_name(name)
            .unwrap_or_else(|| Name::new(namespace, name));
        stage.delete(source, &name);
    }
    if let Some(end) = &step.job {
        end_job(stage, end);
    }
    for event in &step.events {
        told::tell(stage, event);
    }
    for (key, values) in [
        (annotations::RETRY, &step.retry),
        (annotations::APPROVAL, &step.approval),
    ] {
        for (record, value) in values {
            let name = stage.record_name(record).expect("a record of that ordinal");
            let mut object = stage.store[&(Source::Records, name)].clone();
            object["metadata"]["annotations"][key] = json!(value);
            stage.put(object);
        }
    }
    process(stage, step);
}

fn end_job(stage: &mut Stage, end: &str) {
    let jobs = stage.store.iter().rev();
    let mut jobs = jobs.filter(|((source, _), _)| *source == Source::Jobs);
    let (_, job) = jobs.next().expect("a Job");
    let mut job = job.clone();
    if end == "gone" {
        stage.delete(Source::Jobs, &super::stage::name_of(&job));
        return;
    }
    let (kind, reason) = end.split_once(' ').unwrap_or((end, ""));
    job["status"]["conditions"] = json!([{ "type": kind, "status": "True", "reason": reason,
        "lastTransitionTime": time(stage.now) }]);
    stage.put(job);
}

/// What concerns the operator's own process.
fn process(stage: &mut Stage, step: &Step) {
    let now = moment(stage.now);
    if let Some(lead) = step.lead {
        stage.world.apply(Change::Lead(lead), now);
    }
    if let Some(millis) = step.skew {
        stage.world.apply(Change::Skew(millis), now);
    }
    stage.results = step.results.iter().map(|text| result(text)).collect();
    if let Some(crash) = &step.crash {
        stage.crash = Some(match crash.as_str() {
            "after-intent" => Crash::AfterIntent,
            "after-act" => Crash::AfterAct,
            other => panic!("crash: {other}"),
        });
    }
    match step.replies.as_deref() {
        Some("hold") => stage.held_replies = Some(Vec::new()),
        Some("land") => stage.land(),
        Some("refuse") => stage.refuse_intent = true,
        Some(other) => panic!("replies: {other}"),
        None => {}
    }
    if step.restart {
        stage.restart();
        stage.forget_seen();
    }
}

fn result(text: &str) -> (Done, Option<String>) {
    let (done, detail) = text.split_once(' ').map_or((text, None), |(done, detail)| {
        (done, Some(detail.to_owned()))
    });
    let done = match done {
        "Applied" => Done::Applied,
        "NotApplied" => Done::NotApplied,
        "Unknown" => Done::Unknown,
        other => panic!("result {other}"),
    };
    (done, detail)
}
