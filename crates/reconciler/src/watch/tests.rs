//! A watch against a server that closes, freezes, forgets and garbles.

use bytes::Bytes;
use kubemend_sim::{FaultKind, Matcher, Server, Settings, Verb, WatchFault};
use serde_json::json;

use super::*;

struct Bench {
    server: Server,
    changes: mpsc::Receiver<Change>,
    relist: Relist,
    health: Health,
    metrics: Metrics,
    clock: Clock,
}

impl Bench {
    async fn new(source: Source, settings: Settings) -> Self {
        Self::on(Server::new(settings), source).await
    }

    /// A watch on that server; its task ends with the bench.
    async fn on(server: Server, source: Source) -> Self {
        let clock = Clock::starting_at(Moment::from_millis(server.now().as_millisecond()));
        let (sender, changes) = mpsc::channel(1_000);
        let (relist, asked) = mpsc::channel(1);
        let (health, metrics) = (Health::default(), Metrics::default());
        let watch = Watch {
            source,
            client: server.client(),
            changes: sender,
            clock,
            health: health.clone(),
            metrics: metrics.clone(),
            relist: asked,
            unreadable: BTreeSet::new(),
            ration: Ration::new(HINTS_MAX),
        };
        tokio::spawn(watch.run());
        tokio::time::sleep(Duration::from_millis(10)).await;
        Self {
            server,
            changes,
            relist,
            health,
            metrics,
            clock,
        }
    }

    /// What comes within so many seconds, in words.
    async fn within(&mut self, seconds: u64) -> Vec<String> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let mut words = Vec::new();
        while let Ok(change) = self.changes.try_recv() {
            words.push(match change {
                Change::Object(_) => "object".to_owned(),
                Change::Unreadable(one) => format!("unreadable {}", one.name.name),
                Change::Gone { name, .. } => format!("gone {}", name.name),
                Change::ListBegins(_) => "list".to_owned(),
                Change::ListEnds { .. } => "listed".to_owned(),
                Change::Fresh { .. } => "fresh".to_owned(),
                Change::Skew(millis) => format!("skew {millis}"),
                Change::Lead(_) | Change::Done(_) => "else".to_owned(),
            });
        }
        words
    }

    /// When the view was last proven current.
    async fn last_fresh(&mut self, seconds: u64) -> Option<Moment> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let mut last = None;
        while let Ok(change) = self.changes.try_recv() {
            if let Change::Fresh { at, .. } | Change::ListEnds { at, .. } = change {
                last = Some(at);
            }
        }
        last
    }

    fn pod(&self, name: &str) {
        self.server.put(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": name},
        }));
    }

    fn lists(&self, plural: &str) -> u64 {
        self.server.count(Verb::List, plural)
    }
}

fn pods() -> Matcher {
    Matcher::any().resource("pods").verb(Verb::Watch)
}

async fn bench() -> Bench {
    Bench::new(Source::Pods, Settings::default()).await
}

#[tokio::test(start_paused = true)]
async fn it_lists_then_watches_and_tells_what_goes() {
    let server = Server::new(Settings::default());
    server.put(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "a"}}),
    );
    let mut bench = Bench::on(server, Source::Pods).await;
    assert_eq!(bench.within(0).await, ["list", "object", "listed"]);
    bench.pod("b");
    bench.server.delete("Pod", "shop", "a");
    let words = bench.within(3).await;
    assert_eq!(words[..2], ["object", "gone a"], "{words:?}");
    assert_eq!(bench.health.ready().unwrap_err().matches("pods").count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_view_stays_fresh_by_restarts_alone() {
    let mut bench = bench().await;
    for _ in 0..10 {
        let fresh = bench.last_fresh(20).await.expect("within two restarts");
        assert!(bench.clock.now().since(fresh) < 25_000);
    }
    assert_eq!(bench.lists("pods"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_frames_is_reported_fresh_once_a_second() {
    let mut bench = bench().await;
    bench.within(2).await;
    for number in 0..100 {
        bench.pod(&format!("web-{number}"));
    }
    let words = bench.within(2).await;
    assert_eq!(words.iter().filter(|one| *one == "object").count(), 100);
    assert!(
        words.iter().filter(|one| *one == "fresh").count() <= 2,
        "{words:?}"
    );
    assert_eq!(
        words.last().map(String::as_str),
        Some("fresh"),
        "the last version is told too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_frozen_watch_goes_stale_and_is_replaced() {
    let mut bench = bench().await;
    bench.within(5).await;
    bench.server.break_watches(&pods(), WatchFault::Freeze);
    bench.pod("unseen");
    assert_eq!(
        bench.within(19).await,
        Vec::<String>::new(),
        "frozen: nothing is claimed"
    );
    let words = bench.within(15).await;
    assert!(words.contains(&"object".to_owned()), "{words:?}");
    assert_eq!(bench.lists("pods"), 1, "it went on from the last version");
}

#[tokio::test(start_paused = true)]
async fn a_version_too_old_is_listed_anew_and_never_called_fresh() {
    for gone_in_stream in [true, false] {
        let settings = Settings {
            gone_in_stream,
            ..Settings::default()
        };
        let mut bench = Bench::new(Source::Pods, settings).await;
        bench.within(2).await;
        bench.server.break_watches(&pods(), WatchFault::Close);
        bench.pod("unseen");
        bench.server.compact();
        let words = bench.within(5).await;
        let anew = words
            .iter()
            .position(|one| one == "list")
            .expect("a new list");
        assert!(!words[..anew].contains(&"fresh".to_owned()), "{words:?}");
        assert!(words.contains(&"object".to_owned()), "{words:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_always_says_gone_is_not_flooded() {
    let bench = bench().await;
    bench
        .server
        .fault(pods(), FaultKind::Watch(WatchFault::Gone410));
    bench.server.break_watches(&pods(), WatchFault::Gone410);
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(
        (5..30).contains(&bench.lists("pods")),
        "{}",
        bench.lists("pods")
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_every_watch_at_once_is_asked_once_a_second() {
    let bench = bench().await;
    bench
        .server
        .fault(pods(), FaultKind::Watch(WatchFault::Close));
    bench.server.break_watches(&pods(), WatchFault::Close);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(bench.server.count(Verb::Watch, "pods") <= 65);
}

#[tokio::test(start_paused = true)]
async fn a_garbled_frame_is_a_hole_that_a_list_closes() {
    let mut bench = bench().await;
    bench.within(2).await;
    bench
        .server
        .break_watches(&pods(), WatchFault::GarbageFrame);
    bench.pod("seen");
    let words = bench.within(3).await;
    assert!(
        words.contains(&"list".to_owned()) && words.contains(&"object".to_owned()),
        "{words:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_older_frame_is_passed_over() {
    let (sender, mut changes) = mpsc::channel(10);
    let (_relist, asked) = mpsc::channel(1);
    let mut watch = Watch {
        source: Source::Pods,
        client: Server::new(Settings::default()).client(),
        changes: sender,
        clock: Clock::starting_at(Moment::from_millis(0)),
        health: Health::default(),
        metrics: Metrics::default(),
        relist: asked,
        unreadable: BTreeSet::new(),
        ration: Ration::new(HINTS_MAX),
    };
    let frame = |kind: &str, name: &str, at: u32| {
        let meta = json!({"namespace": "shop", "name": name, "resourceVersion": at.to_string()});
        let object = json!({"kind": "Pod", "metadata": meta});
        Bytes::from(json!({"type": kind, "object": object}).to_string())
    };
    let mut version = "7".to_owned();
    for (kind, name, at) in [
        ("MODIFIED", "a", 9),
        ("DELETED", "a", 10),
        ("MODIFIED", "a", 8),
        ("BOOKMARK", "", 6),
        ("DELETED", "a", 10),
        ("ADDED", "b", 11),
    ] {
        drop(watch.frame(&frame(kind, name, at), &mut version).await);
    }
    let mut seen = Vec::new();
    while let Ok(change) = changes.try_recv() {
        seen.push(matches!(change, Change::Gone { .. }));
    }
    assert_eq!(seen, [false, true, true, false]);
    assert_eq!(version, "11");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_cut_begins_anew_and_small_pages_make_a_whole() {
    let server = Server::new(Settings::default());
    for number in 0..1_200 {
        server.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": format!("web-{number}")}}));
    }
    let list = Matcher::any().resource("pods").verb(Verb::List);
    server.fault(list.nth(2), FaultKind::status(410, "Expired"));
    let (sender, mut changes) = mpsc::channel(10_000);
    let clock = Clock::starting_at(Moment::from_millis(0));
    let (_relist, asked) = mpsc::channel(1);
    let watch = Watch {
        source: Source::Pods,
        client: server.client(),
        changes: sender,
        clock,
        health: Health::default(),
        metrics: Metrics::default(),
        relist: asked,
        unreadable: BTreeSet::new(),
        ration: Ration::new(HINTS_MAX),
    };
    tokio::spawn(watch.run());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (mut begun, mut objects, mut ended) = (0, 0, 0);
    while let Ok(change) = changes.try_recv() {
        match change {
            Change::ListBegins(_) => (begun, objects) = (begun + 1, 0),
            Change::Object(_) => objects += 1,
            Change::ListEnds { .. } => ended += 1,
            _ => {}
        }
    }
    assert_eq!((begun, objects, ended), (2, 1_200, 1));
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_object_is_told_by_name_until_it_can_be_read() {
    let mut bench = bench().await;
    bench.pod("good");
    bench.server.put(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "bad"}, "status": {"phase": 7},
    }));
    let words = bench.within(2).await;
    assert!(words.contains(&"unreadable bad".to_owned()), "{words:?}");
    let text = |bench: &Bench| bench.metrics.render(&bench.health).unwrap();
    assert!(text(&bench).contains("kubemend_unreadable_objects{source=\"pods\"} 1"));
    bench.pod("bad");
    bench.within(2).await;
    assert!(text(&bench).contains("kubemend_unreadable_objects{source=\"pods\"} 0"));
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_is_forbidden_is_asked_again_every_few_seconds() {
    let server = Server::new(Settings::default());
    let list = Matcher::any().resource("pods").verb(Verb::List);
    let fault = server.fault(list, FaultKind::status(403, "Forbidden"));
    let mut bench = Bench::on(server, Source::Pods).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!((10..30).contains(&bench.lists("pods")));
    assert!(
        bench
            .health
            .ready()
            .unwrap_err()
            .contains("pods: not listed yet Forbidden")
    );
    bench.server.clear_fault(fault);
    assert!(bench.within(11).await.contains(&"listed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_list_on_demand_is_answered_after_it_was_sent() {
    let mut bench = bench().await;
    bench.within(2).await;
    let (done, listed) = oneshot::channel();
    bench.relist.send(done).await.unwrap();
    listed.await.unwrap();
    assert_eq!(bench.within(0).await, ["list", "listed"]);
}

#[tokio::test(start_paused = true)]
async fn one_source_compares_clocks() {
    let server = Server::new(Settings::default());
    server.step_clock(jiff::SignedDuration::from_secs(0));
    let mut bench = Bench::on(server, Source::Config).await;
    bench.server.step_clock(jiff::SignedDuration::from_secs(30));
    let skews: Vec<_> = bench
        .within(20)
        .await
        .into_iter()
        .filter(|one| one.starts_with("skew"))
        .collect();
    assert_eq!(skews.len(), 2, "{skews:?}");
    assert!(
        skews[1].starts_with("skew -30") || skews[1].starts_with("skew -29"),
        "{skews:?}"
    );
}

fn event(name: &str, kind: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": name},
        "type": kind, "reason": "Failed", "involvedObject": {"kind": "Pod", "name": "a", "uid": "a"},
    })
}

#[tokio::test(start_paused = true)]
async fn of_hints_only_new_ones_are_read() {
    let server = Server::new(Settings::default());
    server.put(event("old", "Warning"));
    server.put(event("older", "Warning"));
    let mut bench = Bench::on(server, Source::Events).await;
    assert_eq!(bench.within(0).await, ["list", "listed"]);
    bench.server.put(event("new", "Warning"));
    bench.server.put(event("normal", "Normal"));
    bench.server.delete("Event", "shop", "old");
    let words = bench.within(3).await;
    let told = words.iter().filter(|word| *word != "fresh");
    assert_eq!(told.collect::<Vec<_>>(), ["object"], "{words:?}");
    assert_eq!(bench.lists("events"), 1);
}

#[tokio::test(start_paused = true)]
async fn hints_that_nobody_may_read_keep_nothing_from_being_ready() {
    let server = Server::new(Settings::default());
    let which = Matcher::any().resource("events");
    server.fault(which, FaultKind::status(403, "Forbidden"));
    let mut bench = Bench::on(server, Source::Events).await;
    bench.within(30).await;
    let others = bench.health.ready().unwrap_err();
    assert!(!others.contains("\nevents:"), "{others}");
    assert!(bench.health.ages().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_the_cluster_does_not_know_has_no_objects() {
    let mut bench = Bench::new(Source::Rollouts, Settings::default()).await;
    assert_eq!(bench.within(240).await, ["list", "listed"]);
    assert!(!bench.health.ready().unwrap_err().contains("rollouts"));
    // It is looked for again before its absence is no longer believed.
    assert_eq!(bench.within(120).await, ["list", "listed"]);
    assert!(!bench.health.ready().unwrap_err().contains("rollouts"));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_installed_later_is_seen_five_minutes_later() {
    let server = Server::new(Settings::default());
    server.put(json!({
        "apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler",
        "metadata": {"namespace": "shop", "name": "web"},
    }));
    let lists = Matcher::any()
        .resource("verticalpodautoscalers")
        .verb(Verb::List);
    server.fault(lists.first(1), FaultKind::status(404, "NotFound"));
    let mut bench = Bench::on(server, Source::VerticalAutoscalers).await;
    assert_eq!(bench.within(200).await, ["list", "listed"]);
    assert_eq!(bench.within(101).await[..3], ["list", "object", "listed"]);
}
