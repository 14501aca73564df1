//! Intents: recorded before the act, and resolved from facts where the act's end was lost.

use kubemend_api::Action;

use crate::approval;
use crate::episode::{
    Attempt, Done, Episode, Outcome, Phase, Request, Resize, Spent, UndoState, Verb,
};
use crate::facts::{Name, TargetKey};
use crate::moment::{Millis, Moment};
use crate::policy::Step;
use crate::world::World;

/// After so long an intent is never executed without being recorded again.
pub const ARMED_FOR: Millis = 30_000;
/// A request that was sent in time may take effect so long after: its own timeout is shorter.
pub const GRACE: Millis = 10_000;
/// An intent is armed again so often at most.
pub const REARMED_MAX: u32 = 3;

/// The episode with a new intent: this step, these requests.
pub fn record(episode: &Episode, step: &Step, requests: Vec<Request>, now: Moment) -> Episode {
    let approved = approval::given(episode, &step.name, now);
    let mut next = episode.clone();
    let state = &mut next.state;
    state.approval = None;
    if let Action::Scale(_) = step.action
        && let Some(after) = step.undo_after
    {
        state.undo = undo(&requests, now.plus(after));
    }
    match state.spent.iter_mut().find(|one| one.step == step.name) {
        Some(spent) => spent.attempts = spent.attempts.saturating_add(1),
        None => state.spent.push(Spent {
            step: step.name.clone(),
            attempts: 1,
        }),
    }
    // Results of one attempt overwrite each other: what had no effect leaves no line of its own.
    if state
        .attempts
        .last()
        .is_some_and(|last| last.outcome == Some(Outcome::NotApplied) && last.step == step.name)
    {
        state.attempts.pop();
    }
    state.attempts.push(Attempt {
        step: step.name.clone(),
        action: step.action_name(),
        intent_at: now,
        not_after: now.plus(ARMED_FOR),
        rearmed: 0,
        requests,
        acted_at: None,
        outcome: None,
        message: None,
        judged_at: None,
        approved,
    });
    state.step = Some(step.name.clone());
    state.phase = Phase::Acting;
    state.reason = None;
    state.message = None;
    next
}

fn undo(requests: &[Request], due_at: Moment) -> Option<UndoState> {
    let request = requests.first()?;
    let number = |text: &Option<crate::facts::Text>| text.as_deref()?.parse().ok();
    Some(UndoState {
        due_at,
        from: number(&request.from)?,
        to: number(&request.to)?,
        intent_at: None,
        not_after: None,
        rearmed: 0,
        done_at: None,
        result: None,
    })
}

/// What became of a request: its result, or what the facts tell.
pub fn became(world: &World, key: &TargetKey, request: &Request) -> Done {
    request.result.unwrap_or_else(|| look(world, key, request))
}

fn look(world: &World, key: &TargetKey, request: &Request) -> Done {
    let state = |now: Option<String>| match now {
        Some(now) if Some(&*now) == request.to.as_deref() => Done::Applied,
        Some(now) if Some(&*now) == request.from.as_deref() => Done::NotApplied,
        _ => Done::Unknown,
    };
    let workload = world.workload(key).map(|one| &one.facts);
    match request.verb {
        Verb::Evict | Verb::Delete => {
            let name = Name {
                namespace: key.namespace.clone(),
                name: request.name.clone(),
            };
            let there = world.pods.get(&name);
            let there =
                there.is_some_and(|pod| pod.facts.uid == request.uid && !pod.facts.deleting);
            if there {
                Done::NotApplied
            } else {
                Done::Applied
            }
        }
        Verb::Restart => match workload {
            Some(one) if one.restarted_at == request.to => Done::Applied,
            Some(one) if one.restarted_at == request.from => Done::NotApplied,
            _ => Done::Unknown,
        },
        Verb::Resize => state(limit_now(world, key, request)),
        Verb::Scale => state(workload.map(|one| one.desired.to_string())),
        Verb::Rollback => state(workload.map(|one| one.hash.to_string())),
        Verb::Run if world.job_of(key, request).is_some() => Done::Applied,
        // Made a moment ago it may not be in view yet: whoever makes it again looks first.
        Verb::Run => Done::NotApplied,
    }
}

/// The memory of a resize's container as its pod's spec says now, where that is known.
fn limit_now(world: &World, key: &TargetKey, request: &Request) -> Option<String> {
    let to = request.resize()?;
    let name = Name {
        namespace: key.namespace.clone(),
        name: request.name.clone(),
    };
    let pod = world
        .pods
        .get(&name)
        .filter(|pod| pod.facts.uid == request.uid)?;
    let mut starved = pod.facts.starved().iter();
    let limit = starved.find(|one| one.container == to.container)?.limit?;
    Some(Resize { limit, ..to }.to_string())
}
