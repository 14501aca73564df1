//! From an HTTP request to what it asks for.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::Value;

use crate::{patch::PatchKind, refusal::Refusal, resources::Resource};

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

impl Verb {
    /// Does it change anything?
    pub fn writes(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Update | Self::Patch | Self::Delete
        )
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// A parsed request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of the client that sent it.
    pub client: Arc<str>,
    /// What it does.
    pub verb: Verb,
    /// What it is about.
    pub resource: &'static Resource,
    /// `status`, `scale` or `eviction`; else empty.
    pub subresource: String,
    /// Namespace; empty for all, and for kinds outside of namespaces.
    pub namespace: String,
    /// Name; empty for lists, watches and creates.
    pub name: String,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
    /// Body; null if there is none.
    pub body: Value,
    /// How a PATCH body is meant.
    pub patch: PatchKind,
}

impl Request {
    pub(crate) fn parse(
        client: Arc<str>,
        head: &http::request::Parts,
        body: &[u8],
    ) -> Result<Self, Refusal> {
        let target = Path::parse(head.uri.path())?;
        let query = parse_query(head.uri.query().unwrap_or_default());
        let flag = |name: &str| query.get(name).is_some_and(|v| v == "true" || v == "1");
        let verb = match (head.method.as_str(), target.name.is_empty()) {
            ("GET", _) if flag("watch") => Verb::Watch,
            ("GET", true) => Verb::List,
            ("GET", false) => Verb::Get,
            ("POST", _) if target.name.is_empty() != target.subresource.is_empty() => {
                return Err(Refusal::not_allowed());
            }
            ("POST", _) => Verb::Create,
            ("PUT", false) => Verb::Update,
            ("PATCH", false) => Verb::Patch,
            ("DELETE", false) => Verb::Delete,
            _ => return Err(Refusal::not_allowed()),
        };
        let body = match body {
            [] => Value::Null,
            text => serde_json::from_slice(text).map_err(|e| {
                Refusal::bad_request(format!("the body of the request is not JSON: {e}"))
            })?,
        };
        let content_type = head.headers.get(http::header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|h| h.to_str().ok())
            .unwrap_or_default();
        let patch = match (verb, PatchKind::from_content_type(content_type)) {
            (Verb::Patch, None) => {
                let message = format!("the media type {content_type:?} is not a patch");
                return Err(Refusal::new(415, "UnsupportedMediaType", message));
            }
            (_, kind) => kind.unwrap_or(PatchKind::Merge),
        };
        let Path {
            resource,
            subresource,
            namespace,
            name,
        } = target;
        Ok(Self {
            client,
            verb,
            resource,
            subresource,
            namespace,
            name,
            query,
            body,
            patch,
        })
    }

    /// A dry run touches nothing.
    pub fn dry_run(&self) -> bool {
        let listed = |value: &Value| value["dryRun"].as_array().is_some_and(|d| !d.is_empty());
        self.query.contains_key("dryRun")
            || (self.verb == Verb::Delete && listed(&self.body))
            || (self.subresource == "eviction" && listed(&self.body["deleteOptions"]))
    }
}

struct Path {
    resource: &'static Resource,
    subresource: String,
    namespace: String,
    name: String,
}

impl Path {
    fn parse(path: &str) -> Result<Self, Refusal> {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decode)
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Refusal::no_such_page()),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, plural, ..] if !matches!(*plural, "status" | "finalize") => {
                (*namespace, &rest[2..])
            }
            _ => ("", rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, "", ""),
            [plural, name] => (*plural, *name, ""),
            [plural, name, subresource] => (*plural, *name, *subresource),
            _ => return Err(Refusal::no_such_page()),
        };
        let resource =
            Resource::by_url(group, version, plural).ok_or_else(Refusal::no_such_page)?;
        let wrong_place = resource.namespaced && namespace.is_empty() && !name.is_empty();
        if wrong_place || !resource.namespaced && !namespace.is_empty() {
            return Err(Refusal::no_such_page());
        }
        let served = match subresource {
            "" => true,
            "status" => resource.status,
            "scale" => resource.scales(),
            "eviction" | "resize" => resource.plural == "pods",
            _ => false,
        };
        if !served {
            return Err(Refusal::no_such_page());
        }
        let [subresource, namespace, name] = [subresource, namespace, name].map(str::to_owned);
        Ok(Self {
            resource,
            subresource,
            namespace,
            name,
        })
    }
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| {
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
