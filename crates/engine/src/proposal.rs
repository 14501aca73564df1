//! What to change where somebody else keeps the template: the difference between two pod templates as a strategic
//! merge patch, which `kubectl patch` and kustomize take.

use serde_json::{Map, Value, json};

use crate::facts::Text;
use crate::facts::template;

/// A return to an earlier template that is not this operator's to write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Proposal {
    /// The step that was passed over.
    pub step: Text,
    /// The revision to return to, and its UID.
    pub revision: Text,
    pub uid: Text,
    /// The template's hash now, and that of the revision.
    pub from: Text,
    pub to: Text,
    /// The patch as JSON, once it was read.
    pub patch: Option<String>,
    /// What the patch does not say.
    pub left_out: Vec<String>,
}

impl Proposal {
    /// It speaks of the same two templates.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.uid, &self.from, &self.to) == (&other.uid, &other.from, &other.to)
    }
}

/// Whether a patch may show the values that a template gives to variables itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literals {
    /// For somebody who can read both templates.
    Shown,
    /// For the record, which others read too: such a value may be a password.
    LeftOut,
}

/// What turns one template into another.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The patch of the workload; `None` where it would be too long.
    pub patch: Option<Value>,
    /// What it does not say.
    pub left_out: Vec<String>,
}

/// A patch in a record is no longer than this: a release that changes half of a template of 30 kB, which is a large
/// one. Records share etcd's 1.5 MB per object with up to 100 attempts of ten requests, some 300 kB.
pub const PATCH_MAX: usize = 16 * 1024;

/// A record names so many things that are left out, of so many characters.
const LEFT_OUT_MAX: usize = 20;
const WORD_MAX: usize = 200;

/// Lists that a strategic merge patch merges by the name of their elements.
const BY_NAME: [&str; 6] = [
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
    "env",
    "imagePullSecrets",
];

/// Lists that it merges by other keys, on which kubectl and kustomize do not always agree: they are written whole.
const BY_OTHER: [&str; 7] = [
    "ports",
    "volumeMounts",
    "volumeDevices",
    "hostAliases",
    "topologySpreadConstraints",
    "schedulingGates",
    "resourceClaims",
];

/// The patch of a workload that turns the template `from` into `to`. What the controllers of Kubernetes and restarts
/// add to a template counts for nothing.
pub fn between(from: &Value, to: &Value, literals: Literals) -> Difference {
    let (from, to) = (
        template::as_released(from.clone()),
        template::as_released(to.clone()),
    );
    let mut walk = Walk {
        literals,
        path: Vec::new(),
        left_out: Vec::new(),
    };
    let template = walk.value(&from, &to).unwrap_or_else(|| json!({}));
    walk.left_out.truncate(LEFT_OUT_MAX);
    Difference {
        patch: Some(of_workload(&template)),
        left_out: walk.left_out,
    }
}

/// The same for a record: without literal values, and no longer than its bound. Images come first: where the whole is
/// too long, they alone are kept.
pub fn for_record(from: &Value, to: &Value) -> Difference {
    let fits = |patch: &Value| patch.to_string().len() <= PATCH_MAX;
    let whole = between(from, to, Literals::LeftOut);
    if whole.patch.as_ref().is_some_and(fits) {
        return whole;
    }
    let images = of_workload(&json!({ "spec": images(&from["spec"], &to["spec"]) }));
    Difference {
        patch: Some(images).filter(fits),
        left_out: vec!["everything but the images".to_owned()],
    }
}

fn of_workload(template: &Value) -> Value {
    json!({ "spec": { "template": template } })
}

/// The containers whose image differs, by name.
fn images(from: &Value, to: &Value) -> Value {
    let mut spec = Map::new();
    for list in ["initContainers", "containers"] {
        let images = |spec: &Value| -> Vec<(Value, Value)> {
            let all = spec[list].as_array().into_iter().flatten();
            all.map(|one| (one["name"].clone(), one["image"].clone()))
                .collect()
        };
        let before = images(from);
        let changed = images(to).into_iter().filter(|(name, image)| {
            before
                .iter()
                .any(|(own, other)| own == name && other != image)
        });
        let changed: Vec<Value> = changed
            .map(|(name, image)| json!({ "name": name, "image": image }))
            .collect();
        if !changed.is_empty() {
            spec.insert(list.to_owned(), Value::Array(changed));
        }
    }
    Value::Object(spec)
}

struct Walk {
    literals: Literals,
    path: Vec<String>,
    left_out: Vec<String>,
}

impl Walk {
    /// What is to be written over `from` so that it becomes `to`; `None` where nothing is.
    fn value(&mut self, from: &Value, to: &Value) -> Option<Value> {
        match (from, to) {
            _ if from == to => None,
            (Value::Object(from), Value::Object(to)) => self.object(from, to),
            (Value::Array(from), Value::Array(to)) => self.list(from, to),
            _ => self.whole(to.clone()),
        }
    }

    fn object(&mut self, from: &Map<String, Value>, to: &Map<String, Value>) -> Option<Value> {
        let mut patch = Map::new();
        for (key, new) in to {
            self.path.push(key.clone());
            let changed = match from.get(key) {
                Some(old) => self.value(old, new),
                None => self.whole(new.clone()),
            };
            self.path.pop();
            if let Some(changed) = changed {
                patch.insert(key.clone(), changed);
            }
        }
        let gone = from.keys().filter(|key| !to.contains_key(*key));
        patch.extend(gone.map(|key| (key.clone(), Value::Null)));
        (!patch.is_empty()).then_some(Value::Object(patch))
    }

    /// Lists that are merged by name get their changed elements only, as long as none is new: where a new one would
    /// stand, kubectl and kustomize do not agree.
    fn list(&mut self, from: &[Value], to: &[Value]) -> Option<Value> {
        let key = self.path.last().map_or("", String::as_str);
        if BY_NAME.contains(&key)
            && let (Some(old), Some(new)) = (names(from), names(to))
            && is_part(&new, &old)
        {
            return self.by_name(from, to);
        }
        let mut whole = Vec::new();
        if BY_NAME.contains(&key) || BY_OTHER.contains(&key) {
            whole.push(json!({ "$patch": "replace" }));
        }
        whole.extend(to.iter().cloned());
        self.whole(Value::Array(whole))
    }

    fn by_name(&mut self, from: &[Value], to: &[Value]) -> Option<Value> {
        let mut patch = Vec::new();
        let key = self.path.pop().unwrap_or_default();
        for old in from {
            let name = &old["name"];
            let Some(new) = to.iter().find(|one| one["name"] == *name) else {
                patch.push(json!({ "$patch": "delete", "name": name }));
                continue;
            };
            self.path
                .push(format!("{key}[{}]", name.as_str().unwrap_or_default()));
            let changed = self.value(old, new);
            self.path.pop();
            if let Some(Value::Object(mut changed)) = changed {
                changed.insert("name".to_owned(), name.clone());
                patch.push(Value::Object(changed));
            }
        }
        // The elements of `env` are its literals; those of other lists were looked through on the way.
        let is_env = key == "env";
        self.path.push(key);
        match Value::Array(patch) {
            Value::Array(none) if none.is_empty() => None,
            patch if is_env => self.whole(patch),
            patch => Some(patch),
        }
    }

    /// Something that is written as it is, unless it holds what may not be shown.
    fn whole(&mut self, value: Value) -> Option<Value> {
        let is_env = self.path.last().is_some_and(|key| key == "env");
        let hides = if is_env {
            gives_values(&value)
        } else {
            holds_literals(&value)
        };
        if self.literals == Literals::LeftOut && hides {
            let path: String = self.path.join(".").chars().take(WORD_MAX).collect();
            self.left_out.push(path);
            return None;
        }
        Some(value)
    }
}

/// The names of a list's elements, if each has one of its own.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    let names: Option<Vec<&str>> = list.iter().map(|one| one["name"].as_str()).collect();
    names.filter(|names| {
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.windows(2).all(|two| two[0] != two[1])
    })
}

/// The first list is the second one with some left out, in the same order.
fn is_part(part: &[&str], whole: &[&str]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|one| rest.any(|other| other == one))
}

/// A list of variables of which one has its value written beside its name.
fn gives_values(env: &Value) -> bool {
    let variables = env.as_array().into_iter().flatten();
    variables
        .into_iter()
        .any(|one| one["value"].as_str().is_some_and(|value| !value.is_empty()))
}

/// The same anywhere in a value; a template is at most some ten levels deep, and the parser admits 128.
fn holds_literals(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(key, one)| (key == "env" && gives_values(one)) || holds_literals(one)),
        Value::Array(items) => items.iter().any(holds_literals),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
