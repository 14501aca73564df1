//! Proof of health: a revision is marked once it has proven itself for as long as a chain asks.

use kubemend_api::actions::RollbackTo;
use kubemend_api::targets::WorkloadKind;
use kubemend_api::{Action, Duration, Mode};

use crate::claim;
use crate::facts::{Proof, RevisionFacts, TargetKey};
use crate::health;
use crate::mode;
use crate::moment::{Millis, Moment};
use crate::plan::Effect;
use crate::policy::{Policy, Step};
use crate::view::View;
use crate::world::World;

/// rollback.provenFor where it is absent.
const DEFAULT_PROVEN_FOR: Millis = 600_000;

/// How long a revision must have proven itself for this step; `None` for a step that needs no proof.
pub fn asked(step: &Step) -> Option<Millis> {
    match &step.action {
        Action::Rollback(rollback) if rollback.to == RollbackTo::LastHealthy => Some(
            rollback
                .proven_for
                .as_ref()
                .map_or(DEFAULT_PROVEN_FOR, Duration::as_millis),
        ),
        Action::Rollback(_)
        | Action::RestartPod(_)
        | Action::RestartWorkload(_)
        | Action::Scale(_)
        | Action::ResizeMemory(_)
        | Action::DeletePod(_)
        | Action::EscalateToNode(_)
        | Action::Job(_)
        | Action::Wait(_) => None,
    }
}

/// Every proof that the chains over this target ask for, shortest first.
fn all_asked(world: &World, key: &TargetKey) -> Vec<Millis> {
    let mut asked: Vec<_> = world
        .policies_of(key)
        .flat_map(|policy| &policy.rules)
        .filter_map(|rule| world.chain_of(rule).ok())
        .flat_map(|chain| &chain.steps)
        .filter_map(asked)
        .collect();
    asked.sort_unstable();
    asked.dedup();
    asked
}

/// The revision that the workload runs now: the newest with its hash.
fn current<'a>(world: &'a World, key: &TargetKey) -> Option<&'a RevisionFacts> {
    let hash = &world.workload(key)?.facts.hash;
    world
        .revisions_of(key)
        .filter(|one| one.hash == *hash)
        .max_by_key(|one| one.revision)
}

/// Nothing is left to prove: no chain asks, or the present revision has proven the longest.
pub(crate) fn is_proven(world: &World, key: &TargetKey) -> bool {
    // Pods without a workload have no template that could prove itself.
    if key.kind == WorkloadKind::Pod {
        return true;
    }
    let Some(longest) = all_asked(world, key).pop() else {
        return true;
    };
    let proof = current(world, key).and_then(|one| marked(world, key, one));
    proof.is_some_and(|proof| proof.seconds.saturating_mul(1000) >= longest)
}

/// What counts as proven: where a policy enforces, only what is written down.
fn marked(world: &World, key: &TargetKey, revision: &RevisionFacts) -> Option<Proof> {
    if is_durable(world, key) {
        revision.proof
    } else {
        world.proof_of(revision)
    }
}

fn is_durable(world: &World, key: &TargetKey) -> bool {
    let enforces = |policy: &Policy| {
        let standing = mode::standing(world, policy, key).mode;
        claim::stands(policy, standing, Mode::Enforce)
    };
    world.policies_of(key).any(enforces)
}

/// What a workload's present revision has proven since the last mark.
pub enum Progress {
    /// A longer proof than any mark says; written only where a policy enforces.
    Proven(Effect, bool),
    /// The next proof is due then, if all stays well.
    At(Moment),
    /// Nothing to prove now.
    Nothing,
}

/// Looks whether the present revision of a workload has proven itself, or when it will have.
pub fn progress(world: &World, key: &TargetKey, now: Moment) -> Progress {
    let (Some(view), Some(revision)) = (View::of(world, key, now), current(world, key)) else {
        return Progress::Nothing;
    };
    let durable = is_durable(world, key);
    let marked = marked(world, key, revision).map_or(0, |proof| proof.seconds.saturating_mul(1000));
    let asked = all_asked(world, key);
    let Some(next) = asked.iter().copied().find(|asked| *asked > marked) else {
        return Progress::Nothing;
    };
    if view.rolling_out() || view.workload.desired == 0 {
        return Progress::Nothing;
    }
    let Some(since) = health::since(&view).map(|since| since.max(revision.created)) else {
        return Progress::Nothing;
    };
    let held = now.since(since);
    let Some(proven) = asked
        .into_iter()
        .rev()
        .find(|asked| *asked <= held && *asked >= next)
    else {
        return Progress::At(since.plus(next));
    };
    // A window or a freeze that is on: nothing is written, and nothing is lost, since the proof goes on.
    let enforces = |policy: &Policy| mode::effective(world, policy, key, now).mode == Mode::Enforce;
    if durable && !world.policies_of(key).any(enforces) {
        return Progress::Nothing;
    }
    let effect = Effect::Prove {
        target: key.clone(),
        revision: revision.name.clone(),
        uid: revision.uid.clone(),
        version: revision.version.clone(),
        hash: revision.hash.clone(),
        proof: Proof {
            since,
            seconds: proven.div_euclid(1000),
        },
    };
    Progress::Proven(effect, durable)
}
