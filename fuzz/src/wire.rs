//! A server that answers with the input: watch frames, list pages, Leases, and the answers that an
//! act gets. The production code runs above it on paused time.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use k8s_openapi::api::coordination::v1::Lease;
use kube::client::Body;
use kube::{Api, Client};
use kubemend_engine::{Effect, Moment, Settings, Source, decide};
use kubemend_operator::lease::{Elector, Times};
use kubemend_reconciler::effect::Hands;
use kubemend_reconciler::{Clock, Health, Metrics, Parts};
use kubemend_sim::{Rng, hash};
use kubemend_status::Fence;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tower::BoxError;

use crate::seeds::NOW;
use crate::world;

/// Codes with which a server answers, in its right mind or not.
const CODES: [u16; 10] = [200, 200, 200, 201, 404, 409, 410, 422, 429, 500];

/// What follows from the input alone: which source, which code, where a stream is torn.
fn chance(input: &[u8]) -> Rng {
    Rng::new(hash(&String::from_utf8_lossy(input)))
}

fn pick<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[usize::try_from(rng.up_to(all.len() as u64 - 1)).unwrap_or(0)]
}

/// Runs on paused time, on this thread.
fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// An answer's body: a stream, which may be torn or silent.
type Stream = StreamBody<BoxStream<'static, Result<Frame<Bytes>, BoxError>>>;
type Answer = Response<Stream>;

fn answer(code: u16, body: Stream) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
    answer
}

/// A body in one piece.
fn whole(bytes: &Bytes) -> Stream {
    pieces(vec![bytes.clone()])
}

fn pieces(pieces: Vec<Bytes>) -> Stream {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(futures::stream::iter(frames).boxed())
}

/// A client whose requests are answered by a function of method, path with query, and body.
fn client(server: impl Fn(&Method, &str, Bytes) -> Answer + Clone + Send + 'static) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let path = head.uri.path_and_query().map_or("", |path| path.as_str());
            Ok::<_, BoxError>(server(&head.method, path, body))
        }
    });
    Client::new(service, "default")
}

/// The input as a stream in pieces, then the end of the connection.
fn torn(input: &Bytes) -> Stream {
    let mut rng = chance(input);
    let (mut all, mut rest) = (Vec::new(), input.clone());
    while !rest.is_empty() {
        let most = rest.len().div_ceil(4) as u64;
        let at = usize::try_from(1 + rng.up_to(most)).unwrap_or(1);
        all.push(rest.split_to(at.min(rest.len())));
    }
    pieces(all)
}

/// A watch that is open and silent.
fn silent() -> Stream {
    StreamBody::new(futures::stream::pending().boxed())
}

/// The frames of one collection's watch, below the reconciler: it goes on, and every other
/// collection is seen.
pub fn watch_frames(input: &[u8]) {
    reconcile(input, true);
}

/// The page of one collection's list, likewise.
pub fn list_page(input: &[u8]) {
    reconcile(input, false);
}

fn reconcile(input: &[u8], frames: bool) {
    let mut rng = chance(input);
    let (source, code) = (pick(&mut rng, &Source::ALL), pick(&mut rng, &CODES));
    // A clock is input too; half of the inputs begin with something that a header may hold.
    let date = input
        .get(..40)
        .and_then(|head| http::HeaderValue::from_bytes(head).ok());
    let bytes = Bytes::copy_from_slice(input);
    let server = move |_: &Method, path: &str, _: Bytes| {
        let hit = path.starts_with(&source.path()) && path.contains("watch=true") == frames;
        let mut answer = match (hit, path.contains("watch=true")) {
            (true, true) => answer(code.min(201), torn(&bytes)),
            (true, false) => answer(code, whole(&bytes)),
            (false, true) => answer(200, silent()),
            (false, false) => answer(
                200,
                whole(&Bytes::from_static(
                    br#"{"metadata":{"resourceVersion":"7"},"items":[]}"#,
                )),
            ),
        };
        if let Some(date) = &date {
            answer.headers_mut().insert(header::DATE, date.clone());
        }
        answer
    };
    paused(async {
        let (lease, fence) = Fence::new();
        lease.send_replace(Some(Instant::now() + Duration::from_mins(1)));
        let health = Health::default();
        let parts = Parts {
            watch: client(server.clone()),
            act: client(server),
            settings: Settings::default(),
            fence,
            clock: Clock::starting_at(NOW),
            metrics: Metrics::default(),
            health: health.clone(),
        };
        let ended = kubemend_reconciler::run(parts, sleep(Duration::from_secs(5))).await;
        assert!(ended.is_ok(), "the reconciler ended: {ended:?}");
        let seen = health
            .ages()
            .iter()
            .filter(|(one, _)| *one != source)
            .count();
        assert_eq!(
            seen,
            Source::ALL.len() - 1,
            "every other collection is watched"
        );
        assert_eq!(health.alive(), Ok(()));
    });
}

/// A Lease, and every other answer about it: nobody acts beside a holder, and never for longer
/// than a holder may.
pub fn lease(input: &[u8]) {
    let mut rng = chance(input);
    let (get, write) = (pick(&mut rng, &CODES), pick(&mut rng, &CODES));
    let bytes = Bytes::copy_from_slice(input);
    let server = move |method: &Method, _: &str, _: Bytes| {
        answer(
            if method == Method::GET { get } else { write },
            whole(&bytes),
        )
    };
    let held =
        get == 200 && serde_json::from_slice::<Lease>(input).is_ok_and(|lease| is_held(&lease));
    paused(async {
        let (fence, term) = watch::channel(None);
        let api: Api<Lease> = Api::namespaced(client(server), "kubemend-system");
        let times = Times::of(Duration::from_secs(15));
        let state = || "Ready".to_owned();
        let clock = Clock::starting_at(NOW);
        let elector = Elector::new(api, ("kubemend", "me"), times, clock, state, fence);
        let check = async {
            for _ in 0..20 {
                sleep(Duration::from_millis(500)).await;
                let until = *term.borrow();
                assert!(!held || until.is_none(), "another process holds the Lease");
                let most = Instant::now() + Duration::from_secs(10);
                assert!(
                    until.is_none_or(|until| until <= most),
                    "the term has a bound"
                );
            }
        };
        elector.run(check).await;
    });
}

/// Does another process hold it for longer than the run looks, as the Lease itself says? One that
/// says nothing of use, such as a negative duration, counts as long as our own.
fn is_held(lease: &Lease) -> bool {
    let Some(spec) = &lease.spec else {
        return false;
    };
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let long = spec
        .lease_duration_seconds
        .is_none_or(|seconds| !(0..=12).contains(&seconds));
    !holder.is_empty() && holder != "me" && long
}

/// What an act is answered: its intent, its evidence, its requests, its result. The effect ends,
/// and ends with a reply.
pub fn act_answers(input: &[u8]) {
    let mut rng = chance(input);
    let (code, first, kept) = (pick(&mut rng, &CODES), rng.up_to(2), rng.up_to(3) > 0);
    let Some(effect) = act_of(first) else {
        panic!("the base world acts")
    };
    let bytes = Bytes::copy_from_slice(input);
    let server = move |method: &Method, path: &str, body: Bytes| {
        // Most records are kept as they are sent, so that the act goes on to its requests.
        let echo = kept && *method == Method::PUT && path.contains("healingevents");
        if echo {
            answer(200, whole(&body))
        } else {
            answer(code, whole(&bytes))
        }
    };
    paused(async {
        let (lease, fence) = Fence::new();
        lease.send_replace(Some(Instant::now() + Duration::from_mins(10)));
        let (changes, _inbox) = mpsc::channel(16);
        let clock = Clock::starting_at(NOW);
        let hands = Hands::new(client(server), fence, clock, Metrics::default(), changes);
        let reply = hands
            .finish(effect.clone(), kubemend_engine::episode::State::default())
            .await;
        assert_eq!(reply.target, effect.target());
        assert!(reply.retry_at.is_none_or(|at| at < Moment::MAX));
    });
}

/// The act on `shop/web` by a chain that begins with that step.
fn act_of(first: u64) -> Option<Effect> {
    let mut world = world::base(first);
    let web = |effect: &Effect| &*effect.target().name == "web";
    let open = decide(&world, NOW).effects.into_iter().find(web)?;
    let Effect::Open(mut episode, _) = open else {
        return None;
    };
    (episode.uid, episode.version) = ("record".into(), "20".into());
    let record = serde_json::to_value(kubemend_engine::record::encode(&episode)).ok()?;
    world::show(&mut world, Source::Records, &record);
    decide(&world, NOW).effects.into_iter().find(web)
}
