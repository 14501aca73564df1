//! Each fault, as its victim sees it.

mod common;

use std::time::Duration;

use common::{Frames, MAPS, ask, brief, map, send, server};
use http::Method;
use kubemend_sim::{FaultKind, Matcher, Server, Side, Verb, WatchFault};
use serde_json::{Value, json};
use tokio::time::timeout;

const MINUTE: Duration = Duration::from_mins(1);

async fn create(client: &kube::Client, name: &str) -> Result<u16, kube::Error> {
    let answer = send(client, Method::POST, MAPS, "application/json", &map(name)).await?;
    Ok(answer.status().as_u16())
}

fn exists(server: &Server, name: &str) -> bool {
    server.get("ConfigMap", "shop", name).is_some()
}

#[tokio::test(start_paused = true)]
async fn refusals_come_as_told_and_only_in_turn() {
    let server = server();
    let client = server.client();
    let what = FaultKind::Status(429, "TooManyRequests".into(), Some(3));
    let fault = server.fault(Matcher::any().verb(Verb::Create).nth(2), what);
    assert_eq!(create(&client, "a").await.ok(), Some(201));
    let answer = send(&client, Method::POST, MAPS, "application/json", &map("b")).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["Retry-After"], "3");
    assert_eq!(answer.headers()["Date"], "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(create(&client, "b").await.ok(), Some(201));
    assert_eq!(server.hits(fault), 1);
}

#[tokio::test(start_paused = true)]
async fn lost_requests_and_lost_replies_differ() {
    let server = server();
    let client = server.client();
    let creates = Matcher::any().verb(Verb::Create);
    server.fault(creates.clone().nth(1), FaultKind::DropBefore);
    server.fault(creates.clone().nth(2), FaultKind::LostReply);
    server.fault(creates.clone().nth(3), FaultKind::ReplyAfterApply504);
    server.fault(creates.nth(4), FaultKind::GarbageBody);
    assert!(create(&client, "a").await.is_err() && !exists(&server, "a"));
    assert!(create(&client, "b").await.is_err() && exists(&server, "b"));
    assert_eq!(create(&client, "c").await.ok(), Some(504));
    assert!(exists(&server, "c"));
    let text = client.request::<Value>(
        http::Request::post(MAPS)
            .body(map("d").to_string().into_bytes())
            .expect("a request"),
    );
    assert!(matches!(text.await, Err(kube::Error::SerdeError(_))) && exists(&server, "d"));
    let trace: Vec<_> = server.trace().iter().map(|e| (e.code, e.outcome)).collect();
    let want = [
        (None, None),
        (None, Some(201)),
        (Some(504), Some(201)),
        (Some(200), Some(201)),
    ];
    assert_eq!(trace, want);
    assert_eq!(server.writes().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn delayed_requests_arrive_even_if_nobody_waits() {
    let server = server();
    let client = server.client();
    let creates = Matcher::any().verb(Verb::Create);
    server.fault(creates.clone().nth(1), FaultKind::Delay(MINUTE));
    server.fault(creates.clone().nth(2), FaultKind::DelayReply(MINUTE));
    server.fault(creates.nth(3), FaultKind::Hang);
    assert!(timeout(MINUTE / 2, create(&client, "a")).await.is_err());
    assert!(!exists(&server, "a"));
    tokio::time::sleep(MINUTE).await;
    assert!(exists(&server, "a"));
    assert!(timeout(MINUTE / 2, create(&client, "b")).await.is_err());
    assert!(exists(&server, "b"));
    assert!(timeout(MINUTE * 999, create(&client, "c")).await.is_err());
    assert!(!exists(&server, "c"));
}

#[tokio::test(start_paused = true)]
async fn watches_break_in_every_way() {
    let server = server();
    let client = server.client();
    let all = Matcher::any().resource("configmaps");
    let path = format!("{MAPS}?watch=1&timeoutSeconds=300");
    let mut frames = Frames::open(&client, &path).await;
    assert_eq!(server.break_watches(&all, WatchFault::Freeze), 1);
    server.put(map("a"));
    assert!(
        frames.silent(MINUTE * 100).await,
        "not even the timeout gets through"
    );
    server.mend_watches(&all);
    // Thawed long after its timeout, it delivers what it missed no more.
    assert_eq!(frames.next().await, None);

    let mut frames = Frames::open(&client, &path).await;
    assert_eq!(
        frames.next().await.as_ref().map(brief),
        Some("ADDED a".into())
    );
    server.break_watches(&all, WatchFault::GarbageFrame);
    let line = frames.next_line().await.expect("garbage");
    assert!(serde_json::from_slice::<Value>(&line).is_err());
    server.break_watches(&all, WatchFault::Gone410);
    assert_eq!(
        frames.next().await.map(|f| f["object"]["code"].clone()),
        Some(json!(410))
    );
    assert_eq!(frames.next().await, None);

    server.fault(
        Matcher::any().verb(Verb::Watch).nth(1),
        FaultKind::Watch(WatchFault::Close),
    );
    let mut frames = Frames::open(&client, &path).await;
    assert_eq!(
        frames.next().await,
        None,
        "faults may hit a watch from its start"
    );
    drop(frames);
    assert_eq!(server.open_watches(&Matcher::any()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_crash_ends_the_process_around_a_write() {
    for side in [Side::Before, Side::After] {
        let server = server();
        let client = server.client();
        let mut frames = Frames::open(&client, &format!("{MAPS}?watch=1")).await;
        let crash = server.crash_on(Matcher::writes().nth(2), side);
        let process = tokio::spawn({
            let client = client.clone();
            async move {
                for name in ["a", "b", "c"] {
                    create(&client, name).await.expect("applied");
                }
            }
        });
        assert!(crash.happened().await);
        assert!(!process.is_finished());
        process.abort();
        assert!(exists(&server, "a") && !exists(&server, "c"));
        assert_eq!(exists(&server, "b"), side == Side::After);
        assert!(
            timeout(MINUTE, create(&client, "d")).await.is_err(),
            "the dead do not write"
        );
        assert!(frames.silent(MINUTE).await, "and hear nothing");
        assert_eq!(
            create(&server.client(), "d").await.ok(),
            Some(201),
            "a new process does"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_hit_one_client() {
    let server = server();
    let (one, two) = (server.client_as("one"), server.client_as("two"));
    let fault = server.fault(Matcher::any().client("one"), FaultKind::DropBefore);
    assert!(create(&one, "a").await.is_err());
    assert_eq!(create(&two, "a").await.ok(), Some(201));
    server.clear_fault(fault);
    let (code, _) = ask(&one, "GET", &format!("{MAPS}/a"), Value::Null).await;
    assert_eq!(code, 200);
}

#[tokio::test(start_paused = true)]
async fn hooks_react_in_the_same_instant() {
    let server = server();
    server.on_write(|event, objects| {
        if event.kind() == "ADDED" && event.key.name == "a" {
            objects.put(map("shadow"));
        }
    });
    create(&server.client(), "a").await.expect("applied");
    assert!(exists(&server, "shadow"));
}
