//! A fake API server that fails on purpose, from a seed.
//!
//! It stands under `kube::Client` as a tower service, so the production code runs against it
//! unchanged. It lives in memory and on tokio's clock: with paused time, an hour takes
//! milliseconds, and the same seed gives the same run.
//!
//! ```
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::{Api, api::PostParams};
//! use kubemend_sim::{FaultKind, Matcher, Server, Settings, Verb};
//! use serde_json::{from_value, json};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new(Settings::default());
//! let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
//!
//! // The first create is applied, but its reply is lost.
//! server.fault(Matcher::any().verb(Verb::Create).nth(1), FaultKind::LostReply);
//! let map: ConfigMap = from_value(json!({"metadata": {"name": "colours"}}))?;
//! assert!(maps.create(&PostParams::default(), &map).await.is_err());
//!
//! // So the second attempt finds it there.
//! let again = maps.create(&PostParams::default(), &map).await;
//! assert!(matches!(again, Err(kube::Error::Api(status)) if status.reason == "AlreadyExists"));
//! assert_eq!(server.writes().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Clusters that move by themselves are in [`toy`]: Deployment and `StatefulSet` controllers, a
//! kubelet with the real crash loop's timing, and the arithmetic of disruption budgets.

mod answer;
mod clock;
mod connection;
mod evict;
mod fault;
mod hands;
mod metadata;
mod objects;
mod patch;
mod pulse;
mod read;
mod refusal;
mod request;
mod resize;
mod resources;
mod rng;
mod scale;
mod selector;
mod server;
pub mod toy;
mod trace;
mod watch;
mod write;

pub use answer::Answer;
pub use clock::{Clock, rfc3339};
pub use connection::Connection;
pub use fault::{FaultId, FaultKind, Matcher, Side, WatchFault};
pub use hands::Crash;
pub use objects::{Key, Objects, WriteEvent};
pub use patch::PatchKind;
pub use request::{Request, Verb};
pub use resources::{RESOURCES, Resource};
pub use rng::{Rng, hash};
pub use server::{Server, Settings};
pub use trace::Entry;
