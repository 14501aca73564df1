//! `restartPod`: every pod that shows the failure, oldest first, at most ten; first of all those of another template that an
//! ordered rollout waits for.

use super::{PODS_MAX, failing, remove};
use crate::episode::Request;
use crate::guard::Case;
use crate::hold::{No, Skip};

pub(super) fn resolve(case: &Case<'_>) -> Result<Vec<Request>, No> {
    let view = case.view;
    let blocking: Vec<Request> = view
        .blocking()
        .take(PODS_MAX)
        .map(|one| remove(case, one.facts()))
        .collect();
    if !blocking.is_empty() {
        return Ok(blocking);
    }
    let failing = failing(case)?;
    if failing.iter().all(|pod| pod.blocked().is_some()) {
        let why = "a new pod would wait for the same image or configuration";
        return Err(Skip::CannotHelp { why }.into());
    }
    let oldest = failing.into_iter().take(PODS_MAX);
    Ok(oldest.map(|pod| remove(case, pod)).collect())
}
