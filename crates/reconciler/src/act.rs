//! Acts on the cluster: what an intent resolved, and nothing else. Each request carries the state
//! that was judged as its precondition, so that it has at most one effect.

mod restart_pod;
mod restart_workload;
mod scale;
mod rollback;
mod resize_memory;
mod job;
mod prove;

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use kube::Client;
use kubemend_engine::change::{Await, version_of};
use kubemend_engine::episode::{Done, Request as Wanted, Verb};
use kubemend_engine::plan::Aside;
use kubemend_engine::{Episode, Moment, Source};
use kubemend_status::call::{self, Request};
use kubemend_status::{Failure, Permit, Recorded};
use serde_json::{Value, json};

use crate::clock::Clock;

pub(crate) use prove::{Mark, prove};

/// A request's answer is awaited so long; one sent right before its intent's end is settled soon
/// after it.
const WITHIN: Duration = Duration::from_secs(5);

/// How often one request is sent: the first time and, where reading shows the judged state
/// unchanged, twice more.
const TRIES: u32 = 3;

/// Between two tries after an answer that told nothing.
const PAUSE: Duration = Duration::from_secs(1);

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) done: Done,
    /// Why it was not applied, in a word.
    pub(crate) detail: Option<&'static str>,
    pub(crate) awaits: Option<Await>,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    fn applied(awaits: Option<Await>) -> Self {
        Self {
            done: Done::Applied,
            detail: None,
            awaits,
            retry_after: None,
        }
    }

    fn not_applied(why: &'static str) -> Self {
        Self {
            done: Done::NotApplied,
            detail: Some(why),
            awaits: None,
            retry_after: None,
        }
    }

    fn unknown(why: &'static str) -> Self {
        Self {
            done: Done::Unknown,
            ..Self::not_applied(why)
        }
    }

    /// A request that failed before any other could have had an effect.
    fn refused(failure: &Failure) -> Self {
        Self {
            retry_after: failure.retry_after(),
            ..Self::not_applied(failure.label())
        }
    }
}

/// Where and until when requests may be sent.
pub(crate) struct Hand<'a> {
    pub(crate) client: &'a Client,
    pub(crate) permit: &'a Permit,
    pub(crate) clock: &'a Clock,
    pub(crate) not_after: Moment,
    /// The server only rehearses.
    pub(crate) dry: bool,
    /// The intent was armed before: what is gone went by its hand.
    pub(crate) rearmed: bool,
}

impl Hand<'_> {
    /// Checked right before each request, on the monotonic clock.
    fn may_send(&self) -> Result<(), &'static str> {
        self.permit.check().map_err(|lost| lost.label())?;
        if self.clock.now() > self.not_after {
            return Err("IntentExpired");
        }
        Ok(())
    }

    async fn send(&self, request: Request) -> Result<Bytes, Failure> {
        call::send(self.client, request, WITHIN).await
    }
}

/// Executes the newest attempt of a recorded episode: every request that has no certain effect yet.
pub(crate) async fn execute(
    client: &Client,
    permit: &Permit,
    clock: &Clock,
    recorded: &Recorded<Episode>,
    aside: &Aside,
) -> Vec<Answer> {
    attempt(client, permit, clock, recorded.get(), aside, false).await
}

/// Lets the API server rehearse the newest attempt; touches nothing.
pub(crate) async fn rehearse(
    client: &Client,
    permit: &Permit,
    clock: &Clock,
    episode: &Episode,
    aside: &Aside,
) -> Vec<Answer> {
    attempt(client, permit, clock, episode, aside, true).await
}

/// Puts the replicas of a recorded undo back.
pub(crate) async fn undo(
    client: &Client,
    permit: &Permit,
    clock: &Clock,
    recorded: &Recorded<Episode>,
) -> Answer {
    let episode = recorded.get();
    let Some(undo) = &episode.state.undo else {
        return Answer::not_applied("NothingToUndo");
    };
    let hand = Hand {
        client,
        permit,
        clock,
        not_after: undo.not_after.unwrap_or_default(),
        dry: false,
        rearmed: undo.rearmed > 0,
    };
    let target = &episode.spec.target;
    scale::run(&hand, &episode.target(), &target.uid, undo.to, undo.from).await
}

async fn attempt(
    client: &Client,
    permit: &Permit,
    clock: &Clock,
    episode: &Episode,
    aside: &Aside,
    dry: bool,
) -> Vec<Answer> {
    let Some(attempt) = episode.last_attempt() else {
        return Vec::new();
    };
    let hand = Hand {
        client,
        permit,
        clock,
        not_after: attempt.not_after,
        dry,
        rearmed: attempt.rearmed > 0,
    };
    // At most ten, by the record's schema.
    join_all(
        attempt
            .requests
            .iter()
            .map(|wanted| one(&hand, episode, wanted, aside)),
    )
    .await
}

/// Every verb has its file; a new one does not compile without.
async fn one(hand: &Hand<'_>, episode: &Episode, wanted: &Wanted, aside: &Aside) -> Answer {
    match wanted.result {
        // A re-armed intent repeats only what is open; the rest keeps its result.
        Some(Done::Applied) => return Answer::applied(None),
        Some(Done::Unknown) => return Answer::unknown("Unknown"),
        Some(Done::NotApplied) => return Answer::not_applied("NoLongerWanted"),
        None => {}
    }
    match wanted.verb {
        Verb::Evict | Verb::Delete => restart_pod::run(hand, &episode.id.namespace, wanted).await,
        Verb::Scale => {
            let number = |text: &Option<_>| {
                text.as_ref()
                    .and_then(|one: &kubemend_engine::facts::Text| one.parse().ok())
            };
            let (Some(from), Some(to)) = (number(&wanted.from), number(&wanted.to)) else {
                return Answer::not_applied("Invalid");
            };
            scale::run(hand, &episode.target(), &wanted.uid, from, to).await
        }
        Verb::Rollback => rollback::run(hand, episode, wanted).await,
        Verb::Resize => resize_memory::run(hand, &episode.id.namespace, wanted).await,
        Verb::Restart => restart_workload::run(hand, episode, wanted).await,
        Verb::Run => job::run(hand, episode, wanted, aside).await,
    }
}

/// What reading before a conditional change shows.
enum Sight {
    /// The judged state stands: this request would change it.
    Judged(Request),
    /// The change is there, with this to be seen before judging again.
    There(Option<Await>),
    /// It is there, and says itself that this intent made it.
    Ours(Option<Await>),
    /// Something else was changed.
    Changed(&'static str),
}

/// Reads what a conditional change was judged on.
trait Look {
    fn look(&self, hand: &Hand<'_>) -> impl Future<Output = Result<Sight, Failure>> + Send;
}

/// Changes an object under the version just read. A conflict is no change: read again, and only
/// where the judged state stands, send again. An answer that told nothing is settled the same way.
async fn change(hand: &Hand<'_>, source: Source, judged: impl Look) -> Answer {
    let mut unsure = None;
    let mut refused = Failure::Timeout;
    for sent in 0..=TRIES {
        let settled = |answer: Answer| unsure.map_or(answer, Answer::unknown);
        let request = match judged.look(hand).await {
            Ok(Sight::Judged(request)) => request,
            // Where the intent was armed before, its first execution may have done it.
            Ok(Sight::There(awaits)) if unsure.is_some() || hand.rearmed => {
                return Answer::applied(awaits);
            }
            Ok(Sight::Ours(awaits)) => return Answer::applied(awaits),
            Ok(Sight::There(_)) => return Answer::not_applied("Changed"),
            Ok(Sight::Changed(why)) => return settled(Answer::not_applied(why)),
            Err(failure) => return settled(Answer::refused(&failure)),
        };
        if sent == TRIES {
            break;
        }
        if let Err(why) = hand.may_send() {
            return settled(Answer::not_applied(why));
        }
        match hand.send(request.dry(hand.dry)).await {
            // An answer without a version is no answer: what to wait for is read instead.
            Ok(object) => match version(source, &object) {
                Some(seen) => return Answer::applied(Some(seen)),
                // What is only rehearsed may have none.
                None if hand.dry => return Answer::applied(None),
                None => unsure = Some("UnreadableAnswer"),
            },
            Err(failure) if may_stand(&failure) => refused = failure,
            Err(failure) if failure.certainly_not_applied() => {
                return settled(Answer::refused(&failure));
            }
            Err(failure) => {
                unsure = Some(failure.label());
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    unsure.map_or_else(|| Answer::refused(&refused), Answer::unknown)
}

/// An answer after which the judged state may stand all the same: reading tells.
fn may_stand(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Conflict(_) | Failure::Invalid(_) | Failure::AlreadyExists
    )
}

/// The JSON-patch operation that sets an annotation below `path`, where `metadata` is what stands there now.
fn mark(path: &str, metadata: &Value, key: &str, value: &str) -> Value {
    if metadata["annotations"].is_object() {
        let path = format!("{path}/annotations/{}", key.replace('/', "~1"));
        return json!({"op": "add", "path": path, "value": value});
    }
    json!({"op": "add", "path": format!("{path}/annotations"), "value": {key: value}})
}

fn parse(json: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(json).map_err(|error| Failure::Garbage(error.to_string()))
}

/// The version that must be seen before the target is judged again.
fn version(source: Source, object: &[u8]) -> Option<Await> {
    version_of(object).map(|version| Await::Version(source, version))
}
