//! The four kinds of patch.

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// What a PATCH body means, from its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 7396.
    Merge,
    /// RFC 6902.
    Json,
    /// A merge in which lists of named items merge by name.
    Strategic,
    /// Server-side apply, without ownership: a strategic merge that creates what is absent.
    Apply,
}

impl PatchKind {
    pub(crate) fn from_content_type(header: &str) -> Option<Self> {
        match header.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Some(Self::Merge),
            "application/json-patch+json" => Some(Self::Json),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+json" => Some(Self::Apply),
            _ => None,
        }
    }

    /// The object after the patch.
    pub(crate) fn apply(self, old: &Value, patch: &Value) -> Result<Value, Refusal> {
        let mut new = old.clone();
        match self {
            Self::Merge => json_patch::merge(&mut new, patch),
            Self::Strategic | Self::Apply => strategic(&mut new, patch),
            Self::Json => {
                let steps: json_patch::Patch = serde_json::from_value(patch.clone())
                    .map_err(|e| Refusal::bad_request(format!("error decoding patch: {e}")))?;
                json_patch::patch(&mut new, &steps).map_err(|_| Refusal::patch_failed())?;
            }
        }
        Ok(new)
    }
}

fn strategic(target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) => {
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            for (key, value) in fields {
                if value.is_null() {
                    target
                        .as_object_mut()
                        .expect("made an object above")
                        .remove(key);
                } else {
                    strategic(&mut target[key.as_str()], value);
                }
            }
        }
        Value::Array(items) if named(items) && target.as_array().is_some_and(|t| named(t)) => {
            let list = target.as_array_mut().expect("checked by the guard");
            for item in items {
                match list.iter_mut().find(|one| one["name"] == item["name"]) {
                    Some(one) => strategic(one, item),
                    None => list.push(item.clone()),
                }
            }
        }
        other => *target = other.clone(),
    }
}

fn named(items: &[Value]) -> bool {
    items.iter().all(|item| item["name"].is_string())
}
