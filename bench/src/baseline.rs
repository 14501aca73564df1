//! What others do instead, each a process of its own.

use std::pin::pin;

use anyhow::Result;
use futures::{AsyncBufReadExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt as _};

/// Keeps all pods of the cluster in kube's reflector until it is ended.
pub(crate) async fn reflect(trimmed: bool) -> Result<()> {
    let pods: Api<Pod> = Api::all(Client::try_default().await?);
    let (store, writer) = reflector::store();
    let stream = watcher(pods, watcher::Config::default())
        .modify(move |pod| {
            if trimmed {
                trim(pod);
            }
        })
        .reflect(writer)
        .default_backoff();
    let mut stream = pin!(stream);
    while let Some(event) = stream.next().await {
        if let Err(error) = event {
            eprintln!("{error}");
        }
    }
    drop(store);
    Ok(())
}

/// Reads the frames of a watch of all pods and keeps nothing, until it is ended.
pub(crate) async fn watch() -> Result<()> {
    let client = Client::try_default().await?;
    loop {
        let request = http::Request::get("/api/v1/pods?watch=true").body(Vec::new())?;
        let mut frames = pin!(client.request_stream(request).await?);
        let mut line = Vec::new();
        while frames.read_until(b'\n', &mut line).await? > 0 {
            line.clear();
        }
    }
}

/// As kube's own advice on memory has it: without managed fields, annotations and spec.
fn trim(pod: &mut Pod) {
    pod.managed_fields_mut().clear();
    pod.annotations_mut().clear();
    pod.spec = None;
}
