//! A complete list, page by page; items are decoded one by one, so a bad one spoils only itself.

use std::time::Duration;

use kube::Client;
use kubemend_engine::change::{self, Change};
use kubemend_engine::{Moment, Source};
use kubemend_status::Failure;
use kubemend_status::call::{self, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::Clock;

/// Half of kubectl's page: what is being read at once is part of the peak of memory, and 250 pods are about 2 MB.
const PAGE: usize = 250;

/// A page of very large objects is asked for again in quarters.
const PAGE_MAX: usize = 64 * 1024 * 1024;

/// A slow server still sends a page in this time; it is also the API server's own limit.
const WITHIN: Duration = Duration::from_mins(1);

/// A list that is being read.
pub(crate) struct List {
    source: Source,
    limit: usize,
    next: Option<String>,
    /// When the first page was asked for: what the list says is at least as new.
    pub(crate) at: Moment,
    pub(crate) version: String,
}

/// One page, decoded.
pub(crate) struct Page {
    pub(crate) changes: Vec<Change>,
    /// Items without a name, which nobody can be told of by name.
    pub(crate) nameless: usize,
    pub(crate) last: bool,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    metadata: PageMeta,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PageMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

impl List {
    /// Begins a consistent list: no resourceVersion is asked for, so the server asks its quorum. Of hints one is
    /// enough to learn the version.
    pub(crate) fn begin(source: Source, clock: &Clock) -> Self {
        Self {
            source,
            limit: if source.is_hint() { 1 } else { PAGE },
            next: None,
            at: clock.now(),
            version: String::new(),
        }
    }

    /// The next page; an empty one where it was too large and is asked for in smaller parts. After
    /// an error the list is void.
    pub(crate) async fn page(&mut self, client: &Client) -> Result<Page, Failure> {
        let mut uri = format!("{}?limit={}", self.source.path(), self.limit);
        if let Some(selector) = self.source.selector() {
            uri.push('&');
            uri.push_str(selector);
        }
        if let Some(next) = &self.next {
            uri.push_str("&continue=");
            uri.push_str(&encode(next));
        }
        let answer = call::read(client, Request::get(uri), WITHIN, PAGE_MAX).await;
        if matches!(answer, Err(Failure::TooLarge(_))) && self.limit > 1 {
            self.limit = (self.limit / 4).max(1);
            return Ok(Page {
                changes: Vec::new(),
                nameless: 0,
                last: false,
            });
        }
        let (meta, page) = decode(self.source, &answer?)?;
        // Every page carries the version of the snapshot, which is where a watch goes on.
        self.version = meta.resource_version;
        let last = meta.next.is_empty();
        if !last && self.next.as_ref() == Some(&meta.next) {
            // Each page goes on from another key; one that goes on from itself never ends.
            return Err(Failure::Garbage(
                "a page of a list repeats itself".to_owned(),
            ));
        }
        self.next = Some(meta.next);
        Ok(Page { last, ..page })
    }
}

fn decode(source: Source, body: &[u8]) -> Result<(PageMeta, Page), Failure> {
    let raw: RawPage<'_> =
        serde_json::from_slice(body).map_err(|error| Failure::Garbage(error.to_string()))?;
    let items = raw.items.unwrap_or_default();
    let mut page = Page {
        changes: Vec::with_capacity(items.len()),
        nameless: 0,
        last: false,
    };
    for item in items {
        match change::read(source, item.get().as_bytes()) {
            Ok(change) => page.changes.push(change),
            Err(_) => page.nameless += 1,
        }
    }
    Ok((raw.metadata, page))
}

impl List {
    /// What the end of this list says.
    pub(crate) fn ends(&self) -> Change {
        Change::ListEnds {
            source: self.source,
            version: self.version.as_str().into(),
            at: self.at,
        }
    }

    /// The cluster does not know the kind, which is believed for so long.
    pub(crate) fn is_of_nothing(&self, believed: Duration) -> Change {
        let believed = i64::try_from(believed.as_millis()).unwrap_or(i64::MAX);
        Change::ListEnds {
            source: self.source,
            version: "".into(),
            at: self.at.plus(believed),
        }
    }
}

/// A value of a query; continue tokens are URL-safe already, but that is the server's affair.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Response;
    use kube::client::Body;

    use super::*;

    #[tokio::test]
    async fn a_page_that_goes_on_from_itself_ends_the_list() {
        let again = r#"{"metadata": {"resourceVersion": "7", "continue": "same"}, "items": []}"#;
        let server = tower::service_fn(async move |_: http::Request<Body>| {
            Ok::<_, Infallible>(Response::new(Body::from(again.as_bytes().to_vec())))
        });
        let client = Client::new(server, "default");
        let mut list = List::begin(Source::Pods, &Clock::system());
        assert!(!list.page(&client).await.unwrap().last);
        let refused = list.page(&client).await.err().unwrap();
        assert!(refused.to_string().contains("repeats itself"), "{refused}");
    }

    #[test]
    fn a_bad_item_spoils_only_itself() {
        let body = br#"{"metadata": {"resourceVersion": "7", "continue": "a=b"}, "items": [
            {"metadata": {"namespace": "shop", "name": "good", "uid": "1"}},
            {"metadata": {"namespace": "shop", "name": "bad", "uid": "2"}, "status": {"phase": 7}},
            "nothing at all"
        ]}"#;
        let (meta, page) = decode(Source::Pods, body).unwrap();
        assert_eq!(meta.resource_version, "7");
        assert_eq!(encode(&meta.next), "a%3Db");
        assert!(matches!(&page.changes[0], Change::Object(_)));
        assert!(matches!(&page.changes[1], Change::Unreadable(one) if &*one.name.name == "bad"));
        assert_eq!((page.changes.len(), page.nameless), (2, 1));
    }
}
