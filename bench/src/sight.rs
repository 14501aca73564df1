//! What a bare watcher sees, and when: the baseline of every latency.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::AsyncBufReadExt as _;
use kube::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// When something was first seen, by `namespace/name`, and how many frames came in all.
#[derive(Default)]
pub(crate) struct Seen {
    first: BTreeMap<String, Instant>,
    pub(crate) frames: usize,
}

/// A watch of one collection that notes when an object first satisfies a condition.
pub(crate) struct Sight {
    pub(crate) seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Sight {
    /// Watches that path from now on; `key` names an object that satisfies the condition.
    pub(crate) fn of(
        client: Client,
        path: &'static str,
        key: fn(&Value) -> Option<String>,
    ) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = follow(&client, path, key, &sender).await {
                    eprintln!("watching {path}: {error:#}");
                }
            }
        });
        Self { seen, task }
    }

    /// When that object was first seen as it should be, waiting for it if need be.
    pub(crate) async fn of_object(&mut self, key: &str) -> Result<Instant> {
        let found = self.seen.wait_for(|seen| seen.first.contains_key(key));
        match timeout(Duration::from_secs(30), found).await {
            Ok(Ok(seen)) => Ok(seen.first[key]),
            Ok(Err(_)) => bail!("the watch has ended"),
            Err(_) => bail!("{key} was not seen within 30 s"),
        }
    }
}

impl Drop for Sight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    client: &Client,
    path: &str,
    key: fn(&Value) -> Option<String>,
    sender: &watch::Sender<Seen>,
) -> Result<()> {
    let request = http::Request::get(format!("{path}?watch=true")).body(Vec::new())?;
    let mut frames = pin!(client.request_stream(request).await?);
    let mut line = Vec::new();
    while frames.read_until(b'\n', &mut line).await? > 0 {
        let at = Instant::now();
        let frame: Value = serde_json::from_slice(&line)?;
        line.clear();
        let name = key(&frame["object"]);
        sender.send_modify(|seen| {
            seen.frames += 1;
            if let Some(name) = name {
                seen.first.entry(name).or_insert(at);
            }
        });
    }
    Ok(())
}

/// A pod that waits in `CrashLoopBackOff`.
pub(crate) fn crashing_pod(pod: &Value) -> Option<String> {
    let reason = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
    let meta = &pod["metadata"];
    let named = || {
        Some(format!(
            "{}/{}",
            meta["namespace"].as_str()?,
            meta["name"].as_str()?
        ))
    };
    (reason == "CrashLoopBackOff").then(named).flatten()
}

/// A record with an intent, by its target.
pub(crate) fn intent(record: &Value) -> Option<String> {
    let attempts = record["status"]["attempts"].as_array()?;
    let namespace = record["metadata"]["namespace"].as_str()?;
    let target = record["spec"]["target"]["name"].as_str()?;
    (!attempts.is_empty()).then(|| format!("{namespace}/{target}"))
}

/// A record that ended in a recovery, by its target.
pub(crate) fn recovery(record: &Value) -> Option<String> {
    let recovered = record["status"]["phase"] == "Recovered";
    recovered.then(|| intent(record)).flatten()
}
