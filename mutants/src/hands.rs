//! Bugs of hands: preconditions, the order of record and act, the fence, lost answers, watches.

use crate::{Mutant, Proof, bug};

pub(crate) const MUTANTS: [Mutant; 11] = [
    bug(
        "the fence is not asked",
        "crates/status/src/fence.rs",
        (
            "Some(deadline) if Instant::now() < deadline => Ok(()),",
            "Some(deadline) if Instant::now() < deadline || deadline.elapsed().is_zero() || true => Ok(()),",
        ),
        Proof::Status,
        "a process whose lease has ended goes on acting beside its successor",
    ),
    bug(
        "a watch that is too old is only retried",
        "crates/reconciler/src/watch.rs",
        (
            "failure @ Failure::Expired => End::Relist(failure),\n        failure => End::Failed(failure),",
            "failure => End::Failed(failure),",
        ),
        Proof::Watches,
        "the view has a hole and is blind for ever",
    ),
    bug(
        "a pod is deleted without its UID",
        "crates/reconciler/src/act/restart_pod.rs",
        (
            "let preconditions = json!({\"uid\": &*wanted.uid});",
            "let preconditions = json!({});",
        ),
        Proof::Replies,
        "the successor of the judged pod is deleted",
    ),
    bug(
        "a conflict counts as applied",
        "crates/reconciler/src/act.rs",
        (
            "Err(failure) if may_stand(&failure) => refused = failure,",
            "Err(failure) if may_stand(&failure) => { refused = failure; let _ = &refused; return Answer::applied(None); }",
        ),
        Proof::Replies,
        "nothing was done, and the record says it was",
    ),
    bug(
        "notAfter is ignored",
        "crates/reconciler/src/act.rs",
        (
            "if self.clock.now() > self.not_after {",
            "if self.clock.now() > self.not_after.plus(3_600_000) {",
        ),
        Proof::Replies,
        "an act arrives after its successor has resolved its intent",
    ),
    bug(
        "replicas that somebody changed are overwritten",
        "crates/reconciler/src/act/scale.rs",
        (
            "} else if seen.spec.replicas == self.from {",
            "} else if seen.spec.replicas != self.from.wrapping_add(100_000) {",
        ),
        Proof::Replies,
        "a person's scale is reverted",
    ),
    bug(
        "a fix that somebody released is rolled back",
        "crates/reconciler/src/act/rollback.rs",
        (
            "} else if Some(hash.as_str()) == self.wanted.from.as_deref() {",
            "} else if Some(hash.as_str()) != self.wanted.to.as_deref() {",
        ),
        Proof::Replies,
        "a person's fix is reverted",
    ),
    bug(
        "a lost answer counts as no effect",
        "crates/status/src/error.rs",
        (
            "            | Self::TooLarge(_) => false,",
            "            | Self::TooLarge(_) => true,",
        ),
        Proof::Replies,
        "what was done is done again",
    ),
    bug(
        "another leader's record is overwritten",
        "crates/status/src/ledger.rs",
        (
            "Ok(Some(stored)) if stored.state == *before => {",
            "Ok(Some(stored)) if stored.uid == episode.uid && *before == *before => {",
        ),
        Proof::Replies,
        "two leaders act on one intent",
    ),
    bug(
        "a record is written without its resourceVersion",
        "crates/engine/src/record.rs",
        (
            "resource_version: owned(&episode.version),",
            "resource_version: None,",
        ),
        Proof::Replies,
        "a write from an old view overwrites a newer one",
    ),
    bug(
        "the act comes before its record",
        "crates/status/src/ledger.rs",
        (
            "match self.write(permit, before, episode).await {\n            Kept::Written(episode) => Ok(Recorded(*episode)),",
            "let (_, _) = (permit, before);\n        match Kept::Written(Box::new(episode)) {\n            Kept::Written(episode) => Ok(Recorded(*episode)),",
        ),
        Proof::Story,
        "after a crash nobody knows of the act, and it is done again",
    ),
];
