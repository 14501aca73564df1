//! What tests do to the server: the hands of users, controllers and bad luck.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    fault::{FaultId, FaultKind, Matcher, Side, WatchFault},
    objects::{Key, Objects, WriteEvent},
    request::Verb,
    server::Server,
    trace::Entry,
};

/// Resolves when the process that a test wanted to crash has crashed.
pub struct Crash(oneshot::Receiver<()>);

impl Crash {
    /// Wait for the crash; then abort the process's tasks. `false`: it can no longer happen.
    pub async fn happened(self) -> bool {
        self.0.await.is_ok()
    }
}

/// Clients and time.
impl Server {
    /// A client called `operator`.
    pub fn client(&self) -> kube::Client {
        self.client_as("operator")
    }

    /// A client with a name, for the trace and for faults; each one stands for a new process.
    pub fn client_as(&self, name: &str) -> kube::Client {
        kube::Client::new(self.connect(name), "default")
    }

    /// Watch frames to this client arrive up to `lag` late; holds for watches opened from now on.
    pub fn set_watch_lag(&self, client: &str, lag: Duration) {
        self.look(|state| state.lags.insert(client.to_owned(), lag));
    }

    /// What the server's wall clock shows.
    pub fn now(&self) -> Timestamp {
        self.peek(|objects| objects.clock.now())
    }

    /// Virtual time since the server started.
    pub fn elapsed(&self) -> Duration {
        self.peek(|objects| objects.clock.elapsed())
    }

    /// Step the server's wall clock, forward or back.
    pub fn step_clock(&self, offset: SignedDuration) {
        self.look(|state| state.objects.clock.step(offset));
    }
}

/// Objects. Kinds are looked up in the table of resources, and an unknown one panics.
impl Server {
    /// Create or replace, with no questions asked; status included.
    pub fn put(&self, object: Value) -> Arc<Value> {
        self.change(|state| state.objects.put(object))
    }

    /// One object.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.peek(|objects| objects.get(&Key::new(kind, namespace, name)).cloned())
    }

    /// All objects of a kind in a namespace, or in all if that is empty.
    pub fn list(&self, kind: &str, namespace: &str) -> Vec<Arc<Value>> {
        self.peek(|objects| objects.list(kind, namespace))
    }

    /// Change an object; `None` if there is none.
    pub fn update(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Option<Arc<Value>> {
        let key = Key::new(kind, namespace, name);
        self.change(|state| state.objects.update(&key, change))
    }

    /// Delete as a user does: finalizers and stop times hold. `false` if there was nothing.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let key = Key::new(kind, namespace, name);
        self.change(|state| state.objects.delete(&key, false))
            .is_some()
    }

    /// Delete with grace period 0.
    pub fn force_delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let key = Key::new(kind, namespace, name);
        self.change(|state| state.objects.delete(&key, true))
            .is_some()
    }

    /// Several changes at once, under one lock.
    pub fn with<R>(&self, f: impl FnOnce(&mut Objects) -> R) -> R {
        self.change(|state| f(&mut state.objects))
    }

    /// React to every write, in the same instant; what the hook writes triggers no hook.
    ///
    /// The hook must not call the server itself: that would deadlock.
    pub fn on_write(&self, hook: impl FnMut(&WriteEvent, &mut Objects) + Send + 'static) {
        self.look(|state| state.hooks.push(Box::new(hook)));
    }

    /// Sees every request that was applied, with what it changed, before anything else happens.
    ///
    /// The witness must not call the server itself: that would deadlock.
    pub fn on_applied(
        &self,
        witness: impl FnMut(&Entry, &[WriteEvent], &Objects) + Send + 'static,
    ) {
        self.look(|state| state.witnesses.push(Box::new(witness)));
    }

    /// The kubelet of a node is gone: its pods never finish stopping.
    pub fn kill_node(&self, node: &str) {
        self.look(|state| state.objects.dead_nodes.insert(node.to_owned()));
    }

    /// The kubelet of a node is back, and removes what should have stopped.
    pub fn revive_node(&self, node: &str) {
        self.change(|state| {
            state.objects.dead_nodes.remove(node);
            for pod in state.objects.list("Pod", "") {
                let stopping = !pod["metadata"]["deletionTimestamp"].is_null();
                if let (true, Some(key)) =
                    (stopping && pod["spec"]["nodeName"] == node, Key::of(&pod))
                {
                    state.objects.erase(&key);
                }
            }
        });
    }

    /// Forget all history: watches and pages from older versions get 410.
    pub fn compact(&self) {
        self.look(|state| state.objects.compact());
    }
}

/// Faults.
impl Server {
    /// From now on, requests that match meet a fault; the oldest fault that fires wins.
    pub fn fault(&self, when: Matcher, what: FaultKind) -> FaultId {
        self.look(|state| state.faults.add(when, what, None))
    }

    /// How many requests a fault has hit.
    pub fn hits(&self, fault: FaultId) -> u64 {
        self.look(|state| state.faults.hits(fault))
    }

    /// Take a fault away.
    pub fn clear_fault(&self, fault: FaultId) {
        self.look(|state| state.faults.remove(fault));
    }

    /// Take all faults away.
    pub fn clear_faults(&self) {
        self.look(|state| state.faults.clear());
    }

    /// The process that sends the matching request ends right before or after it is applied.
    ///
    /// Nothing more from that client's connection arrives and its watches fall silent; a new
    /// [`client`](Self::client) is a new process.
    pub fn crash_on(&self, when: Matcher, side: Side) -> Crash {
        let (notify, hit) = oneshot::channel();
        self.look(|state| state.faults.add(when, FaultKind::Crash(side), Some(notify)));
        Crash(hit)
    }

    /// Something goes wrong with the open watches that match, whatever the matcher's turn; returns
    /// with how many.
    pub fn break_watches(&self, matcher: &Matcher, fault: WatchFault) -> usize {
        self.set_watch_faults(matcher, Some(fault))
    }

    /// Frozen watches go on, with all that they missed.
    pub fn mend_watches(&self, matcher: &Matcher) -> usize {
        self.set_watch_faults(matcher, None)
    }

    /// The number of open watches that match.
    pub fn open_watches(&self, matcher: &Matcher) -> usize {
        let open = |state: &mut crate::server::State| {
            state
                .watches
                .values()
                .filter(|watch| matcher.matches(&watch.request))
                .count()
        };
        self.look(open)
    }

    fn set_watch_faults(&self, matcher: &Matcher, fault: Option<WatchFault>) -> usize {
        let hit = self.look(|state| {
            let matching = state
                .watches
                .values_mut()
                .filter(|watch| matcher.matches(&watch.request));
            matching.map(|watch| watch.fault = fault).count()
        });
        self.wake();
        hit
    }
}

/// The trace.
impl Server {
    /// Every request so far, oldest first.
    pub fn trace(&self) -> Vec<Entry> {
        self.look(|state| state.trace.entries().to_vec())
    }

    /// The requests that changed the cluster, whatever their senders saw; leases left out.
    pub fn writes(&self) -> Vec<Entry> {
        let mut entries = self.trace();
        entries.retain(|entry| entry.applied() && entry.resource != "leases");
        entries
    }

    /// The number of requests of a verb for a resource.
    pub fn count(&self, verb: Verb, resource: &str) -> u64 {
        self.look(|state| state.trace.count(verb, resource))
    }

    /// Start the trace and its counts anew; sequence numbers go on.
    pub fn clear_trace(&self) {
        self.look(|state| state.trace.clear());
    }
}
