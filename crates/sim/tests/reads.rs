//! Lists and watches: pages, bookmarks, timeouts, forgotten versions.

mod common;

use std::time::Duration;

use common::{Frames, MAPS, ask, brief, map, server};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams},
};
use kubemend_sim::{Server, Settings};
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn pages_show_one_moment() {
    let server = server();
    let client = server.client();
    for name in ["a", "b", "c", "d"] {
        server.put(map(name));
    }
    let (_, page) = ask(&client, "GET", &format!("{MAPS}?limit=2"), Value::Null).await;
    assert_eq!(names(&page), ["a", "b"]);
    assert_eq!(page["metadata"]["remainingItemCount"], 2);
    assert!(
        page["items"][0]["kind"].is_null(),
        "items of built-in kinds are not typed"
    );
    server.delete("ConfigMap", "shop", "c");
    server.put(map("bb"));
    let next = page["metadata"]["continue"].as_str().expect("a token");
    let next = format!("{MAPS}?limit=2&continue={}", next.replace('/', "%2F"));
    let (_, rest) = ask(&client, "GET", &next, Value::Null).await;
    assert_eq!(
        names(&rest),
        ["c", "d"],
        "as it was when the first page was read"
    );
    assert_eq!(
        rest["metadata"]["resourceVersion"],
        page["metadata"]["resourceVersion"]
    );
    server.compact();
    let (code, status) = ask(&client, "GET", &next, Value::Null).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
}

#[tokio::test(start_paused = true)]
async fn selectors_select() {
    let server = server();
    let client = server.client();
    for (name, tier) in [("a", "front"), ("b", "back"), ("c", "front")] {
        let mut map = map(name);
        map["metadata"]["labels"] = json!({"tier": tier});
        server.put(map);
    }
    for (query, want) in [
        ("labelSelector=tier%3Dfront", vec!["a", "c"]),
        ("labelSelector=tier%20in%20(back,side)", vec!["b"]),
        ("labelSelector=tier!%3Dback,tier", vec!["a", "c"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
    ] {
        let path = format!("/api/v1/configmaps?{query}");
        let (_, list) = ask(&client, "GET", &path, Value::Null).await;
        assert_eq!(names(&list), want, "{query}");
    }
    let path = "/api/v1/configmaps?watch=true&labelSelector=tier%3Dback";
    let mut frames = Frames::open(&client, path).await;
    assert_eq!(
        frames.next().await.as_ref().map(brief),
        Some("ADDED b".into())
    );
    server.update("ConfigMap", "shop", "b", |m| {
        m["metadata"]["labels"]["tier"] = json!("front");
    });
    assert_eq!(
        frames.next().await.as_ref().map(brief),
        Some("DELETED b".into())
    );
}

#[tokio::test(start_paused = true)]
async fn watches_follow_bookmark_and_close() {
    let server = server();
    let client = server.client();
    let version = server.put(map("a"))["metadata"]["resourceVersion"].clone();
    let version = version.as_str().expect("a version");
    let path = format!(
        "{MAPS}?watch=true&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=90"
    );
    let mut frames = Frames::open(&client, &path).await;
    server.put(map("b"));
    server.update("ConfigMap", "shop", "a", |map| map["data"] = json!({}));
    server.delete("ConfigMap", "shop", "b");
    for want in ["ADDED b", "MODIFIED a", "DELETED b"] {
        assert_eq!(frames.next().await.as_ref().map(brief), Some(want.into()));
    }
    for (want, second) in [("BOOKMARK -", 60), ("BOOKMARK -", 88)] {
        let frame = frames.next().await.expect("a bookmark");
        assert_eq!(brief(&frame), want);
        assert_eq!(frame["object"]["metadata"]["resourceVersion"], "1004");
        assert_eq!(server.elapsed(), Duration::from_secs(second));
    }
    assert_eq!(frames.next().await, None);
    assert_eq!(server.elapsed(), Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn forgotten_versions_are_gone() {
    let old = Server::new(Settings {
        gone_in_stream: false,
        ..Settings::default()
    });
    for server in [server(), old] {
        let client = server.client();
        server.put(map("a"));
        let mut open = Frames::open(&client, &format!("{MAPS}?watch=1")).await;
        assert_eq!(
            open.next().await.as_ref().map(brief),
            Some("ADDED a".into())
        );
        server.put(map("b"));
        server.compact();
        let frame = open.next().await.expect("an error frame");
        assert_eq!(
            (&frame["type"], &frame["object"]["code"]),
            (&json!("ERROR"), &json!(410))
        );
        assert_eq!(open.next().await, None);
        let path = format!("{MAPS}?watch=1&resourceVersion=1001");
        if server.settings().gone_in_stream {
            let frame = Frames::open(&client, &path)
                .await
                .next()
                .await
                .expect("an error frame");
            assert_eq!(frame["object"]["reason"], "Expired");
        } else {
            assert_eq!(ask(&client, "GET", &path, Value::Null).await.0, 410);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn streaming_lists_end_with_a_bookmark() {
    let server = server();
    server.put(map("a"));
    let path = format!("{MAPS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true");
    let mut frames = Frames::open(&server.client(), &path).await;
    assert_eq!(
        frames.next().await.as_ref().map(brief),
        Some("ADDED a".into())
    );
    let end = frames.next().await.expect("the end");
    assert_eq!(
        end["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test(start_paused = true)]
async fn lag_delays_but_never_reorders() {
    let run = async |seed: u64| {
        let lag = Duration::from_secs(2);
        let settings = Settings {
            seed,
            watch_lag: lag,
            ..Settings::default()
        };
        let server = Server::new(settings);
        let mut frames = Frames::open(&server.client(), &format!("{MAPS}?watch=1")).await;
        for name in ["a", "b", "c", "d"] {
            server.put(map(name));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut seen = Vec::new();
        for want in ["ADDED a", "ADDED b", "ADDED c", "ADDED d"] {
            assert_eq!(frames.next().await.as_ref().map(brief), Some(want.into()));
            seen.push(server.elapsed());
        }
        assert!(seen[3] <= lag + Duration::from_millis(400));
        seen
    };
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}

#[tokio::test(start_paused = true)]
async fn the_typed_api_of_kube_is_content() {
    let server = server();
    server.put(map("a"));
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "shop");
    let listed = maps.list(&ListParams::default()).await.expect("a list");
    let version = listed.metadata.resource_version.expect("a version");
    let watch = maps
        .watch(&WatchParams::default().timeout(30), &version)
        .await;
    let mut watch = std::pin::pin!(watch.expect("a watch"));
    let change = json!({"data": {"colour": "blue"}});
    maps.patch("a", &PatchParams::default(), &Patch::Merge(change))
        .await
        .expect("patched");
    maps.delete("a", &DeleteParams::default())
        .await
        .expect("deleted");
    let mut seen = Vec::new();
    while let Some(event) = watch.try_next().await.expect("frames") {
        seen.push(match event {
            WatchEvent::Modified(map) => format!("modified {:?}", map.data.unwrap_or_default()),
            WatchEvent::Deleted(map) => {
                format!("deleted {}", map.metadata.name.unwrap_or_default())
            }
            WatchEvent::Bookmark(_) => "bookmark".to_owned(),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        seen,
        ["modified {\"colour\": \"blue\"}", "deleted a", "bookmark"]
    );
}
