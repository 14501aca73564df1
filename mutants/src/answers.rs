//! Bugs of what answers each way to fail: approvals, rollbacks of revisions, events, resizes, pods, causes, Jobs.

use crate::{Mutant, decided as bug};

pub(crate) const MUTANTS: [Mutant; 19] = [
    bug(
        "an approval is good for every attempt",
        "crates/engine/src/approval.rs",
        (
            "*step == *asked.step && attempt == asked.attempt.to_string()",
            "*step == *asked.step && !attempt.is_empty()",
        ),
        "who approved one restart has approved all that follow",
    ),
    bug(
        "a denial is not heard",
        "crates/engine/src/guard/approval.rs",
        (
            "if let Some((Word::Deny, by)) = approval::answered(episode, asked) {",
            "if let Some((Word::Deny, by)) = approval::answered(episode, asked).filter(|_| asked.attempt == 0) {",
        ),
        "a person says no, and the step is asked for until it expires",
    ),
    bug(
        "nobody is asked where another policy requires it",
        "crates/engine/src/approval.rs",
        (
            "policy.require_approval.contains(&action)",
            "policy.require_approval.contains(&action) && policy.id == case.policy.id",
        ),
        "the platform's rule is passed by with a policy of one's own",
    ),
    bug(
        "an approval never expires",
        "crates/engine/src/guard/approval.rs",
        (
            "(case.view.now >= asked.until).then(||",
            "(case.view.now >= asked.until.plus(86_400_000)).then(||",
        ),
        "what was approved last night acts this morning",
    ),
    bug(
        "a ConfigMap is blamed although most that read it are well",
        "crates/engine/src/cause.rs",
        ("LEAST.max(users / 2 + 1)", "LEAST.max(users / 9 + 1)"),
        "people look for a change that nobody made",
    ),
    bug(
        "a ConfigMap is blamed for what was just released",
        "crates/engine/src/cause.rs",
        (
            "!configs.is_empty() && !is_new(world, &key, now)",
            "!configs.is_empty()",
        ),
        "people look for a change that nobody made, and the release is to blame",
    ),
    bug(
        "a rollback trusts what never proved itself",
        "crates/engine/src/action/rollback.rs",
        (
            "proof.seconds.saturating_mul(1000) >= asked)",
            "proof.seconds >= 0 || asked > 0) || true",
        ),
        "a bad release is answered by another one",
    ),
    bug(
        "a rollback comes back to what it fled from",
        "crates/engine/src/action/rollback.rs",
        (
            ".filter(|one| !was_rolled_back_from(world, &view.key, &one.hash, view.now))",
            ".filter(|one| !one.hash.is_empty())",
        ),
        "two bad releases are put in each other's place for ever",
    ),
    bug(
        "what a rollback left behind stays",
        "crates/engine/src/verify.rs",
        (
            "if attempt.action == ActionName::Rollback\n        && !action::left_behind",
            "if attempt.action == ActionName::Rollback\n        && view.pods.is_empty()\n        && !action::left_behind",
        ),
        "a StatefulSet that was rolled back waits for its broken pod for ever (kubernetes#67250)",
    ),
    bug(
        "a rollback removes what was released since",
        "crates/engine/src/view.rs",
        (
            ".is_some_and(|(pods, present)| pods < present)",
            ".is_some_and(|(pods, present)| pods != present)",
        ),
        "the pod of the release that mends it is deleted, because the release itself is not seen yet",
    ),
    bug(
        "an event about a pod that is well is a failure",
        "crates/engine/src/detect/event.rs",
        (
            ".filter(|one| health::pod_since(one).is_none());\n    ill.map",
            ".filter(|one| health::pod_since(one).is_none() || one.facts().ready);\n    ill.map",
        ),
        "a warning of an hour ago restarts what has recovered since",
    ),
    bug(
        "a resize knows no bound",
        "crates/engine/src/action/resize_memory.rs",
        (
            ".min(most(parameters, case, name)?);",
            ".max(most(parameters, case, name)?);",
        ),
        "a leak eats its node, and the neighbours with it",
    ),
    bug(
        "a resize competes with an autoscaler",
        "crates/engine/src/guard/vertical_autoscaler.rs",
        (
            "case.step.action_name() == ActionName::ResizeMemory",
            "case.step.action_name() == ActionName::Scale",
        ),
        "two controllers write the same field in turn",
    ),
    bug(
        "a bare pod is deleted",
        "crates/engine/src/guard/pods_only.rs",
        (
            "ActionName::RestartPod if key.is_bare() =>",
            "ActionName::RestartPod if key.is_bare() && key.name.is_empty() =>",
        ),
        "a pod that nobody makes anew is gone for good",
    ),
    bug(
        "a common cause holds nothing",
        "crates/engine/src/cause.rs",
        (
            "(targets >= showing.least).then(",
            "(targets >= showing.least.saturating_mul(1_000)).then(",
        ),
        "every workload of a broken node is restarted, one after the other",
    ),
    bug(
        "any strategy serves any namespace",
        "crates/engine/src/policy/chain.rs",
        (
            "named.iter().any(|one| **one == *namespace)",
            "named.iter().any(|one| one.len() < namespace.len() + 100)",
        ),
        "a Job runs with rights in a namespace that nobody named",
    ),
    bug(
        "a job in anybody's steps is run",
        "crates/engine/src/policy/chain.rs",
        (
            "matches!(action, Action::Job(_)) && namespaces.is_none()",
            "matches!(action, Action::Job(_)) && namespaces.is_none() && steps.is_empty()",
        ),
        "whoever writes a policy has the rights of every ServiceAccount of the namespace",
    ),
    bug(
        "a job that runs is judged",
        "crates/engine/src/verify/job.rs",
        (
            "None => Err(Verdict::Wait(deadline.plus(1))),",
            "None => Ok(acted_at),",
        ),
        "the chain goes on while its own Job still works on the target",
    ),
    bug(
        "any job of that name is ours",
        "crates/engine/src/world/lookup.rs",
        (
            "(Some(&known.template) == request.to.as_ref()).then_some(known)",
            "request.to.is_some().then_some(known)",
        ),
        "somebody else's Job counts as the recovery",
    ),
];
