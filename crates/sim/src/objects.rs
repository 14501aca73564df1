//! The objects, and the log of what happened to them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    clock::{Clock, rfc3339},
    metadata::{fill, keep_metadata},
    refusal::Refusal,
    resources::Resource,
    rng::Rng,
};

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What it is.
    pub resource: &'static Resource,
    /// Where it is; empty outside of namespaces.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The key of an object of a kind in the table of resources.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Self {
            resource: Resource::by_kind(kind),
            namespace,
            name,
        }
    }

    /// The key that an object's own fields spell.
    pub fn of(object: &Value) -> Option<Self> {
        let resource = Resource::of(object)?;
        let meta = &object["metadata"];
        let namespace = match (resource.namespaced, meta["namespace"].as_str()) {
            (true, namespace) => namespace.unwrap_or("default"),
            (false, _) => "",
        };
        let (namespace, name) = (namespace.to_owned(), meta["name"].as_str()?.to_owned());
        Some(Self {
            resource,
            namespace,
            name,
        })
    }
}

/// What happened to an object.
#[derive(Clone, Debug)]
pub struct WriteEvent {
    /// Which object.
    pub key: Key,
    /// Its state afterwards; of a deleted object, its last state under the deletion's version.
    pub object: Arc<Value>,
    /// Its state before, if it existed.
    pub previous: Option<Arc<Value>>,
    /// Is it gone?
    pub deleted: bool,
    /// The `resourceVersion` that the write got.
    pub version: u64,
    /// When, in virtual time since the start.
    pub at: Duration,
}

impl WriteEvent {
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub fn kind(&self) -> &'static str {
        match (self.deleted, &self.previous) {
            (true, _) => "DELETED",
            (false, None) => "ADDED",
            (false, Some(_)) => "MODIFIED",
        }
    }
}

/// When a deleted object is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Now,
    After(Duration),
    /// Its kubelet is dead.
    Never,
}

/// The log forgets by itself only beyond this many writes: more than any test watches lag behind.
const LOG_LIMIT: usize = 50_000;

/// Every object, as a server-side hand sees them: no conflicts, no preconditions, status writable.
pub struct Objects {
    /// The server's wall clock.
    pub clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) pod_stop: Option<Duration>,
    pub(crate) dead_nodes: BTreeSet<String>,
    map: BTreeMap<Key, Arc<Value>>,
    log: VecDeque<WriteEvent>,
    version: u64,
    compacted: u64,
    stopping: BTreeMap<(Duration, Key), String>,
}

impl Objects {
    pub(crate) fn new(clock: Clock, rng: Rng, pod_stop: Option<Duration>) -> Self {
        Self {
            clock,
            rng,
            pod_stop,
            dead_nodes: BTreeSet::new(),
            map: BTreeMap::new(),
            log: VecDeque::new(),
            // A fresh etcd is never at 0, which means "any version" in requests.
            version: 1000,
            compacted: 0,
            stopping: BTreeMap::new(),
        }
    }

    /// The newest `resourceVersion`.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Versions below this one are forgotten.
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forget all history: watches and pages from older versions get 410.
    pub fn compact(&mut self) {
        self.log.clear();
        self.compacted = self.version;
    }

    /// The writes after a version, oldest first.
    pub(crate) fn after(&self, version: u64) -> impl DoubleEndedIterator<Item = &WriteEvent> {
        let start = self.log.partition_point(|event| event.version <= version);
        self.log.range(start..)
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.map.get(key)
    }

    /// All objects of a kind, in one namespace or, if it is empty, in all, by namespace and name.
    pub fn list(&self, kind: &str, namespace: &str) -> Vec<Arc<Value>> {
        self.of(Resource::by_kind(kind), namespace)
            .map(|(_, object)| object.clone())
            .collect()
    }

    pub(crate) fn of(
        &self,
        resource: &'static Resource,
        namespace: &str,
    ) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let from = Key {
            resource,
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        self.map.range(from..).take_while(move |(key, _)| {
            key.resource == resource && (namespace.is_empty() || key.namespace == namespace)
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.map.iter()
    }

    /// Create or replace; what the object leaves out of its metadata is filled in.
    ///
    /// # Panics
    /// If the object has no name, or a kind that is not in the table of resources.
    pub fn put(&mut self, object: Value) -> Arc<Value> {
        let key = Key::of(&object).expect("apiVersion, kind of a served resource, and a name");
        match self.map.get(&key).cloned() {
            Some(old) => self.replace(&key, &old, object),
            None => self.insert(key, object),
        }
    }

    /// Change an object in place; `None` if it does not exist.
    pub fn update(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
        let old = self.map.get(key)?.clone();
        let mut new = (*old).clone();
        change(&mut new);
        Some(self.replace(key, &old, new))
    }

    /// Write a status; the most frequent write of controllers, and mostly one that changes nothing.
    pub(crate) fn set_status(&mut self, key: &Key, status: Value) -> Option<Arc<Value>> {
        let old = self.map.get(key)?.clone();
        if old["status"] == status {
            return Some(old);
        }
        let mut new = (*old).clone();
        new["status"] = status;
        Some(self.replace(key, &old, new))
    }

    /// Delete as the server does: finalizers and the kubelet's stop time hold the object back.
    ///
    /// Returns the object's last state, and whether it is gone.
    pub fn delete(&mut self, key: &Key, force: bool) -> Option<(Arc<Value>, bool)> {
        let old = self.map.get(key)?.clone();
        if key.resource.kind == "Namespace" {
            let inside: Vec<Key> = self
                .map
                .keys()
                .filter(|k| k.namespace == key.name)
                .cloned()
                .collect();
            for key in inside {
                self.erase(&key);
            }
        }
        let finalized = old["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|f| !f.is_empty());
        let stop = if force {
            Stop::Now
        } else {
            self.stop(key, &old)
        };
        if !finalized && stop == Stop::Now {
            return self.erase(key).map(|last| (last, true));
        }
        if let (Stop::After(time), true) = (stop, old["metadata"]["deletionTimestamp"].is_null()) {
            let uid = old["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.stopping
                .insert((self.clock.elapsed() + time, key.clone()), uid);
        }
        let grace = old["spec"]["terminationGracePeriodSeconds"]
            .as_i64()
            .unwrap_or(30);
        let grace = if stop == Stop::Now { 0 } else { grace };
        let end = self
            .clock
            .now()
            .saturating_add(SignedDuration::from_secs(grace));
        let end = end.map_or_else(|_| self.clock.stamp(), rfc3339);
        let marked = self.update(key, |object| {
            let meta = &mut object["metadata"];
            if meta["deletionTimestamp"].is_null() {
                meta["deletionTimestamp"] = json!(end);
                meta["deletionGracePeriodSeconds"] = json!(grace);
            }
        });
        marked.map(|object| (object, false))
    }

    fn stop(&self, key: &Key, pod: &Value) -> Stop {
        match (pod["spec"]["nodeName"].as_str(), self.pod_stop) {
            _ if key.resource.kind != "Pod" => Stop::Now,
            (Some(node), _) if self.dead_nodes.contains(node) => Stop::Never,
            (Some(_), Some(time)) => Stop::After(time),
            _ => Stop::Now,
        }
    }

    /// Remove the pods that have stopped; returns when the next one will.
    pub(crate) fn reap(&mut self) -> Option<Duration> {
        while let Some(((at, key), uid)) = self.stopping.first_key_value() {
            if *at > self.clock.elapsed() {
                return Some(*at);
            }
            let (at, key, uid) = (*at, key.clone(), uid.clone());
            self.stopping.remove(&(at, key.clone()));
            let pod = self
                .map
                .get(&key)
                .filter(|pod| pod["metadata"]["uid"] == uid.as_str());
            let node = pod.and_then(|pod| pod["spec"]["nodeName"].as_str());
            if node.is_some_and(|node| !self.dead_nodes.contains(node)) {
                self.erase(&key);
            }
        }
        None
    }

    pub(crate) fn insert(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        fill(&mut object, &key, &self.clock, &mut self.rng);
        self.commit(key, object)
    }

    /// Replace `old` by `new`: the server's own metadata stays, the generation counts changes.
    pub(crate) fn replace(&mut self, key: &Key, old: &Arc<Value>, mut new: Value) -> Arc<Value> {
        keep_metadata(key, old, &mut new);
        if new == **old {
            return old.clone();
        }
        let meta = &new["metadata"];
        let released = !meta["deletionTimestamp"].is_null()
            && meta["finalizers"].as_array().is_none_or(Vec::is_empty)
            && !old["metadata"]["finalizers"]
                .as_array()
                .is_none_or(Vec::is_empty);
        if released && self.stop(key, &new) == Stop::Now {
            return self.erase(key).unwrap_or_else(|| old.clone());
        }
        self.commit(key.clone(), new)
    }

    fn commit(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let previous = self.map.insert(key.clone(), object.clone());
        self.record(key, object.clone(), previous, false);
        object
    }

    /// Remove at once, whatever holds it.
    pub fn erase(&mut self, key: &Key) -> Option<Arc<Value>> {
        let previous = self.map.remove(key)?;
        self.version += 1;
        let mut last = (*previous).clone();
        last["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let last = Arc::new(last);
        self.record(key.clone(), last.clone(), Some(previous), true);
        Some(last)
    }

    fn record(&mut self, key: Key, object: Arc<Value>, old: Option<Arc<Value>>, deleted: bool) {
        let (version, at) = (self.version, self.clock.elapsed());
        self.log.push_back(WriteEvent {
            key,
            object,
            previous: old,
            deleted,
            version,
            at,
        });
        if self.log.len() > LOG_LIMIT {
            self.compacted = self
                .log
                .pop_front()
                .map_or(self.compacted, |event| event.version);
        }
    }

    /// The objects of a resource as they were at a version, if the log still tells.
    pub(crate) fn snapshot(
        &self,
        resource: &'static Resource,
        namespace: &str,
        version: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, Refusal> {
        if version < self.compacted {
            return Err(Refusal::expired(
                "The provided continue parameter is too old",
            ));
        }
        let mut then: BTreeMap<_, _> = self
            .of(resource, namespace)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let here = |key: &Key| {
            key.resource == resource && (namespace.is_empty() || key.namespace == namespace)
        };
        for event in self.after(version).rev().filter(|event| here(&event.key)) {
            match &event.previous {
                Some(previous) => then.insert(event.key.clone(), previous.clone()),
                None => then.remove(&event.key),
            };
        }
        Ok(then)
    }
}
