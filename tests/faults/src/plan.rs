//! A plan: one fault, the write that triggers it and, where it hits a watch, the collection that is hit.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result};
use serde::{Deserialize, Serialize};

/// What goes wrong, in the numbering of the fault table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)] // `about` says what each one does
pub enum Fault {
    F1CrashAfter,
    F2CrashBefore,
    F3LostReply,
    F3Applied504,
    F4TimeTravel,
    F5Coalesced,
    F6AllFrozen,
    F7OneFrozen,
    F8Gone,
    F9Truncated,
    F10Replayed,
    F11Conflict,
    F12TooMany,
    F12TooManyWait,
    F12Internal,
    F12Unavailable,
    F12Timeout,
    F13SlowReply,
    F13SlowWatch,
    F14Garbage,
    F14Huge,
    F14Unknown,
    F14GarbageReply,
    F15Unauthorized,
    F15Forbidden,
    F15WatchForbidden,
    F16Denied,
    F18Paused,
    F19LeaseFails,
    F20Edited,
}

use Fault::{
    F1CrashAfter, F2CrashBefore, F3Applied504, F3LostReply, F4TimeTravel, F5Coalesced, F6AllFrozen,
    F7OneFrozen, F8Gone, F9Truncated, F10Replayed, F11Conflict, F12Internal, F12Timeout,
    F12TooMany, F12TooManyWait, F12Unavailable, F13SlowReply, F13SlowWatch, F14Garbage,
    F14GarbageReply, F14Huge, F14Unknown, F15Forbidden, F15Unauthorized, F15WatchForbidden,
    F16Denied, F18Paused, F19LeaseFails, F20Edited,
};

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 30] = [
        F1CrashAfter,
        F2CrashBefore,
        F3LostReply,
        F3Applied504,
        F4TimeTravel,
        F5Coalesced,
        F6AllFrozen,
        F7OneFrozen,
        F8Gone,
        F9Truncated,
        F10Replayed,
        F11Conflict,
        F12TooMany,
        F12TooManyWait,
        F12Internal,
        F12Unavailable,
        F12Timeout,
        F13SlowReply,
        F13SlowWatch,
        F14Garbage,
        F14Huge,
        F14Unknown,
        F14GarbageReply,
        F15Unauthorized,
        F15Forbidden,
        F15WatchForbidden,
        F16Denied,
        F18Paused,
        F19LeaseFails,
        F20Edited,
    ];

    /// Does it hit one collection's list and watch?
    pub fn on_watch(self) -> bool {
        matches!(
            self,
            F4TimeTravel
                | F5Coalesced
                | F7OneFrozen
                | F8Gone
                | F9Truncated
                | F10Replayed
                | F13SlowWatch
                | F14Garbage
                | F14Huge
                | F14Unknown
                | F15WatchForbidden
        )
    }

    /// Does it make sense at an act only, not at a write of a record?
    pub fn on_act(self) -> bool {
        matches!(
            self,
            F6AllFrozen | F16Denied | F18Paused | F19LeaseFails | F20Edited
        )
    }

    /// The refusal that is sent instead of forwarding: code, reason, seconds of `Retry-After`.
    pub fn refusal(self) -> Option<(u16, &'static str, Option<u32>)> {
        Some(match self {
            F11Conflict => (409, "Conflict", None),
            F12TooMany => (429, "TooManyRequests", None),
            F12TooManyWait => (429, "TooManyRequests", Some(2)),
            F12Internal => (500, "InternalError", None),
            F12Unavailable => (503, "ServiceUnavailable", None),
            F12Timeout => (504, "Timeout", None),
            F15Unauthorized => (401, "Unauthorized", None),
            F15Forbidden => (403, "Forbidden", None),
            _ => return None,
        })
    }

    /// May the story legitimately take another course? Then only safety is judged: nothing is done
    /// twice, and the story comes to an end.
    pub fn changes_course(self) -> bool {
        // Half a minute without sight is longer than any judgement of these stories may take.
        matches!(self, F6AllFrozen | F7OneFrozen | F16Denied)
    }
}

/// One run's fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Plan {
    /// The story that is played.
    pub story: String,
    /// What goes wrong.
    pub fault: Fault,
    /// The write that triggers it, such as `create pods/eviction`.
    pub write: String,
    /// Which of those writes, counted from 1.
    pub nth: usize,
    /// The collection that is hit; empty where the fault hits the write itself.
    pub source: String,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            story,
            fault,
            write,
            nth,
            source,
        } = self;
        let write = write.replace(' ', ":");
        write!(f, "{story},{fault:?},{write},{nth},{source}")
    }
}

impl FromStr for Plan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split(',').collect();
        let [story, fault, write, nth, source] = words[..] else {
            anyhow::bail!("{text:?} is no plan; want story,fault,write,nth,source");
        };
        let fault = Fault::ALL
            .into_iter()
            .find(|one| format!("{one:?}") == fault);
        Ok(Self {
            story: story.to_owned(),
            fault: fault.with_context(|| format!("no such fault in {text:?}"))?,
            write: write.replace(':', " "),
            nth: nth.parse().context("the number of the write")?,
            source: source.to_owned(),
        })
    }
}

/// Every write of a story, in its order, as `(write, nth)`.
pub type Writes = Vec<(String, usize)>;

/// The collections that a story's decisions rest on.
fn sources(story: &str) -> [&'static str; 5] {
    let (workloads, revisions) = match story {
        "daemon" => ("daemonsets", "controllerrevisions"),
        _ => ("deployments", "replicasets"),
    };
    [
        "pods",
        workloads,
        revisions,
        "healingevents",
        "healingpolicies",
    ]
}

/// Is it a destructive act, not a write of a record or a mark?
pub fn is_act(write: &str) -> bool {
    matches!(
        write,
        "create pods/eviction"
            | "delete pods"
            | "patch deployments"
            | "patch daemonsets"
            | "patch deployments/scale"
            | "update deployments/scale"
            | "update deployments"
    )
}

/// All plans over what a learning run wrote: every write with every fault of writes, and every
/// collection with every fault of watches, at the first record and at each act.
pub fn generate(story: &str, writes: &Writes) -> Vec<Plan> {
    let mut plans = Vec::new();
    let watched = sources(story);
    for (write, nth) in writes {
        let (act, first) = (is_act(write), write == "create healingevents" && *nth == 1);
        for fault in Fault::ALL {
            let sources: &[&str] = match (fault.on_watch(), fault.on_act()) {
                (true, _) if act || first => &watched,
                (true, _) => &[],
                (false, true) if !act => &[],
                _ => &[""],
            };
            plans.extend(sources.iter().map(|source| Plan {
                story: story.to_owned(),
                fault,
                write: write.clone(),
                nth: *nth,
                source: (*source).to_owned(),
            }));
        }
    }
    plans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_is_written() {
        let writes = vec![
            ("create healingevents".to_owned(), 1),
            ("create pods/eviction".to_owned(), 1),
        ];
        let plans = generate("restart", &writes);
        for plan in &plans {
            assert_eq!(&plan.to_string().parse::<Plan>().expect("a plan"), plan);
        }
        let covered = |fault| plans.iter().any(|plan| plan.fault == fault);
        assert!(Fault::ALL.into_iter().all(covered));
    }
}
