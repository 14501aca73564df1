//! `onlyIf`: the step answers a release, and there was none lately; or it is for other kinds.

use kubemend_api::Duration;

use super::Case;
use crate::action;
use crate::episode::Request;
use crate::hold::{No, Skip};

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let kind = case.view.key.kind;
    if case
        .step
        .kinds
        .as_ref()
        .is_some_and(|kinds| !kinds.contains(&kind))
    {
        let detail = format!("not for a {kind}");
        return Err(Skip::OnlyIf { detail }.into());
    }
    // By now the present template is the one that the step put back.
    if action::is_unfinished(case) {
        return Ok(());
    }
    let Some(within) = case.step.released_within else {
        return Ok(());
    };
    let asked = Duration::from_millis(within);
    let Some(released) = case.view.released_at() else {
        let detail = "the workload has had one template only".to_owned();
        return Err(Skip::OnlyIf { detail }.into());
    };
    let age = case.view.now.since(released);
    if age <= within {
        return Ok(());
    }
    let age = Duration::from_millis(age.div_euclid(1000).saturating_mul(1000));
    let detail = format!("released {age} ago, not within {asked}");
    Err(Skip::OnlyIf { detail }.into())
}
