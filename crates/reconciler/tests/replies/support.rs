//! A bench for one effect: a fake API server with one workload, and the hands that act on it.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use std::sync::Arc;
use std::time::Duration;

use kubemend_api::Memory;
use kubemend_api::actions::{ActionName, Job};
use kubemend_engine::action;
use kubemend_engine::change::{self, Change, Object, Reply};
use kubemend_engine::episode::{Attempt, Done, Phase, Request, State, Verb};
use kubemend_engine::facts::template;
use kubemend_engine::plan::Aside;
use kubemend_engine::{Effect, Episode, Moment, Source};
use kubemend_reconciler::effect::Hands;
use kubemend_reconciler::{Clock, Metrics};
use kubemend_sim::{FaultKind, Matcher, Server, Settings, Verb as Http};
use kubemend_status::Fence;
use kubemend_status::fence::Term;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub const RECORD: &str = "web-4f7d1c-1";

pub struct Bench {
    pub server: Server,
    pub lease: watch::Sender<Term>,
    pub clock: Clock,
    pub hands: Hands,
    _inbox: mpsc::Receiver<Change>,
}

/// What an effect came to: its reply, and the newest attempt as the record has it.
pub struct Outcome {
    pub reply: Reply,
    pub attempt: Option<Attempt>,
    pub state: State,
}

impl Outcome {
    /// Result and detail of the first request.
    pub fn first(&self) -> (Option<Done>, Option<&str>) {
        let request = self.attempt.as_ref().map(|attempt| &attempt.requests[0]);
        request.map_or((None, None), |one| (one.result, one.detail.as_deref()))
    }
}

fn template_of(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]}})
}

impl Bench {
    /// The workload as one of that kind, with the revision before it as its controller keeps it.
    pub fn become_kind(&self, kind: &str) {
        let (mut web, mut record) = (
            (*self.object("Deployment", "web")).clone(),
            (*self.object("HealingEvent", RECORD)).clone(),
        );
        web["kind"] = json!(kind);
        web["metadata"] = json!({"namespace": "shop", "name": "web"});
        self.server.put(web);
        let mut old = template_of("web:1");
        old["$patch"] = json!("replace");
        self.server.put(json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {"namespace": "shop", "name": "web-abc"},
            "data": {"spec": {"template": old}}, "revision": 1,
        }));
        record["spec"]["target"]["kind"] = json!(kind);
        record["spec"]["target"]["uid"] = json!(self.uid(kind, "web"));
        record["spec"]["targetRef"] = json!(format!("{kind}/web"));
        self.server.put(record);
        self.server.clear_trace();
    }

    /// A Deployment `shop/web` of two replicas with image 2, the revision before it, one pod of it,
    /// and the record of its episode.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// The same on a server with other settings.
    pub fn with(settings: Settings) -> Self {
        let server = Server::new(settings);
        let wall = Moment::from_millis(server.now().as_millisecond());
        let clock = Clock::starting_at(wall);
        server.put(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": "shop", "name": "web"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template_of("web:2")},
        }));
        let mut old = template_of("web:1");
        old["metadata"]["labels"]["pod-template-hash"] = json!("abc");
        server.put(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"namespace": "shop", "name": "web-abc"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": old},
        }));
        server.put(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "shop", "name": "web-def-1", "labels": {"app": "web"}},
            "spec": {"nodeName": "node-0", "containers": [{"name": "app", "image": "web:2",
                "resources": {"limits": {"memory": "64Mi"}}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [{"name": "app", "restartCount": 4, "lastState": {"terminated":
                    {"exitCode": 3, "reason": "Error", "message": "no database"}}}]},
        }));
        server.put(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"},
            "status": {"nodeInfo": {"kubeletVersion": "v1.37.2"}},
        }));
        let (lease, fence) = Fence::new();
        lease.send_replace(Some(Instant::now() + Duration::from_hours(1)));
        let (changes, inbox) = mpsc::channel(16);
        let metrics = Metrics::default();
        let hands = Hands::new(server.client(), fence, clock, metrics, changes);
        let bench = Self {
            server,
            lease,
            clock,
            hands,
            _inbox: inbox,
        };
        bench.server.put(json!({
            "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingEvent",
            "metadata": {"namespace": "shop", "name": RECORD},
            "spec": bench.spec(),
        }));
        bench.server.clear_trace();
        bench
    }

    fn spec(&self) -> Value {
        let at = self.clock.now().to_string();
        json!({
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
                "uid": self.uid("Deployment", "web"), "templateHash": template::hash(&template_of("web:2"))},
            "targetRef": "Deployment/web", "policyRef": "HealingPolicy/web", "rule": "crash-loop",
            "symptom": "CrashLoop", "ttl": "168h", "failedAt": at, "detectedAt": at,
        })
    }

    pub fn uid(&self, kind: &str, name: &str) -> String {
        self.object(kind, name)["metadata"]["uid"]
            .as_str()
            .expect("a UID")
            .to_owned()
    }

    pub fn object(&self, kind: &str, name: &str) -> Arc<Value> {
        self.server
            .get(kind, "shop", name)
            .unwrap_or_else(|| panic!("{kind} {name}"))
    }

    /// The record as the server has it.
    pub fn record(&self) -> Episode {
        let json = self.object("HealingEvent", RECORD).to_string();
        match change::read(Source::Records, json.as_bytes()) {
            Ok(Change::Object(object)) => match *object {
                Object::Record(episode) => *episode,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// The episode with an intent of one request, as the engine decides it.
    pub fn intent(&self, verb: Verb) -> Episode {
        let mut episode = self.record();
        let now = self.clock.now();
        let hash = |image| Some(template::hash(&template_of(image)).as_str().into());
        let (action, name, uid, from, to) = match verb {
            Verb::Evict | Verb::Delete => (
                ActionName::RestartPod,
                "web-def-1",
                self.uid("Pod", "web-def-1"),
                None,
                None,
            ),
            Verb::Scale => {
                let uid = self.uid("Deployment", "web");
                (
                    ActionName::Scale,
                    "web",
                    uid,
                    Some("2".into()),
                    Some("3".into()),
                )
            }
            Verb::Resize => (
                ActionName::ResizeMemory,
                "web-def-1",
                self.uid("Pod", "web-def-1"),
                Some("app limit 64Mi".into()),
                Some("app limit 96Mi".into()),
            ),
            Verb::Run => {
                let uid = self.uid("Deployment", "web");
                let to = Some(action::job_hash(&job()));
                (ActionName::Job, "web-1-69a38180", uid, None, to)
            }
            Verb::Restart => {
                let uid = self.uid("Deployment", "web");
                let to = Some(now.to_string().as_str().into());
                (ActionName::RestartWorkload, "web", uid, None, to)
            }
            Verb::Rollback => {
                let kept = Source::of_revisions(episode.target().kind);
                let uid = self.uid(kept.kind(), "web-abc");
                (
                    ActionName::Rollback,
                    "web-abc",
                    uid,
                    hash("web:2"),
                    hash("web:1"),
                )
            }
        };
        let request = Request {
            verb,
            name: name.into(),
            uid: uid.as_str().into(),
            from,
            to,
            result: None,
            detail: None,
        };
        episode.state.phase = Phase::Acting;
        episode.state.attempts.push(Attempt {
            step: "step".into(),
            action,
            intent_at: now,
            not_after: now.plus(30_000),
            rearmed: 0,
            requests: vec![request],
            acted_at: None,
            outcome: None,
            message: None,
            judged_at: None,
            approved: None,
        });
        episode
    }

    /// Runs an act with one request.
    pub async fn act(&self, verb: Verb) -> Outcome {
        let episode = self.intent(verb);
        self.run(act(episode), self.record().state).await
    }

    /// Runs an effect that was made from that state.
    pub async fn run(&self, effect: Effect, before: State) -> Outcome {
        let reply = self.hands.finish(effect, before).await;
        let state = self
            .server
            .get("HealingEvent", "shop", RECORD)
            .map(|_| self.record().state);
        let state = state.unwrap_or_default();
        Outcome {
            reply,
            attempt: state.attempts.last().cloned(),
            state,
        }
    }

    /// How often the cluster was changed by what an act of that verb sends.
    pub fn acts(&self, verb: Verb) -> usize {
        let (resource, subresource, http) = sent(verb);
        let writes = self.server.writes();
        let same = |one: &&kubemend_sim::Entry| {
            one.resource == resource && one.subresource == subresource && one.verb == http
        };
        writes.iter().filter(same).count()
    }
}

/// The effect that acts as an episode's newest attempt says.
pub fn act(episode: Episode) -> Effect {
    Effect::Act(episode.into(), aside())
}

/// The effect that only rehearses it.
pub fn rehearse(episode: Episode) -> Effect {
    Effect::Rehearse(episode.into(), aside())
}

fn aside() -> Aside {
    Aside {
        failing: vec![("web-def-1".into(), "a".into())],
        job: Some(job().into()),
    }
}

/// The template of a Job.
pub fn job() -> Job {
    Job {
        image: "tools:1".to_owned(),
        command: Some(vec!["/bin/clean".to_owned()]),
        args: None,
        service_account_name: None,
        memory: Memory::quantity("64Mi").expect("a quantity"),
        timeout: kubemend_api::Duration::from_secs(90),
    }
}

/// The request of a verb.
fn sent(verb: Verb) -> (&'static str, &'static str, Http) {
    match verb {
        Verb::Evict => ("pods", "eviction", Http::Create),
        Verb::Delete => ("pods", "", Http::Delete),
        Verb::Scale => ("deployments", "scale", Http::Patch),
        Verb::Resize => ("pods", "resize", Http::Patch),
        Verb::Run => ("jobs", "", Http::Create),
        Verb::Restart | Verb::Rollback => ("deployments", "", Http::Patch),
    }
}

/// Matches the request of a verb.
pub fn request(verb: Verb) -> Matcher {
    let (resource, subresource, http) = sent(verb);
    Matcher::any()
        .verb(http)
        .resource(resource)
        .subresource(subresource)
}

/// Matches the writes of the record's status.
pub fn record_write() -> Matcher {
    Matcher::any()
        .verb(Http::Update)
        .resource("healingevents")
        .subresource("status")
}

/// Every verb that takes something away or changes it.
pub const VERBS: [Verb; 7] = [
    Verb::Evict,
    Verb::Delete,
    Verb::Scale,
    Verb::Rollback,
    Verb::Restart,
    Verb::Resize,
    Verb::Run,
];

/// Answers that leave open whether the write took effect, and answers that only seem to.
pub fn unclear() -> Vec<FaultKind> {
    vec![
        FaultKind::status(500, "InternalError"),
        FaultKind::status(503, "ServiceUnavailable"),
        FaultKind::status(504, "Timeout"),
        FaultKind::Hang,
        FaultKind::DropBefore,
        FaultKind::LostReply,
        FaultKind::ReplyAfterApply504,
        FaultKind::GarbageBody,
        FaultKind::DelayReply(Duration::from_secs(15)),
    ]
}
