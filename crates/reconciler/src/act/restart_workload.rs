//! Starts a rolling restart, if the workload still has the judged template and restart mark.

use kubemend_api::annotations;
use kubemend_engine::episode::Request as Wanted;
use kubemend_engine::facts::template;
use kubemend_engine::{Episode, Source};
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde_json::{Value, json};

use super::{Answer, Hand, Look, Sight, change, mark, parse, version};

/// What is judged: the workload's UID, its template, and when it was restarted before.
struct Restart<'a> {
    episode: &'a Episode,
    wanted: &'a Wanted,
    source: Source,
    path: String,
}

/// The template's restart mark, `from` → `to`.
pub(super) async fn run(hand: &Hand<'_>, episode: &Episode, wanted: &Wanted) -> Answer {
    let target = episode.target();
    let source = Source::of(target.kind);
    let path = call::path(source, &target.as_name());
    let judged = Restart {
        episode,
        wanted,
        source,
        path,
    };
    change(hand, source, judged).await
}

impl Look for Restart<'_> {
    async fn look(&self, hand: &Hand<'_>) -> Result<Sight, Failure> {
        let json = match hand.send(Request::get(&self.path)).await {
            Err(Failure::NotFound(_)) => return Ok(Sight::Changed("Gone")),
            answer => answer?,
        };
        let seen = parse(&json)?;
        let meta = &seen["metadata"];
        let of_template = seen
            .pointer("/spec/template/metadata")
            .unwrap_or(&Value::Null);
        let restarted = of_template["annotations"][annotations::RESTARTED_AT].as_str();
        let hash = template::hash(&seen["spec"]["template"]);
        let gone = meta["uid"] != *self.wanted.uid || !meta["deletionTimestamp"].is_null();
        Ok(if gone {
            Sight::Changed("Gone")
        } else if restarted.is_some() && restarted == self.wanted.to.as_deref() {
            Sight::There(version(self.source, &json))
        } else if seen["spec"]["paused"] == true {
            Sight::Changed("Paused")
        } else if hash == self.episode.hash() && restarted == self.wanted.from.as_deref() {
            let at = self.wanted.to.as_deref().unwrap_or_default();
            let patch = patch(meta, of_template, at, &self.episode.id.name);
            Sight::Judged(Request::json_patch(&self.path, &patch))
        } else {
            Sight::Changed("Changed")
        })
    }
}

fn patch(meta: &Value, of_template: &Value, at: &str, record: &str) -> Value {
    let test = |path: &str, value: &Value| json!({"op": "test", "path": path, "value": value});
    json!([
        test("/metadata/uid", &meta["uid"]),
        test("/metadata/resourceVersion", &meta["resourceVersion"]),
        mark(
            "/spec/template/metadata",
            of_template,
            annotations::RESTARTED_AT,
            at
        ),
        mark("/metadata", meta, annotations::HEALED_BY, record),
    ])
}
