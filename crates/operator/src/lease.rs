//! The Lease: one process acts at a time. It is taken, kept and given back by compare-and-swap.
//!
//! A candidate takes it when its holder gave it back, or has not renewed it for its whole duration
//! since the candidate *saw* the last renewal, on the monotonic clock: no two wall clocks are ever
//! compared. The holder counts from before its renewing request and stops a third earlier. Thus
//! its last act is long past when the next holder's first one can be.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};
use kubemend_reconciler::Clock;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

/// The namespace of the Lease unless the command line says otherwise.
pub const NAMESPACE: &str = "kubemend-system";
/// The name of the Lease unless the command line says otherwise.
pub const NAME: &str = "kubemend";
/// What the holder sees, for `kubemend why`: `Ready`, `Syncing` or `Blind: <sources>`.
pub const STATE: &str = "kubemend.io/state";

/// The times of an election, all derived from the Lease's duration.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until a silent holder may be replaced.
    duration: Duration,
    /// Between two renewals.
    every: Duration,
    /// How long a renewal lets its holder act, from before its request.
    hold: Duration,
    /// How long one try may take.
    patience: Duration,
}

impl Times {
    /// With 15 s: renewed every 2 s, held for 10 s, 5 s per try, as client-go does it.
    pub fn of(duration: Duration) -> Self {
        Self {
            duration,
            every: duration * 2 / 15,
            hold: duration * 2 / 3,
            patience: duration / 3,
        }
    }
}

/// One process's campaign for the Lease.
pub struct Elector<S> {
    api: Api<Lease>,
    name: String,
    identity: String,
    times: Times,
    clock: Clock,
    state: S,
    fence: watch::Sender<Option<Instant>>,
    seen: Option<Seen>,
}

/// The Lease as it was seen last.
struct Seen {
    spec: LeaseSpec,
    /// When it was first seen like this.
    since: Instant,
}

/// How one try ended.
enum Try {
    Held,
    HeldBy(String),
    /// Somebody wrote in between; the next try tells who.
    Contested,
}

impl<S: Fn() -> String> Elector<S> {
    /// A campaign under a name that no other process has. `state` is shown on the Lease; `fence`
    /// carries until when this process may act, and nothing where it may not.
    pub fn new(
        api: Api<Lease>,
        (name, identity): (&str, &str),
        times: Times,
        clock: Clock,
        state: S,
        fence: watch::Sender<Option<Instant>>,
    ) -> Self {
        Self {
            api,
            name: name.to_owned(),
            identity: identity.to_owned(),
            times,
            clock,
            state,
            fence,
            seen: None,
        }
    }

    /// Campaigns until `shutdown`, then gives the Lease back. What acts must have ended by then.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = self.turn() => {}
            }
        }
        self.give_back().await;
    }

    /// One try, and the wait for the next.
    async fn turn(&mut self) {
        let started = Instant::now();
        let until = self.held_until();
        let patience = started + self.times.patience;
        let result = timeout_at(
            until.map_or(patience, |at| at.min(patience)),
            self.attempt(),
        )
        .await;
        match result {
            Ok(Ok(Try::Held)) => self.hold(started + self.times.hold),
            Ok(Ok(Try::HeldBy(holder))) => self.lose(&format!("{holder} holds it")),
            Ok(Ok(Try::Contested)) => {}
            Ok(Err(error)) => {
                warn!(lease = self.name, %error, "the Lease cannot be taken or renewed");
            }
            Err(_) => warn!(lease = self.name, "no answer about the Lease"),
        }
        sleep_until(self.next(started)).await;
        if self.held_until().is_some_and(|at| at <= Instant::now()) {
            self.lose("it could not be renewed in time");
        }
    }

    /// When to try again: once a period, and at once when one's own hold or another's Lease ends.
    fn next(&self, started: Instant) -> Instant {
        let next = started + self.times.every;
        let other = || self.other_ends().filter(|at| *at > Instant::now());
        let ends = self.held_until().or_else(other);
        ends.map_or(next, |at| at.min(next))
    }

    async fn attempt(&mut self) -> kube::Result<Try> {
        let found = self.api.get_opt(&self.name).await?;
        if let Some(lease) = &found {
            self.observe(lease);
        }
        // A Lease that was deleted by hand still binds whoever saw it.
        if let Some(holder) = self.other_holder() {
            return Ok(Try::HeldBy(holder));
        }
        let claim = self.claim(found.unwrap_or_default(), &self.identity);
        let written = if claim.metadata.resource_version.is_some() {
            self.api
                .replace(&self.name, &PostParams::default(), &claim)
                .await
        } else {
            self.api.create(&PostParams::default(), &claim).await
        };
        match written {
            Ok(lease) => {
                self.observe(&lease);
                Ok(Try::Held)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Try::Contested),
            Err(error) => Err(error),
        }
    }

    fn observe(&mut self, lease: &Lease) {
        let spec = lease.spec.clone().unwrap_or_default();
        if self.seen.as_ref().is_none_or(|seen| seen.spec != spec) {
            self.seen = Some(Seen {
                spec,
                since: Instant::now(),
            });
        }
    }

    /// Who else holds the Lease, as far as we have seen.
    fn other_holder(&self) -> Option<String> {
        let ends = self.other_ends()?;
        let holder = self.seen.as_ref()?.spec.holder_identity.clone()?;
        (Instant::now() < ends).then_some(holder)
    }

    /// When the Lease of another holder ends, unless it is renewed.
    fn other_ends(&self) -> Option<Instant> {
        let Seen { spec, since } = self.seen.as_ref()?;
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let seconds = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok());
        let duration = seconds.map_or(self.times.duration, Duration::from_secs);
        (!holder.is_empty() && holder != self.identity).then(|| *since + duration)
    }

    /// The Lease as it is, under its resourceVersion, held by `holder`; nobody where that is empty.
    fn claim(&self, mut lease: Lease, holder: &str) -> Lease {
        lease.metadata.name = Some(self.name.clone());
        lease.metadata.managed_fields = None;
        let annotations = lease.metadata.annotations.get_or_insert_default();
        annotations.insert(STATE.to_owned(), (self.state)());
        let spec = lease.spec.get_or_insert_default();
        let now = Timestamp::from_millisecond(self.clock.now().as_millis());
        let now = MicroTime(now.unwrap_or(Timestamp::UNIX_EPOCH));
        if spec.holder_identity.as_deref() != Some(holder) {
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
        }
        spec.holder_identity = Some(holder.to_owned());
        spec.renew_time = Some(now);
        let duration = if holder.is_empty() {
            Duration::from_secs(1)
        } else {
            self.times.duration
        };
        spec.lease_duration_seconds = Some(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX));
        lease
    }

    fn held_until(&self) -> Option<Instant> {
        *self.fence.borrow()
    }

    fn hold(&self, until: Instant) {
        if self.fence.send_replace(Some(until)).is_none() {
            info!(
                lease = self.name,
                identity = self.identity,
                "this process acts from now on"
            );
        }
    }

    fn lose(&self, why: &str) {
        if self.fence.send_replace(None).is_some() {
            warn!(
                lease = self.name,
                identity = self.identity,
                why,
                "this process no longer acts"
            );
        }
    }

    /// Gives the Lease back, if it is ours, so that the next process need not wait.
    async fn give_back(mut self) {
        self.fence.send_replace(None);
        let patience = self.times.patience;
        let result = timeout(patience, async {
            let Some(lease) = self.api.get_opt(&self.name).await? else {
                return Ok(());
            };
            self.observe(&lease);
            let holder = lease
                .spec
                .as_ref()
                .and_then(|spec| spec.holder_identity.as_deref());
            if holder == Some(&self.identity) {
                let free = self.claim(lease, "");
                self.api
                    .replace(&self.name, &PostParams::default(), &free)
                    .await?;
                info!(lease = self.name, "the Lease is given back");
            }
            Ok::<_, kube::Error>(())
        });
        if !matches!(result.await, Ok(Ok(()))) {
            warn!(
                lease = self.name,
                "the Lease was not given back; it ends by itself"
            );
        }
    }
}
