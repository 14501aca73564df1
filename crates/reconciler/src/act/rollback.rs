//! Puts the pod template of an earlier revision back, if the workload still has the judged one.

use kubemend_api::annotations;
use kubemend_engine::episode::Request as Wanted;
use kubemend_engine::facts::{Name, template};
use kubemend_engine::{Episode, Source};
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde_json::{Value, json};

use super::{Answer, Hand, Look, Sight, change, mark, parse, version};

/// What is judged: the named revision, and the hash and UID of the workload before.
struct Template<'a> {
    episode: &'a Episode,
    wanted: &'a Wanted,
    source: Source,
    path: String,
}

/// The named revision's template, hash `from` → hash `to`.
pub(super) async fn run(hand: &Hand<'_>, episode: &Episode, wanted: &Wanted) -> Answer {
    let target = episode.target();
    let source = Source::of(target.kind);
    let path = call::path(source, &target.as_name());
    change(
        hand,
        source,
        Template {
            episode,
            wanted,
            source,
            path,
        },
    )
    .await
}

impl Look for Template<'_> {
    async fn look(&self, hand: &Hand<'_>) -> Result<Sight, Failure> {
        let Some(template) = revision(hand, self.episode, self.wanted).await? else {
            return Ok(Sight::Changed("RevisionGone"));
        };
        let json = match hand.send(Request::get(&self.path)).await {
            Err(Failure::NotFound(_)) => return Ok(Sight::Changed("Gone")),
            answer => answer?,
        };
        let seen = parse(&json)?;
        let hash = template::hash(&seen["spec"]["template"]);
        let meta = &seen["metadata"];
        Ok(
            if meta["uid"] != self.episode.spec.target.uid || !meta["deletionTimestamp"].is_null() {
                Sight::Changed("Gone")
            } else if Some(hash.as_str()) == self.wanted.to.as_deref() {
                Sight::There(version(self.source, &json))
            } else if seen["spec"]["paused"] == true {
                Sight::Changed("Paused")
            } else if Some(hash.as_str()) == self.wanted.from.as_deref() {
                let patch = patch(meta, &template, &self.episode.id.name);
                Sight::Judged(Request::json_patch(&self.path, &patch))
            } else {
                Sight::Changed("Changed")
            },
        )
    }
}

/// The template of the revision to return to; `None` where it is no longer what was judged.
async fn revision(
    hand: &Hand<'_>,
    episode: &Episode,
    wanted: &Wanted,
) -> Result<Option<Value>, Failure> {
    let name = Name::new(&episode.id.namespace, &wanted.name);
    let kind = episode.target().kind;
    let path = call::path(Source::of_revisions(kind), &name);
    let json = match hand.send(Request::get(path)).await {
        Err(Failure::NotFound(_)) => return Ok(None),
        answer => answer?,
    };
    let mut seen = parse(&json)?;
    // Never by index: that panics where an answer holds a list instead of a map.
    let found = seen.pointer_mut(template::pointer(kind)).map(Value::take);
    let found = found.unwrap_or_default();
    let same = seen["metadata"]["uid"] == *wanted.uid
        && Some(template::hash(&found).as_str()) == wanted.to.as_deref();
    Ok(same.then(|| template::as_released(found)))
}

fn patch(meta: &Value, template: &Value, record: &str) -> Value {
    let test = |path: &str, value: &Value| json!({"op": "test", "path": path, "value": value});
    json!([
        test("/metadata/uid", &meta["uid"]),
        test("/metadata/resourceVersion", &meta["resourceVersion"]),
        {"op": "replace", "path": "/spec/template", "value": template},
        mark("/metadata", meta, annotations::HEALED_BY, record),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_returns_as_it_was_released() {
        let template = json!({
            "metadata": {"creationTimestamp": null, "labels": {"app": "web", "pod-template-hash": "x"},
                "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
            "spec": {"containers": []}, "$patch": "replace",
        });
        let before = template::hash(&template);
        let released = template::as_released(template);
        assert_eq!(
            released,
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}})
        );
        assert_eq!(template::hash(&released), before);
    }

    #[test]
    fn the_mark_fits_objects_with_and_without_annotations() {
        let bare = patch(
            &json!({"uid": "u", "resourceVersion": "1"}),
            &json!({}),
            "web-1",
        );
        assert_eq!(bare[3]["path"], "/metadata/annotations");
        let marked = patch(&json!({"annotations": {"a": "b"}}), &json!({}), "web-1");
        assert_eq!(
            marked[3]["path"],
            "/metadata/annotations/kubemend.io~1healed-by"
        );
    }
}
