//! A fresh namespace: what a story applies there, and what it finds there.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Namespace as Object, Pod};
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Resource, ResourceExt};
use kubemend_api::{HealingEvent, HealingPolicy};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::patience::{Look, await_condition};
use crate::record;

/// A namespace of one story alone.
#[derive(Clone)]
pub struct Namespace {
    /// Its random name.
    pub name: String,
    /// The cluster it is in.
    pub cluster: Cluster,
}

impl Namespace {
    /// Makes one whose name nobody had before.
    pub async fn create(cluster: &Cluster, story: &str) -> Result<Self> {
        let start: String = story.chars().take(20).collect();
        let name = format!("{}-{}", start.trim_end_matches('-'), unique());
        let manifest = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
        cluster.apply(None, &manifest).await?;
        let cluster = cluster.clone();
        Ok(Self { name, cluster })
    }

    /// Has it deleted, records and all, and does not wait for that.
    pub async fn delete(&self) -> Result<()> {
        let namespaces: Api<Object> = Api::all(self.cluster.client());
        namespaces
            .delete(&self.name, &DeleteParams::default())
            .await?;
        Ok(())
    }

    /// Applies manifests here.
    pub async fn apply(&self, manifests: &str) -> Result<()> {
        self.cluster.apply(Some(&self.name), manifests).await
    }

    /// Objects of one kind here.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.cluster.client(), &self.name)
    }

    /// All objects of one kind here.
    pub async fn all<K>(&self) -> Result<Vec<K>>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
        K::DynamicType: Default,
    {
        Ok(self.api::<K>().list(&ListParams::default()).await?.items)
    }

    /// The records here, oldest first.
    pub async fn records(&self) -> Result<Vec<HealingEvent>> {
        let mut records: Vec<HealingEvent> = self.all().await?;
        records.sort_by_key(|record| {
            (
                record.metadata.creation_timestamp.clone(),
                record.name_any(),
            )
        });
        Ok(records)
    }

    /// The pods of an app that nobody is deleting, by name.
    pub async fn pods(&self, app: &str) -> Result<Vec<Pod>> {
        let of_app = ListParams::default().labels(&format!("app={app}"));
        let mut pods = self.api::<Pod>().list(&of_app).await?.items;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        pods.sort_by_key(ResourceExt::name_any);
        Ok(pods)
    }

    /// Waits until the app has `count` pods, in whatever state.
    pub async fn pods_when(&self, app: &str, count: usize) -> Result<Vec<Pod>> {
        let look = async || {
            let pods = self.pods(app).await?;
            Ok(if pods.len() == count {
                Look::Found(pods)
            } else {
                Look::NotYet(format!("{} pods", pods.len()))
            })
        };
        let what = format!("{app} has {count} pods");
        await_condition(&what, Duration::from_secs(30), look).await
    }

    /// How many pods that `ReplicaSet` ever created, by its events.
    pub async fn pods_created_by(&self, set: &str) -> Result<usize> {
        let of_set = format!("reason=SuccessfulCreate,involvedObject.name={set}");
        let events = self
            .api::<Event>()
            .list(&ListParams::default().fields(&of_set))
            .await?;
        let counts = events.iter().map(|event| event.count.unwrap_or(1));
        Ok(usize::try_from(counts.sum::<i32>())?)
    }

    /// The Deployment of that name.
    pub async fn deployment(&self, name: &str) -> Result<Deployment> {
        Ok(self.api().get(name).await?)
    }

    /// The policy of that name.
    pub async fn policy(&self, name: &str) -> Result<HealingPolicy> {
        Ok(self.api().get(name).await?)
    }

    /// Waits until the only record here is so, and returns it.
    pub async fn record_when(
        &self,
        what: &str,
        seconds: u64,
        is_so: impl Fn(&HealingEvent) -> bool,
    ) -> Result<HealingEvent> {
        let look = async || {
            let records = self.records().await?;
            Ok(match records.as_slice() {
                [] => Look::NotYet("no record".to_owned()),
                [one] if is_so(one) => Look::Found(one.clone()),
                [one] => Look::NotYet(record::summary(one)),
                several => Look::Never(format!("{} records, wanted one", several.len())),
            })
        };
        await_condition(what, Duration::from_secs(seconds), look).await
    }

    /// Waits until the only record here is in that phase, and returns it.
    pub async fn record_in(&self, phase: &str, seconds: u64) -> Result<HealingEvent> {
        let what = format!("the record is {phase}");
        self.record_when(&what, seconds, |one| record::phase(one) == phase)
            .await
    }

    /// Waits until `count` pods of the app are ready, and returns them.
    pub async fn ready_pods(&self, app: &str, count: usize, seconds: u64) -> Result<Vec<Pod>> {
        let look = async || {
            let pods = self.pods(app).await?;
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            Ok(if ready == count && pods.len() == count {
                Look::Found(pods)
            } else {
                Look::NotYet(format!("{ready} of {} pods are ready", pods.len()))
            })
        };
        let what = format!("{count} pods of {app} are ready");
        await_condition(&what, Duration::from_secs(seconds), look).await
    }

    /// Waits until a container of the app was restarted so often.
    pub async fn restarted(&self, app: &str, restarts: i32, seconds: u64) -> Result<()> {
        let look = async || {
            let pods = self.pods(app).await?;
            let most = pods.iter().map(restart_count).max().unwrap_or(0);
            Ok(if most >= restarts {
                Look::Found(())
            } else {
                Look::NotYet(format!("{most} restarts"))
            })
        };
        let what = format!("a container of {app} was restarted {restarts} times");
        await_condition(&what, Duration::from_secs(seconds), look).await
    }

    /// Waits until the present revision of the Deployment carries the operator's mark that it proved itself.
    pub async fn proven(&self, deployment: &str, seconds: u64) -> Result<ReplicaSet> {
        let look = async || {
            let revision = self.current_revision(deployment).await?;
            let mark = revision
                .annotations()
                .get(kubemend_api::annotations::HEALTHY);
            Ok(match mark {
                Some(_) => Look::Found(revision),
                None => Look::NotYet(format!("{} has no mark", revision.name_any())),
            })
        };
        let what = format!("the revision of {deployment} proved itself");
        await_condition(&what, Duration::from_secs(seconds), look).await
    }

    /// Waits until the present revision of the `StatefulSet` or `DaemonSet` carries the operator's mark.
    pub async fn proven_revision(&self, owner: &str, seconds: u64) -> Result<ControllerRevision> {
        let look = async || {
            let revision = self.newest_revision(owner).await?;
            let mark = revision
                .annotations()
                .get(kubemend_api::annotations::HEALTHY);
            Ok(match mark {
                Some(_) => Look::Found(revision),
                None => Look::NotYet(format!("{} has no mark", revision.name_any())),
            })
        };
        let what = format!("the revision of {owner} proved itself");
        await_condition(&what, Duration::from_secs(seconds), look).await
    }

    /// The newest `ControllerRevision` of a `StatefulSet` or `DaemonSet`.
    pub async fn newest_revision(&self, owner: &str) -> Result<ControllerRevision> {
        let revisions: Vec<ControllerRevision> = self.all().await?;
        let own =
            |one: &ControllerRevision| one.owner_references().iter().any(|of| of.name == owner);
        revisions
            .into_iter()
            .filter(own)
            .max_by_key(|one| one.revision)
            .with_context(|| format!("{owner} has no ControllerRevision"))
    }

    /// The `ReplicaSet` with the Deployment's newest revision.
    pub async fn current_revision(&self, deployment: &str) -> Result<ReplicaSet> {
        let sets: Vec<ReplicaSet> = self.all().await?;
        sets.into_iter()
            .filter(|set| {
                set.owner_references()
                    .iter()
                    .any(|owner| owner.name == deployment)
            })
            .max_by_key(revision)
            .with_context(|| format!("{deployment} has no ReplicaSet"))
    }
}

/// The revision that the Deployment controller gave to a `ReplicaSet`.
pub fn revision(set: &ReplicaSet) -> u64 {
    let written = set.annotations().get("deployment.kubernetes.io/revision");
    written.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The pod's Ready condition.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .filter_map(|status| status.conditions.as_ref());
    conditions
        .flatten()
        .any(|one| one.type_ == "Ready" && one.status == "True")
}

/// How often the pod's containers were restarted.
pub fn restart_count(pod: &Pod) -> i32 {
    let containers = pod
        .status
        .iter()
        .filter_map(|status| status.container_statuses.as_ref());
    containers.flatten().map(|one| one.restart_count).sum()
}

/// The UIDs of these objects, in their order.
pub fn uids<K: Resource>(objects: &[K]) -> Vec<String> {
    objects
        .iter()
        .filter_map(|one| one.meta().uid.clone())
        .collect()
}

/// Who ever wrote a field of this object, as the API server remembers it.
pub fn writers<K: Resource>(object: &K) -> Vec<String> {
    let fields = object.meta().managed_fields.iter().flatten();
    fields.filter_map(|one| one.manager.clone()).collect()
}

/// Process, counter and time: no two runs on one cluster share a name.
fn unique() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{:x}-{:x}-{count:x}",
        std::process::id(),
        since_1970.as_millis() & 0xff_ffff
    )
}
