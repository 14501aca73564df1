//! `kubemend run`.

use anyhow::Result;

use crate::args::{Access, Run};

/// Runs the operator.
pub async fn run(_access: &Access, _options: Run) -> Result<()> {
    std::future::ready(Ok(())).await
}
