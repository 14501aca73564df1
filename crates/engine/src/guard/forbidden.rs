//! `restrict.forbid` of every matching policy that is not suspended.

use kubemend_api::Mode;

use super::Case;
use crate::episode::Request;
use crate::hold::{No, Skip};
use crate::mode;

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    let (world, key) = (case.view.world, &case.view.key);
    let action = case.step.action_name();
    let forbids = world.policies_of(key).find(|policy| {
        policy.forbid.contains(&action)
            && mode::effective(world, policy, key, case.view.now).mode != Mode::Suspended
    });
    forbids.map_or(Ok(()), |policy| {
        Err(Skip::Forbidden {
            policy: policy.reference(),
        }
        .into())
    })
}
