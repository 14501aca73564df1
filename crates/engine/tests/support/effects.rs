//! The effects of plans, carried out as the real reconciler does: the record first, then the act.

use kubemend_api::annotations;
use kubemend_engine::change::{self, Change, Object};
use kubemend_engine::episode::{Attempt, Done, Episode, Resize, Verb};
use kubemend_engine::facts::{Name, Proof, Text};
use kubemend_engine::plan::Aside;
use kubemend_engine::source::Source;
use kubemend_engine::{Effect, Moment, record};
use serde_json::{Value, json};

use super::objects::{self, moment};
use super::stage::{Crash, Stage, name_of};

impl Stage {
    /// Carries out one effect; the record that comes back, or `None` where the process died.
    #[allow(clippy::option_option)] // the outer one is the process, the inner one the record
    pub(super) fn execute(&mut self, effect: &Effect) -> Option<Option<Box<Object>>> {
        Some(match effect {
            Effect::Open(episode, _) => {
                let mut event = record::encode(episode);
                event.status = None;
                event.metadata.uid = Some(format!("uid-{}", episode.id.name));
                Some(self.store_record(&event))
            }
            Effect::Write(episode) | Effect::Rehearse(episode, _) => {
                Some(self.store_record(&record::encode(episode)))
            }
            Effect::Act(episode, aside) => return self.act(episode, aside),
            Effect::Undo(episode) => {
                let version = version_of(&self.store_record(&record::encode(episode)));
                let (done, detail) = self
                    .results
                    .first()
                    .cloned()
                    .unwrap_or((Done::Applied, None));
                let mut next = (**episode).clone();
                next.version = version;
                if let (Done::Applied, Some(undo)) = (done, &episode.state.undo) {
                    self.set_replicas(&episode.spec.target.name, undo.from as usize);
                }
                next.settle_undo(done, detail.as_deref(), moment(self.now));
                Some(self.store_record(&record::encode(&next)))
            }
            Effect::Prove {
                target,
                revision,
                proof,
                hash,
                ..
            } => {
                if self.refusal().is_some() {
                    return Some(None);
                }
                self.mark(&target.name, &revision.name, hash, *proof);
                None
            }
            Effect::Prune(episode) => {
                self.delete(Source::Records, &episode.id);
                None
            }
        })
    }

    /// When what is refused now may be tried again; `None` where nothing is refused.
    pub(super) fn refusal(&self) -> Option<Moment> {
        let refused = matches!(self.results.first(), Some((Done::NotApplied, _)));
        refused.then(|| moment(self.now).plus(5_000))
    }

    #[allow(clippy::option_option)] // as above
    fn act(&mut self, episode: &Episode, aside: &Aside) -> Option<Option<Box<Object>>> {
        if std::mem::take(&mut self.refuse_intent) {
            self.lines
                .push(format!("{:<9} refused", objects::span(self.now)));
            return Some(None);
        }
        let version = version_of(&self.store_record(&record::encode(episode)));
        if self.crash == Some(Crash::AfterIntent) {
            return None;
        }
        let attempt = episode
            .last_attempt()
            .expect("an act has an attempt")
            .clone();
        let results = self.send(episode, &attempt, aside);
        if self.crash == Some(Crash::AfterAct) {
            return None;
        }
        let mut next = episode.clone();
        next.version = version;
        next.settle(&results, moment(self.now));
        if results.iter().any(|(done, _)| *done != Done::Applied) {
            let words: Vec<_> = results
                .iter()
                .map(|(done, detail)| format!("{done:?} {}", detail.as_deref().unwrap_or("")))
                .collect();
            self.lines.push(format!(
                "{:<9} came to {}",
                objects::span(self.now),
                words.join(", ").trim_end()
            ));
        }
        Some(Some(self.store_record(&record::encode(&next))))
    }

    fn send(
        &mut self,
        episode: &Episode,
        attempt: &Attempt,
        aside: &Aside,
    ) -> Vec<(Done, Option<String>)> {
        let mut results = Vec::new();
        for (index, request) in attempt.requests.iter().enumerate() {
            let scripted = self.results.get(index).or(self.results.last()).cloned();
            let (done, detail) = match request.result {
                Some(done) => (done, request.detail.as_deref().map(str::to_owned)),
                None => scripted.unwrap_or((Done::Applied, None)),
            };
            if done == Done::Applied && request.result.is_none() {
                let to = request.to.as_deref().unwrap_or_default();
                match request.verb {
                    Verb::Evict | Verb::Delete => {
                        let name = Name::new(&episode.id.namespace, &request.name);
                        self.delete(Source::Pods, &name);
                    }
                    Verb::Scale => {
                        let replicas = to.parse().expect("replicas");
                        self.set_replicas(&episode.spec.target.name, replicas);
                    }
                    Verb::Restart => self.restart_all(&episode.spec.target.name, to),
                    Verb::Rollback => self.roll_back(&episode.spec.target.name, to),
                    Verb::Run => {
                        let job = aside.job.as_ref().expect("the template of the Job");
                        self.run_job(&request.name, to, job.timeout.as_millis());
                    }
                    Verb::Resize => {
                        let name = Name::new(&episode.id.namespace, &request.name);
                        self.resize(&name, &request.resize().expect("a limit"));
                    }
                }
            }
            results.push((done, detail));
        }
        results
    }

    fn run_job(&mut self, name: &str, template: &str, timeout: i64) {
        self.put(
            json!({ "kind": "Job", "metadata": { "name": name, "namespace": "shop",
            "creationTimestamp": objects::time(self.now), "annotations": { annotations::JOB_TEMPLATE: template } },
            "spec": { "activeDeadlineSeconds": timeout / 1000 } }),
        );
    }

    fn set_replicas(&mut self, name: &str, replicas: usize) {
        if let Some(toy) = self.toys.get_mut(name) {
            toy.replicas = replicas;
        }
    }

    fn restart_all(&mut self, name: &str, at: &str) {
        let toy = self.toys.get_mut(name).expect("a workload");
        toy.restart(at);
    }

    /// The spec says it at once; the kubelet's answer is the scenario's.
    fn resize(&mut self, name: &Name, to: &Resize) {
        let mut pod = self.store[&(Source::Pods, name.clone())].clone();
        let list = if to.sidecar {
            "initContainers"
        } else {
            "containers"
        };
        let containers = pod["spec"][list].as_array_mut().expect("containers");
        let container = containers
            .iter_mut()
            .find(|one| one["name"] == *to.container)
            .expect("the container");
        let limit = to.limit.to_string();
        container["resources"]["limits"]["memory"] = limit.as_str().into();
        if to.guaranteed {
            container["resources"]["requests"]["memory"] = limit.as_str().into();
        }
        self.put(pod);
    }

    fn roll_back(&mut self, name: &str, hash: &str) {
        let now = self.now;
        let toy = self.toys.get_mut(name).expect("a workload");
        let revision = toy
            .releases
            .keys()
            .copied()
            .find(|one| objects::hash(name, *one) == hash);
        toy.release(revision.expect("a revision of that hash"), now);
    }

    fn mark(&mut self, target: &str, revision: &str, hash: &str, proof: Proof) {
        let prefix = format!("{target}-r");
        let number: u64 = revision
            .strip_prefix(&prefix)
            .expect("a revision")
            .parse()
            .expect("a number");
        let toy = self.toys.get_mut(target).expect("a workload");
        assert_eq!(
            objects::hash(target, number),
            hash,
            "the mark speaks of another template"
        );
        toy.proven.insert(number, proof.seconds);
    }

    /// Writes a record as the API server does: under the version that was read, or not at all.
    fn store_record(&mut self, event: &kubemend_api::HealingEvent) -> Box<Object> {
        let object = serde_json::to_value(event).expect("JSON");
        let key = (Source::Records, name_of(&object));
        let stored = self
            .store
            .get(&key)
            .map(|known| known["metadata"]["resourceVersion"].clone());
        let fence = stored.unwrap_or(Value::Null);
        assert_eq!(
            fence, object["metadata"]["resourceVersion"],
            "a write of {} under another version",
            key.1
        );
        self.put(object);
        let bytes = serde_json::to_vec(&self.store[&key]).expect("JSON");
        match change::read(Source::Records, &bytes).expect("a record") {
            Change::Object(object) => object,
            other => panic!("the record cannot be read back: {other:?}"),
        }
    }
}

/// The version of a record that was just written.
fn version_of(record: &Object) -> Text {
    match record {
        Object::Record(episode) => episode.version.clone(),
        other => panic!("no record: {other:?}"),
    }
}
