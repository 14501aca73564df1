//! Events in a few words.

use kubemend_engine::facts::Name;
use serde::Deserialize;
use serde_json::json;

use super::objects::{self, millis, time};
use super::stage::Stage;

/// A Warning event about a pod, or about `Deployment/web`.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Told {
    pub about: String,
    pub reason: String,
    #[serde(default)]
    pub message: String,
    /// How often it came.
    #[serde(default = "once")]
    pub count: u32,
    /// How long ago it came first and last; absent: just now.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Which event it is; absent: the one of this object and reason.
    pub id: Option<String>,
    /// As an API server tells it that keeps `series` instead.
    #[serde(default)]
    pub series: bool,
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// The UID that it names, where it is another than the object's.
    pub uid: Option<String>,
}

fn once() -> u32 {
    1
}

/// Shows the event to the World. It is stored nowhere: a new process does not see it.
pub fn tell(stage: &mut Stage, told: &Told) {
    let (kind, name) = told.about.split_once('/').unwrap_or(("Pod", &told.about));
    let known = stage
        .store
        .get(&(objects::source(kind), Name::new("shop", name)));
    let uid = known.map_or("", |one| {
        one["metadata"]["uid"].as_str().unwrap_or_default()
    });
    let uid = told.uid.as_deref().unwrap_or(uid).to_owned();
    let ago = |text: &Option<String>| time(stage.now - text.as_deref().map_or(0, millis));
    let id = told
        .id
        .clone()
        .unwrap_or_else(|| format!("{name}.{}", told.reason));
    let mut event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "namespace": "shop", "name": id, "uid": id },
        "type": told.kind.as_deref().unwrap_or("Warning"), "reason": told.reason, "message": told.message,
        "involvedObject": { "kind": kind, "namespace": "shop", "name": name, "uid": uid },
    });
    if told.series {
        event["eventTime"] = json!(ago(&told.first));
        event["firstTimestamp"] = json!(null);
        event["series"] = json!({ "count": told.count, "lastObservedTime": ago(&told.last) });
    } else {
        event["count"] = json!(told.count);
        event["firstTimestamp"] = json!(ago(&told.first));
        event["lastTimestamp"] = json!(ago(&told.last));
        event["eventTime"] = json!(null);
    }
    stage.show(&event);
}
