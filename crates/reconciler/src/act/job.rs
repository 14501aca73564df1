//! Makes the Job of a step, if its target is still the judged one and the Job is not there yet.

use kubemend_api::actions::Job;
use kubemend_api::annotations;
use kubemend_api::targets::WorkloadKind;
use kubemend_engine::episode::Request as Wanted;
use kubemend_engine::facts::{Name, template};
use kubemend_engine::plan::{Aside, Pods};
use kubemend_engine::source::MADE_BY_US;
use kubemend_engine::{Episode, Source};
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde_json::{Value, json};

use super::{Answer, Hand, Look, Sight, change, parse, version};

/// A Job that has ended stays so long for people to read its log, in seconds.
const KEPT: u32 = 86_400;

/// Nobody's: the Pod Security Standard Restricted wants a user who is not root, and most images name none.
const USER: u32 = 65_532;

/// So many failing pods are named to it, as many as an intent names.
const NAMED_MAX: usize = 10;

/// What is judged: the target's UID and template, and that the Job is not there.
struct Run<'a> {
    episode: &'a Episode,
    wanted: &'a Wanted,
    job: &'a Job,
    failing: &'a Pods,
    path: String,
}

/// A new Job of the wanted name.
pub(super) async fn run(
    hand: &Hand<'_>,
    episode: &Episode,
    wanted: &Wanted,
    aside: &Aside,
) -> Answer {
    let Some(job) = &aside.job else {
        return Answer::not_applied("Invalid");
    };
    let name = Name::new(&episode.id.namespace, &wanted.name);
    let judged = Run {
        episode,
        wanted,
        job,
        failing: &aside.failing,
        path: call::path(Source::Jobs, &name),
    };
    change(hand, Source::Jobs, judged).await
}

impl Look for Run<'_> {
    async fn look(&self, hand: &Hand<'_>) -> Result<Sight, Failure> {
        if let Some(why) = self.target_changed(hand).await? {
            return Ok(Sight::Changed(why));
        }
        let json = match hand.send(Request::get(&self.path)).await {
            Err(Failure::NotFound(_)) => {
                let (collection, _) = self.path.rsplit_once('/').unwrap_or_default();
                return Ok(Sight::Judged(Request::create(collection, &self.manifest())));
            }
            answer => answer?,
        };
        let seen = parse(&json)?;
        let made_from = seen["metadata"]["annotations"][annotations::JOB_TEMPLATE].as_str();
        Ok(
            if made_from.is_some() && made_from == self.wanted.to.as_deref() {
                Sight::Ours(version(Source::Jobs, &json))
            } else {
                Sight::Changed("NameTaken")
            },
        )
    }
}

impl Run<'_> {
    /// Why the target is not what was judged any more. A bare pod has no template; owners of other kinds cannot be read.
    async fn target_changed(&self, hand: &Hand<'_>) -> Result<Option<&'static str>, Failure> {
        let target = self.episode.target();
        if target.kind == WorkloadKind::Pod && !target.is_bare() {
            return Ok(None);
        }
        let path = call::path(Source::of(target.kind), &target.as_name());
        let json = match hand.send(Request::get(path)).await {
            Err(Failure::NotFound(_)) => return Ok(Some("Gone")),
            answer => answer?,
        };
        let seen = parse(&json)?;
        let meta = &seen["metadata"];
        Ok(
            if meta["uid"] != *self.wanted.uid || !meta["deletionTimestamp"].is_null() {
                Some("Gone")
            } else if !target.is_bare()
                && template::hash(&seen["spec"]["template"]) != self.episode.hash()
            {
                Some("Changed")
            } else {
                None
            },
        )
    }

    /// The Job. Its pod carries no label of the target, whose Services and controller would take it for their own.
    fn manifest(&self) -> Value {
        let (made_by, us) = MADE_BY_US;
        let (event, id) = (&self.episode.id.name, &self.episode.id);
        let deadline = self.job.timeout.as_millis().div_euclid(1000);
        let mut container = json!({
            "name": "job",
            "image": self.job.image,
            "env": self.environment(),
            "resources": {
                "requests": {"cpu": "50m", "memory": self.job.memory},
                "limits": {"memory": self.job.memory},
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        });
        for (key, words) in [("command", &self.job.command), ("args", &self.job.args)] {
            if let Some(words) = words {
                container[key] = json!(words);
            }
        }
        let account = self.job.service_account_name.as_deref();
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": &*self.wanted.name,
                "namespace": &*id.namespace,
                "labels": {made_by: us},
                "annotations": {
                    annotations::JOB_TEMPLATE: self.wanted.to.as_deref(),
                    annotations::HEALED_BY: &**event,
                },
            },
            "spec": {
                // Whether it is tried again is the chain's to say.
                "backoffLimit": 0,
                "activeDeadlineSeconds": deadline,
                "ttlSecondsAfterFinished": KEPT,
                "template": {
                    "metadata": {"labels": {made_by: us}, "annotations": {annotations::HEALED_BY: &**event}},
                    "spec": {
                        "restartPolicy": "Never",
                        "serviceAccountName": account.unwrap_or("default"),
                        "automountServiceAccountToken": account.is_some(),
                        "securityContext": {
                            "runAsNonRoot": true, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [container],
                    },
                },
            },
        })
    }

    /// What it is told of the episode.
    fn environment(&self) -> Value {
        let episode = self.episode;
        let target = &episode.spec.target;
        let named = self.failing.iter().take(NAMED_MAX);
        let pods: Vec<&str> = named.map(|(name, _)| &**name).collect();
        let step = episode.last_attempt().map_or("", |one| &*one.step);
        let all = [
            ("EVENT", &*episode.id.name),
            ("NAMESPACE", &*episode.id.namespace),
            ("TARGET_KIND", &*target.kind),
            ("TARGET_NAME", &*target.name),
            ("SYMPTOM", episode.symptom()),
            ("RULE", episode.rule()),
            ("STEP", step),
            ("PODS", &pods.join(" ")),
        ];
        let all =
            all.map(|(name, value)| json!({"name": format!("KUBEMEND_{name}"), "value": value}));
        Value::from(all.to_vec())
    }
}
