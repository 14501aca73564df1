//! A HorizontalPodAutoscaler, KEDA's too, owns the replicas: a scale would be overwritten.

use kubemend_api::actions::ActionName;

use super::Case;
use crate::episode::Request;
use crate::hold::{No, Skip};

pub(super) fn check(case: &Case<'_>, _: &mut Vec<Request>) -> Result<(), No> {
    if case.step.action_name() != ActionName::Scale {
        return Ok(());
    }
    let owner = case.view.world.autoscaler_of(&case.view.key);
    owner.map_or(Ok(()), |name| {
        Err(Skip::OwnedByHpa {
            name: name.to_string(),
        }
        .into())
    })
}
