//! Raises the memory limit of one container in its running pod, if it still has the judged one.

use kubemend_api::Memory;
use kubemend_engine::Source;
use kubemend_engine::episode::{Request as Wanted, Resize};
use kubemend_engine::facts::Name;
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde_json::{Value, json};

use super::{Answer, Hand, Look, Sight, change, parse, version};

/// What is judged: the pod's UID, and the container's limit before.
struct Limit<'a> {
    wanted: &'a Wanted,
    from: Resize,
    to: Resize,
    path: String,
}

/// The container's limit, `from` → `to`, through `pods/resize`.
pub(super) async fn run(hand: &Hand<'_>, namespace: &str, wanted: &Wanted) -> Answer {
    let limit = |text: &Option<_>| {
        let text: Option<&kubemend_engine::facts::Text> = text.as_ref();
        text.and_then(|text| Resize::parse(text))
    };
    let (Some(from), Some(to)) = (limit(&wanted.from), limit(&wanted.to)) else {
        return Answer::not_applied("Invalid");
    };
    let path = call::path(Source::Pods, &Name::new(namespace, &wanted.name));
    let judged = Limit {
        wanted,
        from,
        to,
        path,
    };
    change(hand, Source::Pods, judged).await
}

impl Look for Limit<'_> {
    async fn look(&self, hand: &Hand<'_>) -> Result<Sight, Failure> {
        let json = match hand.send(Request::get(&self.path)).await {
            Err(Failure::NotFound(_)) => return Ok(Sight::Changed("Gone")),
            answer => answer?,
        };
        let pod = parse(&json)?;
        let meta = &pod["metadata"];
        let list = if self.to.sidecar {
            "initContainers"
        } else {
            "containers"
        };
        let named = |one: &Value| one["name"] == *self.to.container;
        let containers = pod["spec"][list].as_array();
        let place = containers.and_then(|all| all.iter().position(named));
        let container = place.map_or(&Value::Null, |place| &pod["spec"][list][place]);
        let limit = &container["resources"]["limits"]["memory"];
        let now = limit.as_str().and_then(Memory::quantity);
        Ok(
            if meta["uid"] != *self.wanted.uid || !meta["deletionTimestamp"].is_null() {
                Sight::Changed("Gone")
            } else if now == Some(self.to.limit) {
                Sight::There(version(Source::Pods, &json))
            } else if now != Some(self.from.limit) {
                Sight::Changed("Changed")
            } else if pod["spec"]["resources"]["limits"]["memory"].is_string() {
                Sight::Changed("PodLevelResources")
            } else if let Some(why) = kubelet(hand, &pod).await? {
                Sight::Changed(why)
            } else {
                let container = format!("/spec/{list}/{}", place.unwrap_or_default());
                let patch = self.patch(&container, limit);
                Sight::Judged(Request::json_patch(
                    &format!("{}/resize", self.path),
                    &patch,
                ))
            },
        )
    }
}

impl Limit<'_> {
    /// It tests exactly what was judged: the status of a pod that keeps being killed moves all the time.
    fn patch(&self, container: &str, limit: &Value) -> Value {
        let memory = |part: &str| format!("{container}/resources/{part}/memory");
        let to = self.to.limit.to_string();
        let mut steps = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": &*self.wanted.uid}),
            json!({"op": "test", "path": format!("{container}/name"), "value": &*self.to.container}),
            json!({"op": "test", "path": memory("limits"), "value": limit}),
            json!({"op": "replace", "path": memory("limits"), "value": to}),
        ];
        if self.to.guaranteed {
            steps.push(json!({"op": "replace", "path": memory("requests"), "value": to}));
        }
        Value::Array(steps)
    }
}

/// Why the pod's kubelet must not be asked, if it must not.
async fn kubelet(hand: &Hand<'_>, pod: &Value) -> Result<Option<&'static str>, Failure> {
    let Some(node) = pod["spec"]["nodeName"].as_str() else {
        return Ok(Some("KubeletUnknown"));
    };
    let json = match hand
        .send(Request::get(format!("/api/v1/nodes/{node}")))
        .await
    {
        Err(Failure::NotFound(_) | Failure::Forbidden(_)) => return Ok(Some("KubeletUnknown")),
        answer => answer?,
    };
    let version = parse(&json)?;
    let version = version["status"]["nodeInfo"]["kubeletVersion"].as_str();
    Ok(match version.and_then(resizes_the_starved) {
        Some(true) => None,
        Some(false) => Some("KubeletTooOld"),
        None => Some("KubeletUnknown"),
    })
}

/// Whether a kubelet of this version raises the pod's own limit too where a killed container waits for its restart;
/// before, it raised the container's alone. `None` for what is no version.
/// <https://github.com/kubernetes/kubernetes/issues/138760>
fn resizes_the_starved(version: &str) -> Option<bool> {
    let plain = version.strip_prefix('v')?;
    // A pre-release may be older than the fix; what vendors append is none.
    if ["-alpha", "-beta", "-rc"]
        .iter()
        .any(|mark| plain.contains(mark))
    {
        return None;
    }
    let end = plain.find(|c: char| c != '.' && !c.is_ascii_digit());
    let mut numbers = plain[..end.unwrap_or(plain.len())].split('.');
    let mut number = || numbers.next()?.parse::<u32>().ok();
    let version = (number()?, number()?, number()?);
    Some(version >= (1, 36, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubelet_with_the_bug_is_not_asked() {
        for version in [
            "v1.37.0",
            "v1.37.2",
            "v1.36.4",
            "v1.36.4-gke.100",
            "v1.38.1+k3s1",
            "v2.0.0",
        ] {
            assert_eq!(resizes_the_starved(version), Some(true), "{version}");
        }
        for version in ["v1.36.3", "v1.35.9", "v1.34.7-eks-1", "v1.30.0"] {
            assert_eq!(resizes_the_starved(version), Some(false), "{version}");
        }
        for version in ["v1.37.0-alpha.1", "v1.37", "", "v", "1.37.0", "fake"] {
            assert_eq!(resizes_the_starved(version), None, "{version}");
        }
    }
}
