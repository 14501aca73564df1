//! Bugs of decisions: budgets, guards, verification, memory, the view.

use crate::{Mutant, decided as bug};

pub(crate) const MUTANTS: [Mutant; 26] = [
    bug(
        "a storm holds nothing",
        "crates/engine/src/guard/storm.rs",
        (
            "case.storm.map_or(Ok(()), |storm| {",
            "case.storm.filter(|_| false).map_or(Ok(()), |storm| {",
        ),
        "two hundred workloads are restarted because their database is down",
    ),
    bug(
        "a restart fetches images",
        "crates/engine/src/guard/useless.rs",
        (
            "why.map_or(Ok(()), |why| Err(Skip::CannotHelp { why }.into()))",
            "why.filter(|_| false).map_or(Ok(()), |why| Err(Skip::CannotHelp { why }.into()))",
        ),
        "attempts are spent on what cannot help, and the rollback comes late",
    ),
    bug(
        "every kill is for memory",
        "crates/engine/src/facts/container.rs",
        (
            "&*self.reason == \"OOMKilled\" && self.exit_code == 137",
            "&*self.reason == \"OOMKilled\" || self.exit_code == 137",
        ),
        "a pod is scaled or restarted for an old kill, or for a node that was lost",
    ),
    bug(
        "a wait takes a slot",
        "crates/engine/src/episode.rs",
        (
            "!self.requests.is_empty()\n            && self.judged_at",
            "self.judged_at",
        ),
        "one target that is only watched keeps all others from being healed",
    ),
    bug(
        "the budget forgets what records say",
        "crates/engine/src/budget.rs",
        (
            "in world.records.values().filter(|one| !one.is_dry()) {",
            "in world.records.values().filter(|one| one.is_dry()) {",
        ),
        "a restart or a failover refills every budget",
    ),
    bug(
        "the acts of lost records are forgotten",
        "crates/engine/src/world/sweep.rs",
        ("self.bury(&record, now);", "let _ = (&record, now);"),
        "deleting records refills budgets",
    ),
    bug(
        "a refused intent keeps its slot",
        "crates/engine/src/world/lookup.rs",
        (
            "self.in_flight(key, now).is_some())",
            "self.in_flight(key, now).is_some() || true)",
        ),
        "one refused write holds every target of a budget for ever",
    ),
    bug(
        "an intent is not cut to the budget",
        "crates/engine/src/guard/budget.rs",
        (
            "intent.truncate((acts - used.acts) as usize);",
            "let _ = intent;",
        ),
        "one intent takes ten pods where one was left",
    ),
    bug(
        "an unreadable record takes no slot",
        "crates/engine/src/guard/budget.rs",
        (
            "used.slots += unreadable(Some(&key.namespace));",
            "used.slots += unreadable(Some(&key.namespace)) & 0;",
        ),
        "a bad record frees what it may be using",
    ),
    bug(
        "an unreadable record frees its target",
        "crates/engine/src/gate.rs",
        (
            "Source::Records if here && name.name.starts_with(&stem) =>",
            "Source::Records if here && name.name.is_empty() && name.name.starts_with(&stem) =>",
        ),
        "a second episode acts beside one that nobody can read",
    ),
    bug(
        "a stale view counts as fresh",
        "crates/engine/src/gate.rs",
        (
            "Some(source) => Err(Hold::ViewStale { source }),",
            "Some(_) => Ok(()),",
        ),
        "acts on a cluster that no longer is like that",
    ),
    bug(
        "a pause is ignored",
        "crates/engine/src/gate.rs",
        (
            "if let Some(reason) = &config.pause {",
            "if let Some(reason) = config.pause.as_ref().filter(|one| one.is_empty()) {",
        ),
        "the kill switch kills nothing",
    ),
    bug(
        "a disruption budget is ignored",
        "crates/engine/src/guard/disruption_budget.rs",
        ("(budget.allowed > used).then_some(1)", "Some(1)"),
        "asks for evictions that the API server refuses",
    ),
    bug(
        "no data counts as success",
        "crates/engine/src/verify.rs",
        (
            "Verdict::Inconclusive(format!(\"{} cannot be read\", unreadable.join(\", \")))",
            "Verdict::Recovered(view.now)",
        ),
        "a workload that nobody can see is called recovered",
    ),
    bug(
        "old pods are judged",
        "crates/engine/src/verify.rs",
        (
            ".filter(|one| answers_for(one, view, episode, attempt))\n        .copied()",
            ".filter(|one| !answers_for(one, view, episode, attempt))\n        .copied()",
        ),
        "the verdict is about pods that the act did not make",
    ),
    bug(
        "well for a moment is well",
        "crates/engine/src/verify.rs",
        (
            "let stable = healthy_at.plus(stretch);",
            "let stable = healthy_at.max(healthy_at.minus(stretch));",
        ),
        "an app that dies every 40 s is called recovered",
    ),
    bug(
        "attempts are not counted",
        "crates/engine/src/intent.rs",
        (
            "Some(spent) => spent.attempts = spent.attempts.saturating_add(1),",
            "Some(spent) => spent.attempts = spent.attempts.max(1),",
        ),
        "one step is tried for ever",
    ),
    bug(
        "no backoff between attempts",
        "crates/engine/src/chain.rs",
        (
            "(self.view.now < due).then_some(due)",
            "(self.view.now > due).then_some(due)",
        ),
        "attempts follow each other at once",
    ),
    bug(
        "a relapse is not seen",
        "crates/engine/src/course.rs",
        (
            "Answer::Rule(rule, symptom) => (rule, symptom),",
            "Answer::Rule(..) => return true,\n        #[allow(unreachable_patterns)]\n        Answer::Rule(rule, symptom) => (rule, symptom),",
        ),
        "the relapse window is waited through while the app crashes",
    ),
    bug(
        "an open intent is resolved at once",
        "crates/engine/src/course.rs",
        ("if now <= until {", "if now < attempt.intent_at {"),
        "a request that is still on its way is called not applied and sent again",
    ),
    bug(
        "chain memory is forgotten",
        "crates/engine/src/open.rs",
        ("if now <= ended.plus(window) {", "if now < ended {"),
        "each new episode starts at the first step again",
    ),
    bug(
        "Exhausted is no latch",
        "crates/engine/src/open.rs",
        (
            "_ if exhausted => return newest.state.spent.clone(),",
            "_ if exhausted => return Vec::new(),",
        ),
        "recreating a target opens its latch",
    ),
    bug(
        "a scale is never undone",
        "crates/engine/src/undo.rs",
        (
            "if now < at {",
            "if now < at.plus(crate::moment::Millis::MAX) {",
        ),
        "helping replicas stay for ever",
    ),
    bug(
        "an intent is armed again without end",
        "crates/engine/src/intent.rs",
        (
            "pub const REARMED_MAX: u32 = 3;",
            "pub const REARMED_MAX: u32 = 30;",
        ),
        "an act that cannot be done is tried for ever",
    ),
    bug(
        "an empty selector selects everything",
        "crates/engine/src/select.rs",
        (
            "!is_empty(selector) && matches(selector, labels)",
            "matches(selector, labels)",
        ),
        "a forgotten line heals a whole namespace",
    ),
    bug(
        "kube-system is healed",
        "crates/engine/src/mode.rs",
        (
            "if &*key.namespace == \"kube-system\" {",
            "if &*key.namespace == \"kube-systems\" {",
        ),
        "the cluster's own parts are restarted",
    ),
];
