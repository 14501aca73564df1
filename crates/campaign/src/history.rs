//! What a history is: a cluster, and what happens to it when.

use std::fmt;
use std::time::Duration;

use crate::actors;

/// All that a run depends on, beside the code under test.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Where lags, names and chances come from.
    pub seed: u64,
    /// A request arrives at most this much later than it was sent.
    pub request_lag: Duration,
    /// A watch frame arrives at most this much later than the write.
    pub watch_lag: Duration,
    /// Processes of the operator; all but one stand by.
    pub processes: usize,
    /// Workloads, in the order in which they are numbered by events.
    pub workloads: Vec<Workload>,
    /// Policies, in the order in which they are numbered by events.
    pub policies: Vec<Policy>,
    /// What happens, with the time since the start; in order.
    pub events: Vec<(Duration, Event)>,
}

/// A workload of the toy cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Deployment, `StatefulSet` or `DaemonSet`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name.
    pub name: String,
    /// How many pods it wants.
    pub replicas: u32,
    /// What its first release does.
    pub program: &'static str,
    /// Covered by a `PodDisruptionBudget` that allows one pod to be away.
    pub guarded: bool,
}

/// A policy over workloads of one namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its namespace; empty for a cluster policy.
    pub namespace: &'static str,
    /// Its name.
    pub name: String,
    /// The names of the workloads that it selects; empty: all.
    pub targets: Vec<String>,
    /// The chain, by its number in the table of chains.
    pub chain: usize,
    /// At most so many attempts at once.
    pub concurrent: u32,
    /// At most so many acts per hour.
    pub acts: u32,
}

/// Something that happens. Workloads and policies are meant by number.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each says itself in `Display`
pub enum Event {
    Release(usize, &'static str),
    DeletePod(usize),
    DeleteWorkload(usize),
    Recreate(usize),
    Scale(usize, u32),
    Autoscale(usize),
    Gitops(usize),
    EditChain(usize, usize),
    EditMode(usize, &'static str),
    EditBudget(usize, u32),
    DeletePolicy(usize),
    Retry,
    Approve,
    Pause(Duration),
    LoseConfig(Duration),
    StepClock(i64, Duration),
    Freeze(&'static str, Duration),
    CloseWatches,
    GoneWatches,
    GarbageFrames,
    Forget,
    Refuse(u16, u64, Duration),
    LoseReplies(u64, Duration),
    Slow(Duration, Duration),
    Deny(&'static str, Duration),
    Crash(usize),
    CrashAtWrite(usize, u64, bool),
    CutOff(usize, Duration),
}

impl Event {
    /// How long it lasts; an actor's looks included.
    pub(crate) fn lasts(&self) -> Duration {
        match self {
            Self::Pause(time)
            | Self::LoseConfig(time)
            | Self::StepClock(_, time)
            | Self::Freeze(_, time)
            | Self::Refuse(_, _, time)
            | Self::LoseReplies(_, time)
            | Self::Deny(_, time)
            | Self::CutOff(_, time) => *time,
            Self::Slow(by, time) => *by + *time,
            Self::Autoscale(_) | Self::Gitops(_) => actors::LAST,
            // It may take a while until the process writes that often.
            Self::CrashAtWrite(..) => Duration::from_mins(2),
            _ => Duration::ZERO,
        }
    }
}

impl History {
    /// From then on nothing goes wrong any more.
    pub(crate) fn calm(&self) -> Duration {
        let ends = self.events.iter().map(|(at, event)| *at + event.lasts());
        ends.max().unwrap_or_default() + Duration::from_secs(5)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(at, program) => write!(f, "workload {at} releases {program:?}"),
            Self::DeletePod(at) => write!(f, "a user deletes a pod of workload {at}"),
            Self::DeleteWorkload(at) => write!(f, "a user deletes workload {at}"),
            Self::Recreate(at) => write!(f, "a user deletes and recreates workload {at}"),
            Self::Scale(at, to) => write!(f, "a user scales workload {at} to {to}"),
            Self::Autoscale(at) => write!(f, "an autoscaler takes workload {at}"),
            Self::Gitops(at) => write!(f, "a GitOps controller takes workload {at}"),
            Self::EditChain(at, to) => write!(f, "policy {at} gets chain {to}"),
            Self::EditMode(at, mode) => write!(f, "policy {at} gets mode {mode}"),
            Self::EditBudget(at, acts) => write!(f, "policy {at} gets {acts} acts per hour"),
            Self::DeletePolicy(at) => write!(f, "policy {at} is deleted"),
            Self::Retry => write!(f, "a user asks every open record for a retry"),
            Self::Approve => write!(f, "a user approves whatever waits for it"),
            Self::Pause(time) => write!(f, "healing is paused for {time:?}"),
            Self::LoseConfig(time) => write!(f, "the HealingConfig is missing for {time:?}"),
            Self::StepClock(by, time) => {
                write!(f, "the API server's clock is {by} s off for {time:?}")
            }
            Self::Freeze(plural, time) => write!(f, "the view of {plural} freezes for {time:?}"),
            Self::CloseWatches => write!(f, "every watch is closed"),
            Self::GoneWatches => write!(f, "every watch ends with 410"),
            Self::GarbageFrames => write!(f, "every watch gets a frame of garbage"),
            Self::Forget => write!(f, "the API server forgets its history"),
            Self::Refuse(code, share, time) => {
                write!(
                    f,
                    "{share} per mille of the requests get {code} for {time:?}"
                )
            }
            Self::LoseReplies(share, time) => {
                write!(f, "{share} per mille of the replies are lost for {time:?}")
            }
            Self::Slow(by, time) => write!(f, "replies come {by:?} late for {time:?}"),
            Self::Deny(plural, time) => {
                write!(f, "admission refuses writes of {plural} for {time:?}")
            }
            Self::Crash(at) => write!(f, "process {at} is killed and started anew"),
            Self::CrashAtWrite(at, nth, after) => {
                let side = if *after { "after" } else { "before" };
                write!(
                    f,
                    "process {at} dies {side} its write number {nth} from now"
                )
            }
            Self::CutOff(at, time) => write!(f, "process {at} is cut off for {time:?}"),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: requests up to {:?} late, frames up to {:?}, {} process(es)",
            self.seed, self.request_lag, self.watch_lag, self.processes
        )?;
        for (at, one) in self.workloads.iter().enumerate() {
            let Workload {
                kind,
                namespace,
                name,
                replicas,
                program,
                guarded,
            } = one;
            let guard = if *guarded {
                ", under a PodDisruptionBudget"
            } else {
                ""
            };
            writeln!(
                f,
                "  workload {at}: {kind} {namespace}/{name} ×{replicas} {program:?}{guard}"
            )?;
        }
        for (at, one) in self.policies.iter().enumerate() {
            let Policy {
                namespace,
                name,
                targets,
                chain,
                concurrent,
                acts,
            } = one;
            let targets = if targets.is_empty() {
                "all".to_owned()
            } else {
                targets.join(", ")
            };
            writeln!(
                f,
                "  policy {at}: {namespace}/{name} over {targets}: chain {chain}, {concurrent} at once, {acts} per hour"
            )?;
        }
        for (at, event) in &self.events {
            writeln!(f, "  {:>7.1}s {event}", at.as_secs_f64())?;
        }
        Ok(())
    }
}
