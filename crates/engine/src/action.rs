//! Actions as intents: which conditional requests a step comes to now, or why it cannot.

mod restart_pod;
mod rollback;
mod scale;

use kubemend_api::Action;

use crate::episode::Request;
use crate::guard::Case;
use crate::hold::No;

pub use rollback::was_rolled_back_from;

/// The requests that the step's action comes to: up to ten pods, or one patch.
pub fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    match &case.step.action {
        Action::RestartPod(_) => restart_pod::resolve(case),
        Action::Scale(parameters) => scale::resolve(parameters, case),
        Action::Rollback(parameters) => rollback::resolve(parameters, case),
    }
}
