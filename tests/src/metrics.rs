//! The operator's own account of its requests to the API server.

use std::collections::BTreeSet;

/// A kind of request that was made, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// As RBAC spells it, such as `patch`.
    pub verb: String,
    /// As RBAC spells it, such as `healingevents/status`.
    pub resource: String,
    /// The HTTP status, such as `409`.
    pub code: String,
}

/// Every kind of request that this page of metrics counts.
pub fn requests(page: &str) -> BTreeSet<Request> {
    let samples = page
        .lines()
        .filter_map(|line| line.strip_prefix("kubemend_api_requests_total{"));
    samples
        .filter_map(|sample| {
            let (labels, _) = sample.split_once('}')?;
            Some(Request {
                verb: label(labels, "verb")?,
                resource: label(labels, "resource")?,
                code: label(labels, "code")?,
            })
        })
        .collect()
}

fn label(labels: &str, name: &str) -> Option<String> {
    let start = format!("{name}=\"");
    let of_name = labels
        .split(',')
        .find_map(|one| one.strip_prefix(start.as_str()))?;
    Some(of_name.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read() {
        let page = "# TYPE x counter\nkubemend_api_requests_total{verb=\"patch\",resource=\"healingevents/status\",code=\"409\"} 3\n";
        let wanted = Request {
            verb: "patch".to_owned(),
            resource: "healingevents/status".to_owned(),
            code: "409".to_owned(),
        };
        assert_eq!(requests(page), BTreeSet::from([wanted]));
    }
}
