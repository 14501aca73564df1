//! How the demo speaks: chapters, lines with the time since its start, commands with what they print.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cluster::Cluster;

/// Between two looks at the cluster.
const PAUSE: Duration = Duration::from_millis(500);
/// A wait that says nothing for so long says that it goes on.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// A new part of the story.
pub(crate) fn chapter(title: &str) {
    println!("\n--- {title}");
}

/// Runs kubectl in front of the audience.
pub(crate) fn kubectl(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
    println!("\n$ kubectl {}", arguments.join(" "));
    println!("{}", cluster.kubectl(arguments)?);
    Ok(())
}

/// The narrator, who knows when the demo began.
pub(crate) struct Voice {
    began: Instant,
}

impl Voice {
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    /// One line of the story.
    pub(crate) fn say(&self, text: &str) {
        println!("[{:>4} s] {text}", self.seconds());
    }

    /// Looks until it is so. What is found meanwhile is a state in words, told now and then; a look
    /// that fails counts as one that saw nothing yet.
    pub(crate) fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut() -> Result<Look<T>>,
    ) -> Result<T> {
        let began = Instant::now();
        let mut spoke = began;
        loop {
            let state = match look() {
                Ok(Look::Found(found)) => return Ok(found),
                Ok(Look::Never(why)) => bail!("{what}: {why}"),
                Ok(Look::News(text)) => {
                    spoke = Instant::now();
                    self.say(&text);
                    text
                }
                Ok(Look::NotYet(state)) => state,
                Err(error) => format!("{error:#}"),
            };
            if began.elapsed() > limit {
                bail!(
                    "{what}: not within {} s; last seen: {state}",
                    limit.as_secs()
                );
            }
            if spoke.elapsed() > SILENCE_MAX {
                spoke = Instant::now();
                self.say(&format!("waiting until {what}; {state}"));
            }
            thread::sleep(PAUSE);
        }
    }
}

/// What one look showed.
pub(crate) enum Look<T> {
    /// It is so.
    Found(T),
    /// Not yet, and this is worth telling at once.
    News(String),
    /// Not yet; this is how it stands.
    NotYet(String),
    /// It can no longer become so.
    Never(String),
}
