//! What a request asks for, in the words of RBAC, and the same request for one namespace alone.

use http::{Method, Uri};

/// A request, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// As RBAC spells it, such as `patch`.
    pub verb: &'static str,
    /// Plural and subresource, such as `healingevents/status`.
    pub resource: String,
    /// The namespace; empty over all of them.
    pub namespace: String,
    /// The object's name; empty for collections.
    pub name: String,
    path: String,
    query: String,
}

impl Asked {
    /// Takes a request apart.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let parts: Vec<&str> = uri
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let rest = match parts.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
            _ => &[],
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let part = |at: usize| rest.get(at).copied().unwrap_or_default();
        let resource = match part(2) {
            "" => part(0).to_owned(),
            subresource => format!("{}/{subresource}", part(0)),
        };
        let query = uri.query().unwrap_or_default();
        let verb = match *method {
            Method::GET if query.contains("watch=true") => "watch",
            Method::GET if part(1).is_empty() => "list",
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "other",
        };
        Self {
            verb,
            resource,
            namespace: namespace.to_owned(),
            name: part(1).to_owned(),
            path: uri.path().to_owned(),
            query: query.to_owned(),
        }
    }

    /// Verb and resource as one word pair, such as `create pods/eviction`.
    pub fn what(&self) -> String {
        format!("{} {}", self.verb, self.resource)
    }

    /// Does it change anything?
    pub fn writes(&self) -> bool {
        matches!(self.verb, "create" | "update" | "patch" | "delete")
    }

    /// Is it about the election?
    pub fn is_lease(&self) -> bool {
        self.resource == "leases"
    }

    /// The value of a query parameter; empty where it is not given.
    pub fn parameter(&self, name: &str) -> &str {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .next()
            .unwrap_or_default()
    }

    /// The path and query by which the API server shows nothing but one namespace's objects, so that
    /// operators of several runs never see one another's.
    pub fn within(&self, namespace: &str) -> String {
        let collection = matches!(self.verb, "list" | "watch") && self.namespace.is_empty();
        let (path, query) = (&self.path, &self.query);
        match self.resource.as_str() {
            "namespaces" | "clusterhealingpolicies" if collection => {
                format!("{path}?{query}&fieldSelector=metadata.name%3D{namespace}")
            }
            "healingconfigs" | "clusterrecoverystrategies" | "nodes" | "" => self.whole(),
            resource if collection => {
                let start = path.trim_end_matches(resource);
                format!("{start}namespaces/{namespace}/{resource}?{query}")
            }
            _ => self.whole(),
        }
    }

    fn whole(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &Method, uri: &'static str) -> Asked {
        Asked::of(method, &Uri::from_static(uri))
    }

    #[test]
    fn a_collection_is_narrowed_to_a_namespace() {
        let pods = asked(&Method::GET, "/api/v1/pods?limit=500");
        assert_eq!(pods.within("a"), "/api/v1/namespaces/a/pods?limit=500");
        let policies = asked(
            &Method::GET,
            "/apis/kubemend.io/v1alpha1/clusterhealingpolicies?watch=true",
        );
        assert!(
            policies
                .within("a")
                .ends_with("?watch=true&fieldSelector=metadata.name%3Da")
        );
        let eviction = asked(&Method::POST, "/api/v1/namespaces/a/pods/web-1/eviction");
        assert_eq!(eviction.what(), "create pods/eviction");
        assert_eq!(
            (eviction.namespace.as_str(), eviction.name.as_str()),
            ("a", "web-1")
        );
        assert_eq!(
            eviction.within("b"),
            "/api/v1/namespaces/a/pods/web-1/eviction"
        );
    }
}
