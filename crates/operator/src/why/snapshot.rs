//! What the answer is made from: one read of everything that concerns one namespace.

use std::fmt;
use std::time::Duration;

use kube::Client;
use kubemend_api::{CONFIG_NAME, HealingConfig, HealingConfigSpec, Mode};
use kubemend_engine::change::{self, Change, Object};
use kubemend_engine::facts::Name;
use kubemend_engine::{Episode, Source, World};
use kubemend_reconciler::Clock;
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A person waits for the answer.
const WITHIN: Duration = Duration::from_secs(30);
/// A namespace of 10,000 pods is about 60 MB.
const LIST_MAX: usize = 256 << 20;

/// Without these nothing can be said.
const ESSENTIAL: [Source; 7] = [
    Source::Pods,
    Source::Deployments,
    Source::StatefulSets,
    Source::DaemonSets,
    Source::ReplicaSets,
    Source::ControllerRevisions,
    Source::Policies,
];

/// Everything that could be read, and why the rest could not.
pub(super) struct Snapshot {
    changes: Vec<(Source, Vec<Change>)>,
    failures: Vec<(Source, Failure)>,
    /// What could not be read.
    pub(super) unread: Vec<Source>,
}

/// Why there is no answer.
pub(super) enum Unknown {
    /// The cluster does not know one of our kinds.
    NoCrds(Source),
    /// An essential source could not be read.
    Unread(Source, Failure),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCrds(source) => write!(
                f,
                "CRDs missing: the cluster does not serve {}; install them: kubectl apply -k crds",
                source.path()
            ),
            Self::Unread(source, Failure::Forbidden(why)) => {
                write!(f, "no rights: list {}: {why}", source.plural())
            }
            Self::Unread(source, failure) => {
                write!(f, "cannot tell: list {}: {failure}", source.plural())
            }
        }
    }
}

#[derive(Deserialize)]
struct Items<'a> {
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

impl Snapshot {
    /// Reads everything that concerns the namespace. What may not be read over the whole cluster
    /// is read in the namespace.
    pub(super) async fn read(client: &Client, namespace: &str) -> Result<Self, Unknown> {
        let mut snapshot = Self {
            changes: Vec::new(),
            failures: Vec::new(),
            unread: Vec::new(),
        };
        for source in Source::ALL {
            match list(client, source, namespace).await {
                Ok((changes, partly)) => {
                    snapshot.changes.push((source, changes));
                    snapshot
                        .failures
                        .extend(partly.map(|failure| (source, failure)));
                }
                // What the cluster does not know, it has none of.
                Err(Failure::NotFound(_)) if source.is_optional() => {
                    snapshot.changes.push((source, Vec::new()));
                }
                Err(Failure::NotFound(_)) if source.resource().0 == kubemend_api::GROUP => {
                    return Err(Unknown::NoCrds(source));
                }
                Err(failure) if ESSENTIAL.contains(&source) => {
                    return Err(Unknown::Unread(source, failure));
                }
                Err(failure) => {
                    snapshot.unread.push(source);
                    snapshot.failures.push((source, failure));
                    snapshot.changes.push((source, instead(source)));
                }
            }
        }
        Ok(snapshot)
    }

    /// What is not known for want of rights.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |(source, failure): &(Source, Failure)| super::note(*source, failure);
        self.failures.iter().map(note).collect()
    }

    /// A record that was read.
    pub(super) fn record(&self, namespace: &str, name: &str) -> Option<&Episode> {
        let id = Name::new(namespace, name);
        self.changes
            .iter()
            .flat_map(|(_, changes)| changes)
            .find_map(|change| match change {
                Change::Object(object) => match &**object {
                    Object::Record(episode) if episode.id == id => Some(&**episode),
                    _ => None,
                },
                _ => None,
            })
    }

    /// Puts it all into a World, as complete as it is.
    pub(super) fn fill(self, world: &mut World, clock: &Clock) {
        for (source, changes) in self.changes {
            world.apply(Change::ListBegins(source), clock.now());
            for change in changes {
                world.apply(change, clock.now());
            }
            let ends = Change::ListEnds {
                source,
                version: "".into(),
                at: clock.now(),
            };
            world.apply(ends, clock.now());
        }
    }
}

/// Where `HealingConfig` may not be read, it is taken for one that permits: what it forbids is then
/// the note's matter, and everything else can still be told.
fn instead(source: Source) -> Vec<Change> {
    if source != Source::Config {
        return Vec::new();
    }
    let spec = HealingConfigSpec {
        mode_ceiling: Mode::Enforce,
        ..HealingConfigSpec::default()
    };
    let config = HealingConfig::new(CONFIG_NAME, spec);
    vec![Change::Object(Box::new(Object::Config(Box::new(config))))]
}

/// One source, and the failure where it could be read in part only.
async fn list(
    client: &Client,
    source: Source,
    namespace: &str,
) -> Result<(Vec<Change>, Option<Failure>), Failure> {
    let everywhere = source.path();
    let (root, plural) = everywhere.rsplit_once('/').unwrap_or_default();
    let here = format!("{root}/namespaces/{namespace}/{plural}");
    match source {
        Source::Namespaces => {
            let bytes = get(client, &format!("{everywhere}/{namespace}")).await?;
            Ok((vec![decode(source, &bytes)?], None))
        }
        Source::Config | Source::Nodes | Source::ClusterPolicies | Source::ClusterStrategies => {
            Ok((items(client, source, &everywhere).await?, None))
        }
        // Budgets are counted over the whole cluster.
        Source::Records => match items(client, source, &everywhere).await {
            Err(failure @ Failure::Forbidden(_)) => {
                Ok((items(client, source, &here).await?, Some(failure)))
            }
            other => Ok((other?, None)),
        },
        _ => {
            let path = match source.selector() {
                Some(selector) => format!("{here}?{selector}"),
                None => here,
            };
            Ok((items(client, source, &path).await?, None))
        }
    }
}

async fn items(client: &Client, source: Source, path: &str) -> Result<Vec<Change>, Failure> {
    let bytes = get(client, path).await?;
    let list: Items = serde_json::from_slice(&bytes).map_err(|error| garbage(&error))?;
    list.items
        .unwrap_or_default()
        .iter()
        .map(|item| decode(source, item.get().as_bytes()))
        .collect()
}

async fn get(client: &Client, path: &str) -> Result<Vec<u8>, Failure> {
    Ok(call::read(client, Request::get(path), WITHIN, LIST_MAX)
        .await?
        .to_vec())
}

fn decode(source: Source, json: &[u8]) -> Result<Change, Failure> {
    change::read(source, json).map_err(|error| garbage(&error))
}

fn garbage(error: &serde_json::Error) -> Failure {
    Failure::Garbage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubemend_sim::{FaultKind, Matcher, Server, Settings};
    use serde_json::json;

    async fn read(
        refuse: &[(&str, Option<&str>, u16, &str)],
    ) -> (Server, Result<Snapshot, Unknown>) {
        let server = Server::new(Settings::default());
        server.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
        for (plural, namespace, code, reason) in refuse {
            let which = Matcher::any().resource(plural);
            let which = match namespace {
                Some(namespace) => which.namespace(namespace),
                None => which,
            };
            server.fault(which, FaultKind::status(*code, reason));
        }
        let snapshot = Snapshot::read(&server.client(), "shop").await;
        (server, snapshot)
    }

    #[tokio::test(start_paused = true)]
    async fn missing_crds_and_missing_rights_are_told_apart() {
        let (_, snapshot) = read(&[("healingevents", None, 404, "NotFound")]).await;
        let answer = snapshot.err().unwrap().to_string();
        assert!(
            answer.starts_with("CRDs missing:") && answer.contains("healingevents"),
            "{answer}"
        );
        let (_, snapshot) = read(&[("pods", None, 403, "Forbidden")]).await;
        let answer = snapshot.err().unwrap().to_string();
        assert!(answer.starts_with("no rights: list pods"), "{answer}");
        let (_, snapshot) = read(&[("pods", None, 500, "InternalError")]).await;
        let answer = snapshot.err().unwrap().to_string();
        assert!(answer.starts_with("cannot tell: list pods"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_tenant_may_not_read_becomes_a_note() {
        let refuse = [
            ("healingconfigs", None, 403, "Forbidden"),
            ("namespaces", None, 403, "Forbidden"),
        ];
        let (_, snapshot) = read(&refuse).await;
        let snapshot = snapshot.unwrap_or_else(|unknown| panic!("{unknown}"));
        let notes = snapshot.notes().join("\n");
        assert!(
            notes.contains("cannot tell whether the cluster is paused or capped"),
            "{notes}"
        );
        assert!(
            notes.contains("cannot tell whether the namespace lowers the mode"),
            "{notes}"
        );
        assert_eq!(snapshot.unread, [Source::Config, Source::Namespaces]);
    }
}
