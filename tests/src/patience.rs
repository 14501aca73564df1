//! Waiting for a condition, never for a length of time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks: short beside what is measured, long beside what a look costs the API server.
const PAUSE: Duration = Duration::from_millis(400);

/// What one look at the cluster showed.
pub enum Look<T> {
    /// It is so.
    Found(T),
    /// Not yet; this is how it stands.
    NotYet(String),
    /// It can no longer become so, or it must never have been.
    Never(String),
}

/// Looks until it is so. After `deadline` the error tells what was seen last; a look that fails
/// counts as one that saw nothing yet.
pub async fn await_condition<T>(
    what: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Result<Look<T>>,
) -> Result<T> {
    let began = Instant::now();
    loop {
        let last = match look().await {
            Ok(Look::Found(found)) => return Ok(found),
            Ok(Look::Never(why)) => bail!("{what}: {why}"),
            Ok(Look::NotYet(state)) => state,
            Err(error) => format!("{error:#}"),
        };
        if began.elapsed() > deadline {
            bail!(
                "{what}: not within {} s; last seen: {last}",
                deadline.as_secs()
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}
