//! Logs: one JSON object per line, on stderr.

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

/// Starts logging; `level` is a level or a list of `target=level` as tracing-subscriber reads it.
pub fn init(level: &str) -> Result<()> {
    // kube's client logs the bodies of failed requests, which may hold what a log must not.
    let filter = EnvFilter::try_new(format!("{level},kube_client::client=error"))
        .with_context(|| format!("--log-level: '{level}' is neither a level nor a filter"))?;
    tracing_subscriber::fmt()
        .json()
        // Flat members, and no module beside them: `target` is what is healed.
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))
}
