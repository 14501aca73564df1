//! Plans as lines that a person reads.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kubemend_engine::episode::{Attempt, Episode, Phase, Request, Verb};
use kubemend_engine::facts::TargetKey;
use kubemend_engine::plan::Held;
use kubemend_engine::report::StrategyReport;
use kubemend_engine::{Effect, Moment, Plan, World, record};

use super::objects::{self, ZERO, span};

#[derive(Default)]
pub struct Renderer {
    holds: BTreeSet<String>,
}

impl Renderer {
    /// The plan's effects, and the holds that were not there in the round before.
    pub fn plan(&mut self, plan: &Plan, world: &World, now: i64) -> Vec<String> {
        let mut texts: Vec<String> = plan
            .effects
            .iter()
            .map(|effect| self::effect(effect, world))
            .collect();
        for (_, uid, proof) in &plan.proofs {
            texts.push(format!(
                "prove   {} for {} s, in memory",
                uid.replace("-uid", ""),
                proof.seconds
            ));
        }
        // Of a hold that is being written down the record says enough.
        let written = |held: &&Held| {
            !plan.effects.iter().any(|one| matches!(one, Effect::Write(episode) if episode.target() == held.target && episode.state.reason.as_deref() == Some(held.hold.reason())))
        };
        let holds: BTreeSet<String> = plan.holds.iter().map(hold).collect();
        let shown: BTreeSet<String> = plan.holds.iter().filter(written).map(hold).collect();
        texts.extend(shown.difference(&self.holds).cloned());
        // While an effect is under way the holds of other rounds go on.
        if plan.effects.is_empty() {
            self.holds = holds;
        } else {
            self.holds.extend(holds);
        }
        texts
            .into_iter()
            .map(|text| format!("{:<9} {text}", span(now)))
            .collect()
    }

    pub fn forget_holds(&mut self) {
        self.holds.clear();
    }
}

/// A strategy's status as one line.
pub fn strategy(report: &StrategyReport) -> String {
    let status = &report.status;
    let ready = status.conditions.iter().find(|one| one.type_ == "Ready");
    let mut line = format!(
        "strategy  {} {}, used by {} ({}), {} attempts, {} cures",
        report.name,
        ready.map_or("", |one| &one.reason),
        status.used_by,
        status.users.join(", "),
        status.attempts,
        status.cures,
    );
    for step in &status.steps {
        let median = step.median_recovery.as_ref();
        let median = median.map_or_else(String::new, |time| format!(", median {time}"));
        let _ = write!(
            line,
            "; {} {}/{}{median}",
            step.name, step.cures, step.attempts
        );
    }
    line
}

fn effect(effect: &Effect, world: &World) -> String {
    let stored = |episode: &Episode| {
        world
            .records_of(&episode.target())
            .find(|one| one.id == episode.id)
            .cloned()
    };
    match effect {
        Effect::Open(episode, _) => {
            let spec = &episode.spec;
            let policy = format!("rule {} of {}", spec.rule, spec.policy_ref);
            format!(
                "open    {} {}, {policy}, failing since {}",
                name(episode),
                spec.symptom,
                at(episode.failed_at())
            )
        }
        Effect::Write(episode) => format!(
            "write   {} {}",
            name(episode),
            changes(stored(episode).as_ref(), episode)
        ),
        Effect::Act(episode, _) => {
            let again = episode.last_attempt().is_some_and(|one| one.rearmed > 0);
            let again = if again { " (armed again)" } else { "" };
            let skips = skips(stored(episode).as_ref(), episode);
            format!(
                "act     {} {}{again}{skips}",
                name(episode),
                intent(episode)
            )
        }
        Effect::Rehearse(episode, _) => {
            let later = episode.state.later_steps.join(", ");
            let later = if later.is_empty() {
                later
            } else {
                format!("; later {later}")
            };
            let skips = skips(stored(episode).as_ref(), episode);
            format!(
                "would   {} {}{later}{skips}",
                name(episode),
                intent(episode)
            )
        }
        Effect::Undo(episode) => {
            let undo = episode
                .state
                .undo
                .as_ref()
                .map_or_else(String::new, |undo| {
                    format!("{} -> {} replicas", undo.to, undo.from)
                });
            format!("undo    {} {undo}", name(episode))
        }
        Effect::Prove {
            revision, proof, ..
        } => format!("prove   {} for {} s", revision.name, proof.seconds),
        Effect::Prune(episode) => format!("prune   {}", name(episode)),
    }
}

/// `web#1`: the target and the ordinal of its record.
fn name(episode: &Episode) -> String {
    let dry = if episode.is_dry() { "-dry" } else { "" };
    format!("{}#{}{dry}", target(&episode.target()), episode.ordinal())
}

fn target(key: &TargetKey) -> String {
    let namespace = if &*key.namespace == "shop" {
        String::new()
    } else {
        format!("{}/", key.namespace)
    };
    let kind = if key.kind.as_str() == "Deployment" {
        String::new()
    } else {
        format!("{}/", key.kind)
    };
    format!("{namespace}{kind}{}", key.name)
}

/// The newest attempt: `restart 1: Delete web-1`.
fn intent(episode: &Episode) -> String {
    let Some(attempt) = episode.last_attempt() else {
        return "NO ATTEMPT".to_owned();
    };
    let spent = if episode.is_dry() {
        String::new()
    } else {
        format!(" {}", episode.spent_on(&attempt.step))
    };
    let by = attempt
        .approved
        .as_ref()
        .map(|one| format!(", approved by {}", one.by));
    format!(
        "{}{spent}: {}{}",
        attempt.step,
        requests(episode, attempt),
        by.unwrap_or_default()
    )
}

fn requests(episode: &Episode, attempt: &Attempt) -> String {
    let open = attempt.requests.iter().filter(|one| one.result.is_none());
    let all: Vec<_> = open
        .map(|one| request(&episode.spec.target.name, one))
        .collect();
    if all.is_empty() {
        "nothing to do".to_owned()
    } else {
        all.join(", ")
    }
}

fn request(target: &str, request: &Request) -> String {
    let revision = |hash: &str| {
        let number = (1..=9).find(|number| objects::hash(target, *number) == hash);
        number.map_or_else(|| hash.to_owned(), |number| format!("r{number}"))
    };
    let (from, to) = (
        request.from.as_deref().unwrap_or_default(),
        request.to.as_deref().unwrap_or_default(),
    );
    match request.verb {
        Verb::Evict => format!("evict {}", request.name),
        Verb::Delete => format!("delete {}", request.name),
        Verb::Scale => format!("{from} -> {to} replicas"),
        Verb::Restart => "rolling restart".to_owned(),
        Verb::Resize => format!("{} {from} -> {to}", request.name),
        Verb::Run => request.name.to_string(),
        Verb::Rollback => format!("template {} -> {}", revision(from), revision(to)),
    }
}

/// What a write changes in a record.
fn changes(stored: Option<&Episode>, episode: &Episode) -> String {
    let state = &episode.state;
    let mut text = state.phase.as_str().to_owned();
    if let Some(reason) = &state.reason {
        let _ = write!(text, " {reason}");
    }
    let before = stored.and_then(Episode::last_attempt);
    if let Some(attempt) = episode.last_attempt()
        && let Some(outcome) = attempt.outcome
        && before
            .is_none_or(|one| one.outcome != attempt.outcome || one.intent_at != attempt.intent_at)
    {
        let _ = write!(
            text,
            "; {} was {}",
            attempt.step,
            record::outcome_word(outcome)
        );
        if let Some(message) = &attempt.message {
            let _ = write!(text, ": {message}");
        }
    } else if let Some(attempt) = episode.last_attempt()
        && before.is_some_and(|one| one.acted_at.is_none())
        && attempt.acted_at.is_some()
    {
        let results: Vec<_> = attempt
            .requests
            .iter()
            .map(|one| {
                one.result
                    .map_or_else(|| "open".to_owned(), |done| format!("{done:?}"))
            })
            .collect();
        let _ = write!(text, "; {} turned out {}", attempt.step, results.join(", "));
    } else if matches!(
        state.phase,
        Phase::Held | Phase::AwaitingApproval | Phase::Exhausted | Phase::Pending
    ) && let Some(message) = &state.message
        && state.reason.as_deref() != Some("Backoff")
    {
        let _ = write!(text, ": {message}");
    }
    text += &skips(stored, episode);
    if let Some(undo) = &state.undo
        && stored.and_then(|one| one.state.undo.as_ref()) != Some(undo)
        && let Some(result) = &undo.result
    {
        let _ = write!(text, "; undo {result}");
    }
    if state.healthy_at.is_some()
        && stored.and_then(|one| one.state.healthy_at) != state.healthy_at
        && let Some(healthy_at) = state.healthy_at
    {
        let _ = write!(text, "; healthy at {}", at(healthy_at));
        if let Some(recovery) = record::status(episode).recovery {
            let _ = write!(text, ", recovery {recovery}");
        }
    }
    if stored.is_some_and(Episode::is_open) && !episode.is_open() {
        text += "; ended";
    }
    text
}

/// Steps that were passed over since the stored state, with the reason, and what is proposed instead.
fn skips(stored: Option<&Episode>, episode: &Episode) -> String {
    let known = |one| stored.is_some_and(|stored| stored.state.skips.contains(one));
    let mut text = String::new();
    for skip in episode.state.skips.iter().filter(|one| !known(one)) {
        let why = skip.message.as_deref().unwrap_or("");
        let _ = write!(text, "; skips {} {} ({why})", skip.step, skip.reason);
    }
    let proposed = episode.state.proposal.as_ref();
    let known = stored.and_then(|one| one.state.proposal.as_ref());
    if let Some(proposal) = proposed.filter(|one| Some(*one) != known) {
        let _ = write!(text, "; proposes {}", proposal.revision);
    }
    if let Some(cause) = &episode.state.cause
        && stored.is_some_and(|one| one.state.cause.is_none())
    {
        let (kind, name) = (cause.sign.kind.as_str(), &cause.sign.name);
        let _ = write!(text, "; {} share {kind} {name}", cause.targets);
    }
    text
}

fn hold(held: &Held) -> String {
    let text = match held.hold.until() {
        Some(until) if !matches!(held.hold.reason(), "BudgetExhausted") => {
            format!("until {}", at(until))
        }
        Some(until) => format!("until {}: {}", at(until), held.hold),
        None => held.hold.to_string(),
    };
    format!(
        "hold    {} {} {text}",
        target(&held.target),
        held.hold.reason()
    )
}

fn at(moment: Moment) -> String {
    span(moment.as_millis() - ZERO)
}
