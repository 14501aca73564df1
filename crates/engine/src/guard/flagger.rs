//! Flagger releases the workload: a change of its spec is a release to it, and it keeps the primary as it wants it.

use super::{Case, refuse, writes_workload};
use crate::episode::Request;
use crate::facts::{TargetKey, WorkloadFacts};
use crate::hold::{No, Skip};
use crate::world::World;

/// The kind whose objects own the primaries.
const CANARY: &str = "Canary.flagger.app";

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let concerned = writes_workload(case.step.action_name());
    refuse(concerned, || owner(case.view.world, case.view.workload))
}

/// The Canary that releases the workload. It owns the primary; what users deploy carries no mark, but has a
/// workload named `<name>-primary` beside it.
pub(super) fn owner(world: &World, workload: &WorkloadFacts) -> Option<Skip> {
    let key = &workload.key;
    let primary = TargetKey::new(key.kind, &key.namespace, &format!("{}-primary", key.name));
    let beside = world.workload(&primary).map(|one| &one.facts);
    let owners = [Some(workload), beside].into_iter().flatten();
    let mut canaries = owners
        .filter_map(|one| one.controller.as_deref())
        .filter(|one| *one.kind == *CANARY);
    canaries.next().map(|one| Skip::OwnedByFlagger {
        canary: format!("Canary/{}", one.name),
    })
}
