//! Replaces a pod: evicted where a disruption budget covers it, else deleted; by its UID.

use kubemend_engine::Source;
use kubemend_engine::change::Await;
use kubemend_engine::episode::{Request as Wanted, Verb};
use kubemend_engine::facts::Name;
use kubemend_engine::facts::slim::SlimObject;
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde_json::json;

use super::{Answer, Hand, PAUSE, TRIES};

/// Sends the request, and looks for the pod where the answer does not tell. The UID makes a
/// second sending harmless: that very pod can go only once.
pub(super) async fn run(hand: &Hand<'_>, namespace: &str, wanted: &Wanted) -> Answer {
    let pod = Name::new(namespace, &wanted.name);
    let gone = || Answer::applied(Some(Await::PodGone(pod.clone(), wanted.uid.clone())));
    let mut unsure = None;
    for _ in 0..TRIES {
        if let Err(why) = hand.may_send() {
            return unsure.map_or_else(|| Answer::not_applied(why), Answer::unknown);
        }
        let Err(failure) = hand.send(request(&pod, wanted, hand.dry)).await else {
            return gone();
        };
        let refused = failure.certainly_not_applied();
        if refused && unsure.is_none() {
            let is_gone = matches!(failure, Failure::Conflict(_) | Failure::NotFound(_));
            return if is_gone && hand.rearmed {
                gone()
            } else {
                not_applied(&failure)
            };
        }
        if !refused {
            unsure = Some(failure.label());
        }
        match is_going(hand, &pod, &wanted.uid).await {
            Ok(true) => return gone(),
            Ok(false) if refused => break,
            Ok(false) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    Answer::unknown(unsure.unwrap_or("Unknown"))
}

fn request(pod: &Name, wanted: &Wanted, dry: bool) -> Request {
    let path = call::path(Source::Pods, pod);
    let preconditions = json!({"uid": &*wanted.uid});
    if wanted.verb == Verb::Evict {
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"namespace": &*pod.namespace, "name": &*pod.name},
            "deleteOptions": {"preconditions": preconditions},
        });
        return Request::create(&format!("{path}/eviction"), &eviction).dry(dry);
    }
    let mut options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions,
    });
    if dry {
        // A DELETE with a body ignores its query.
        options["dryRun"] = json!(["All"]);
    }
    Request::delete(&path, &options)
}

/// 409 is a UID that no longer stands there, as is 404.
fn not_applied(failure: &Failure) -> Answer {
    match failure {
        Failure::Conflict(_) | Failure::NotFound(_) => Answer::not_applied("Gone"),
        failure => Answer::refused(failure),
    }
}

/// The pod with that UID is gone or being deleted.
async fn is_going(hand: &Hand<'_>, pod: &Name, uid: &str) -> Result<bool, Failure> {
    match hand.send(Request::get(call::path(Source::Pods, pod))).await {
        Ok(json) => {
            let object: SlimObject = serde_json::from_slice(&json)
                .map_err(|error| Failure::Garbage(error.to_string()))?;
            let meta = object.metadata;
            Ok(meta.uid != uid || meta.deletion_timestamp.is_some())
        }
        Err(Failure::NotFound(_)) => Ok(true),
        Err(failure) => Err(failure),
    }
}
