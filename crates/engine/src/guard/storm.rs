//! A storm: too many targets fail at once, so that a cause they share is likelier than one in each.

use super::Case;
use crate::episode::Request;
use crate::hold::{Hold, No};

#[allow(clippy::ptr_arg)] // all guards share one signature
pub(super) fn check(case: &Case<'_>, intent: &mut Vec<Request>) -> Result<(), No> {
    // A wait makes nothing worse.
    if intent.is_empty() {
        return Ok(());
    }
    case.storm.map_or(Ok(()), |storm| {
        Err(Hold::StormActive {
            failing: storm.failing,
            least: storm.least,
            until: storm.until,
        }
        .into())
    })
}
