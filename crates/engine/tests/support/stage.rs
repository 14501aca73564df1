//! The stage: objects as an API server holds them, the World that sees them, and the effects of
//! plans carried out as the real reconciler does.

use std::collections::BTreeMap;

use kubemend_engine::change::{self, Await, Change, Reply};
use kubemend_engine::episode::Done;
use kubemend_engine::facts::Name;
use kubemend_engine::source::Source;
use kubemend_engine::{Effect, Plan, Settings, World, decide};
use serde_json::{Value, json};

use super::objects::{self, millis, moment};
use super::render::Renderer;
use super::toy::Toy;

/// When and how the operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The intent is stored and nothing is executed.
    AfterIntent,
    /// It is executed and the result is never stored.
    AfterAct,
}

pub struct Stage {
    pub world: World,
    /// Objects by collection, namespace and name.
    pub store: BTreeMap<(Source, Name), Value>,
    pub toys: BTreeMap<String, Toy>,
    pub now: i64,
    pub lines: Vec<String>,
    /// What requests come to, instead of Applied.
    pub results: Vec<(Done, Option<String>)>,
    pub crash: Option<Crash>,
    /// Replies that are on their way; `None` where they land at once.
    pub held_replies: Option<Vec<Reply>>,
    /// The next intent is refused by the API server: nothing is recorded and nothing done.
    pub refuse_intent: bool,
    /// Collections whose frames have stopped.
    pub stale: Vec<Source>,
    /// True where freshness is a subject of the scenario.
    pub watch_freshness: bool,
    unsynced: Vec<Source>,
    settings: Settings,
    version: u64,
    renderer: Renderer,
    wake: Option<i64>,
}

impl Stage {
    pub fn new(unsynced: Vec<Source>, watch_freshness: bool, settings: Settings) -> Self {
        let mut stage = Self {
            world: World::new(settings.clone()),
            store: BTreeMap::new(),
            toys: BTreeMap::new(),
            now: 0,
            lines: Vec::new(),
            results: Vec::new(),
            crash: None,
            held_replies: None,
            refuse_intent: false,
            stale: Vec::new(),
            watch_freshness,
            unsynced,
            settings,
            version: 100,
            renderer: Renderer::default(),
            wake: None,
        };
        for object in [objects::config(), objects::policy(), objects::strategy()] {
            stage.put(object);
        }
        stage.put(
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }),
        );
        stage.restart();
        stage
    }

    /// A new process with the same objects: it becomes leader after complete lists.
    pub fn restart(&mut self) {
        self.world = World::new(self.settings.clone());
        let now = moment(self.now);
        let listed: Vec<_> = Source::ALL
            .into_iter()
            .filter(|one| !self.unsynced.contains(one))
            .collect();
        for source in &listed {
            self.world.apply(Change::ListBegins(*source), now);
        }
        let objects: Vec<Value> = self.store.values().cloned().collect();
        for object in &objects {
            self.show(object);
        }
        for source in listed {
            let version = self.version.to_string().as_str().into();
            self.world.apply(
                Change::ListEnds {
                    source,
                    version,
                    at: now,
                },
                now,
            );
        }
        self.world.apply(Change::Lead(true), now);
        self.refresh();
    }

    /// Keeps every view fresh, as a healthy watch does. Where freshness is no subject the views
    /// are fresh for years, so that no scenario is woken by it.
    fn refresh(&mut self) {
        let now = moment(self.now);
        let at = if self.watch_freshness {
            now
        } else {
            now.plus(millis("3650d"))
        };
        let version = self.version.to_string();
        for source in Source::ALL {
            if !self.stale.contains(&source) {
                let version = if self.held_replies.is_some() {
                    ""
                } else {
                    version.as_str()
                };
                self.world.apply(
                    Change::Fresh {
                        source,
                        version: version.into(),
                        at,
                    },
                    now,
                );
            }
        }
    }

    /// Stores an object under a new version and shows it to the World.
    pub fn put(&mut self, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        if object["metadata"]["uid"].is_null() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            object["metadata"]["uid"] = json!(format!("{kind}-{name}").to_lowercase());
        }
        self.show(&object);
        self.store
            .insert((objects::source(&kind), name_of(&object)), object);
    }

    pub fn show(&mut self, object: &Value) {
        let source = objects::source(object["kind"].as_str().unwrap_or_default());
        let bytes = serde_json::to_vec(object).expect("JSON");
        let change = change::read(source, &bytes).expect("an object with a name");
        self.world.apply(change, moment(self.now));
    }

    pub fn delete(&mut self, source: Source, name: &Name) {
        let Some(object) = self.store.remove(&(source, name.clone())) else {
            return;
        };
        let bytes = serde_json::to_vec(&object).expect("JSON");
        let gone = change::read_gone(source, &bytes).expect("a name");
        self.world.apply(gone, moment(self.now));
        self.toys.values_mut().for_each(|toy| {
            toy.kill(&name.name);
        });
    }

    /// The stored record `#3` or `#3-dry`.
    pub fn record_name(&self, short: &str) -> Option<Name> {
        let ends = short.replace('#', "-");
        let mut records = self
            .store
            .keys()
            .filter(|(source, _)| *source == Source::Records);
        records
            .find(|(_, name)| name.name.ends_with(&ends))
            .map(|(_, name)| name.clone())
    }

    /// Lets the toys live up to now and shows what changed.
    pub fn sync(&mut self) {
        let now = self.now;
        self.toys.values_mut().for_each(|toy| toy.advance(now));
        let toys: Vec<Toy> = self.toys.values().cloned().collect();
        for toy in toys {
            if toy.alive {
                self.sync_pods(&toy);
            }
            let of_pods = |((source, name), _): &(&(Source, Name), &Value)| {
                *source == Source::Pods && *name.namespace == *toy.namespace
            };
            let pods: Vec<Value> = self
                .store
                .iter()
                .filter(of_pods)
                .map(|(_, pod)| pod.clone())
                .collect();
            for object in toy.objects(&pods) {
                self.put_if_new(object);
            }
        }
        self.refresh();
    }

    fn sync_pods(&mut self, toy: &Toy) {
        let pods = toy.pods();
        let prefix = format!("{}-", toy.name);
        let known: Vec<Name> = self
            .store
            .keys()
            .filter(|(source, name)| {
                *source == Source::Pods
                    && name.name.starts_with(&prefix)
                    && *name.namespace == *toy.namespace
            })
            .map(|(_, name)| name.clone())
            .collect();
        for name in known {
            if !pods.iter().any(|pod| name_of(pod) == name) {
                self.delete(Source::Pods, &name);
            }
        }
        for pod in pods {
            self.put_if_new(pod);
        }
    }

    fn put_if_new(&mut self, object: Value) {
        let source = objects::source(object["kind"].as_str().unwrap_or_default());
        let mut known = self
            .store
            .get(&(source, name_of(&object)))
            .cloned()
            .unwrap_or_default();
        if let Some(meta) = known["metadata"].as_object_mut() {
            meta.remove("resourceVersion");
        }
        if known != object {
            self.put(object);
        }
    }

    /// Lives until then: every change and every wake-up is a round.
    pub fn run_until(&mut self, end: i64) {
        loop {
            let toys = self
                .toys
                .values()
                .filter_map(Toy::next)
                .filter(|at| *at > self.now);
            let Some(next) = toys.chain(self.wake).min().filter(|next| *next < end) else {
                return;
            };
            self.now = next;
            self.sync();
            self.rounds();
        }
    }

    /// Rounds until a plan has no effects.
    pub fn rounds(&mut self) {
        for _ in 0..40 {
            let now = moment(self.now);
            let plan = decide(&self.world, now);
            assert!(
                plan == decide(&self.world, now),
                "decide() is no pure function"
            );
            self.world.remember(&plan);
            self.wake = plan.wake_at.map(|at| at.as_millis() - objects::ZERO);
            assert!(
                self.wake.is_none_or(|at| at > self.now),
                "a wake-up in the past"
            );
            let lines = self.renderer.plan(&plan, &self.world, self.now);
            self.lines.extend(lines);
            if plan.effects.is_empty() {
                return;
            }
            self.carry_out(&plan);
            self.sync();
        }
        self.lines
            .push("NEVER SETTLES: forty rounds in one moment".to_owned());
    }

    fn carry_out(&mut self, plan: &Plan) {
        let mut targets: Vec<_> = plan.effects.iter().map(Effect::target).collect();
        targets.sort();
        let all = targets.len();
        targets.dedup();
        assert_eq!(
            all,
            targets.len(),
            "two effects for one target in one round"
        );
        for effect in &plan.effects {
            self.world.begin(effect);
            let Some(record) = self.execute(effect) else {
                self.crash = None;
                self.restart();
                return;
            };
            let awaits = match (&self.held_replies, &record) {
                (Some(_), Some(_)) => vec![Await::Version(Source::Records, self.version)],
                _ => Vec::new(),
            };
            let retry_at = match effect {
                Effect::Prove { .. } => self.refusal(),
                Effect::Act(..) if record.is_none() => Some(moment(self.now).plus(2_000)),
                _ => None,
            };
            let reply = Reply {
                target: effect.target(),
                record,
                awaits,
                retry_at,
            };
            match &mut self.held_replies {
                Some(held) => held.push(reply),
                None => {
                    self.world.apply(Change::Done(reply), moment(self.now));
                }
            }
        }
    }

    /// Everything that was on its way arrives.
    pub fn land(&mut self) {
        for reply in self.held_replies.take().unwrap_or_default() {
            self.world.apply(Change::Done(reply), moment(self.now));
        }
        self.refresh();
    }

    /// Objects of a new shape are not told apart from those of second zero.
    pub fn forget_seen(&mut self) {
        self.renderer.forget_holds();
    }
}

/// Namespace and name of an object.
pub fn name_of(object: &Value) -> Name {
    let meta = &object["metadata"];
    Name::new(
        meta["namespace"].as_str().unwrap_or_default(),
        meta["name"].as_str().unwrap_or_default(),
    )
}
