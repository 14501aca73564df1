//! One object: whose it is, its name, and everything that is wrong with it.

use super::schema::Kinds;
use super::yaml::{Node, Shape};
use super::{Problem, compile, rules};

/// What came of an object.
pub(super) enum Outcome {
    /// One of ours, or meant to be one.
    Ours { problems: Vec<Problem> },
    /// Something that other programs read.
    Foreign { what: String },
}

/// The objects of a document: the items of a list, or the document itself.
pub(super) fn items(document: &Node) -> &[Node] {
    let is_list = text(document, "kind").is_some_and(|kind| kind.ends_with("List"));
    match document.get("items") {
        Some(items) if is_list => items.items(),
        _ => std::slice::from_ref(document),
    }
}

/// `HealingPolicy/checkout`, as far as it is known.
pub(super) fn name(object: &Node) -> String {
    let kind = text(object, "kind").unwrap_or("object");
    let metadata = object.get("metadata");
    let name =
        metadata.and_then(|metadata| text(metadata, "name").or(text(metadata, "generateName")));
    format!("{kind}/{}", name.unwrap_or("?"))
}

/// Judges one object as the API server would.
pub(super) fn check(kinds: &Kinds, object: &Node) -> Outcome {
    let Shape::Map(_) = object.shape else {
        let problem = Problem::error(
            object.line,
            "",
            "this is no object; begin with apiVersion and kind",
        );
        return Outcome::Ours {
            problems: vec![problem],
        };
    };
    let (version, kind) = (text(object, "apiVersion"), text(object, "kind"));
    let group = version.and_then(|version| version.split('/').next());
    let (Some(version), Some(kind)) = (version, kind) else {
        let problem = Problem::error(object.line, "", "apiVersion and kind are required");
        return Outcome::Ours {
            problems: vec![problem],
        };
    };
    if group != Some(kubemend_api::GROUP) {
        return Outcome::Foreign {
            what: format!("{version} {}", name(object)),
        };
    }
    let at = |field: &str| object.get(field).map_or(object.line, |node| node.line);
    if version != kubemend_api::API_VERSION {
        let message = format!("{} is the only version", kubemend_api::API_VERSION);
        let problem = Problem::error(at("apiVersion"), "apiVersion", message);
        return Outcome::Ours {
            problems: vec![problem],
        };
    }
    let Some(schema) = kinds.schema(kind) else {
        let message = format!("unknown kind{}", rules::did_you_mean(kind, kinds.names()));
        return Outcome::Ours {
            problems: vec![Problem::error(at("kind"), "kind", message)],
        };
    };
    let mut problems = metadata(kinds, object);
    schema.judge("", object, &mut problems);
    if problems.iter().all(|problem| problem.warning) {
        problems.extend(compile(kind, object));
    }
    problems.sort_by_key(|problem| problem.line);
    Outcome::Ours { problems }
}

/// What the API server itself demands of metadata, as far as a person writes it.
fn metadata(kinds: &Kinds, object: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(metadata) = object.get("metadata") else {
        return vec![Problem::error(object.line, "metadata", "Required value")];
    };
    if metadata
        .get("name")
        .or(metadata.get("generateName"))
        .is_none()
    {
        problems.push(Problem::error(
            metadata.line,
            "metadata.name",
            "Required value",
        ));
    }
    kinds.metadata().judge("metadata", metadata, &mut problems);
    problems
}

fn text<'a>(node: &'a Node, field: &str) -> Option<&'a str> {
    node.get(field).and_then(Node::text)
}
