//! Runs one effect to its end: record, act, record. Every path, a panic included, ends in exactly
//! one [`Change::Done`].

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kubemend_engine::change::{Await, Change, Object, Reply};
use kubemend_engine::episode::State;
use kubemend_engine::facts::{TargetKey, Text};
use kubemend_engine::plan::Aside;
use kubemend_engine::{Effect, Episode, Moment, Source};
use kubemend_status::{Failure, Fence, Kept, Ledger, Permit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use crate::act::{self, Answer, Mark};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::{evidence, news, propose};

/// So many effects run at a time; with the API server answering in milliseconds that is hundreds
/// per second, and as many sockets at most.
const AT_ONCE: u32 = 32;

/// The sum of all parts' own deadlines: an intent of three sendings and readings (60 s), evidence
/// (3 s), the act until its notAfter and a last answer (40 s), and the result (60 s).
const WITHIN: Duration = Duration::from_mins(3);

/// The result of an act is worth more than one try; what is lost is settled by looking, after
/// notAfter, and that costs the user half a minute.
const RESULT_WITHIN: Duration = Duration::from_mins(1);

/// A write that failed for a passing reason is not tried again before this, in milliseconds.
const AGAIN: i64 = 2_000;

/// Everything that effects need.
#[derive(Clone)]
pub struct Hands {
    client: Client,
    ledger: Ledger,
    fence: Fence,
    clock: Clock,
    metrics: Metrics,
    changes: mpsc::Sender<Change>,
    slots: Arc<Semaphore>,
}

/// How an effect ended, before the target's name is put on it.
#[derive(Default)]
struct Ended {
    record: Option<Box<Episode>>,
    awaits: Vec<Await>,
    retry_at: Option<Moment>,
}

impl Hands {
    /// Hands that reach the cluster through this client, and answer through this channel.
    pub fn new(
        client: Client,
        fence: Fence,
        clock: Clock,
        metrics: Metrics,
        changes: mpsc::Sender<Change>,
    ) -> Self {
        Self {
            ledger: Ledger::new(client.clone()),
            client,
            fence,
            clock,
            metrics,
            changes,
            slots: Arc::new(Semaphore::new(AT_ONCE as usize)),
        }
    }

    /// A place for one more effect, if there is one.
    pub(crate) fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Waits until every effect that runs now has ended.
    pub(crate) async fn rest(&self) {
        // The semaphore is never closed; if it were, nothing would be running.
        let _ = self.slots.acquire_many(AT_ONCE).await;
    }

    /// Starts an effect; `before` is the state that its episode's record has now.
    pub(crate) fn start(&self, slot: OwnedSemaphorePermit, effect: Effect, before: State) {
        let hands = self.clone();
        tokio::spawn(async move {
            let reply = hands.finish(effect, before).await;
            // Nobody listens after the round has ended; the record tells the successor.
            let _ = hands.changes.send(Change::Done(reply)).await;
            drop(slot);
        });
    }

    /// Runs an effect to its end, whatever that is.
    pub async fn finish(&self, effect: Effect, before: State) -> Reply {
        let (target, label) = (effect.target(), effect.label());
        let runner = self.clone();
        let run = tokio::spawn(async move { timeout(WITHIN, runner.run(effect, before)).await });
        let ended = match run.await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) => {
                tracing::warn!(%target, effect = label, "an effect ran out of time");
                self.again()
            }
            Err(error) => {
                tracing::error!(%target, effect = label, %error, "an effect panicked");
                self.again()
            }
        };
        reply(target, ended)
    }

    async fn run(&self, effect: Effect, before: State) -> Ended {
        let Some(permit) = self.fence.permit() else {
            return self.again();
        };
        match effect {
            Effect::Open(episode, failing) => {
                let kept = self.ledger.create(&permit, &episode).await;
                if let Kept::Written(stored) = &kept {
                    news::opened(&self.metrics, stored, &failing);
                }
                self.kept(&episode, kept)
            }
            Effect::Write(mut episode) => {
                propose::fill(&self.client, &mut episode).await;
                self.write(&permit, &before, *episode).await
            }
            Effect::Act(episode, aside) => self.act(&permit, &before, *episode, &aside).await,
            Effect::Undo(episode) => self.undo(&permit, &before, *episode).await,
            Effect::Rehearse(episode, aside) => {
                self.rehearse(&permit, &before, *episode, &aside).await
            }
            Effect::Prove {
                target,
                revision,
                uid,
                version,
                hash,
                proof,
            } => {
                let mark = Mark {
                    kept_in: Source::of_revisions(target.kind),
                    revision: &revision,
                    uid: &uid,
                    version: &version,
                    hash: &hash,
                    proof,
                };
                match act::prove(&self.client, &permit, mark).await {
                    Ok(awaits) => Ended {
                        awaits: awaits.into_iter().collect(),
                        ..Ended::default()
                    },
                    Err(failure) => {
                        tracing::debug!(%revision, %failure, "a revision could not be marked");
                        self.again()
                    }
                }
            }
            Effect::Prune(episode) => {
                let kept = self.ledger.prune(&permit, &episode).await;
                self.kept(&episode, kept)
            }
        }
    }

    async fn write(&self, permit: &Permit, before: &State, episode: Episode) -> Ended {
        let kept = self.ledger.write(permit, before, episode.clone()).await;
        if let Kept::Written(stored) = &kept {
            news::written(&self.metrics, before, stored);
        }
        self.kept(&episode, kept)
    }

    async fn act(&self, permit: &Permit, before: &State, episode: Episode, aside: &Aside) -> Ended {
        let recorded = match self.ledger.intend(permit, before, episode.clone()).await {
            Ok(recorded) => recorded,
            // Not recorded, so not done.
            Err(kept) => return self.kept(&episode, kept),
        };
        news::written(&self.metrics, before, recorded.get());
        let intended = recorded.get().clone();
        let Some(attempt) = intended.last_attempt() else {
            return Ended {
                record: Some(intended.into()),
                ..Ended::default()
            };
        };
        let said = evidence::read(
            &self.client,
            &intended.id.namespace,
            attempt,
            &aside.failing,
            &intended.state.evidence,
        )
        .await;
        let answers = act::execute(&self.client, permit, &self.clock, &recorded, aside).await;
        let mut episode = recorded.into_inner();
        let results: Vec<_> = answers
            .iter()
            .map(|one| (one.done, one.detail.map(str::to_owned)))
            .collect();
        episode.settle(&results, self.clock.now());
        episode.state.evidence = said;
        propose::fill(&self.client, &mut episode).await;
        self.result(permit, &intended, episode, &answers).await
    }

    async fn undo(&self, permit: &Permit, before: &State, episode: Episode) -> Ended {
        let recorded = match self.ledger.intend(permit, before, episode.clone()).await {
            Ok(recorded) => recorded,
            Err(kept) => return self.kept(&episode, kept),
        };
        tracing::info!(episode = %recorded.get().id, "taking a scale back");
        let intended = recorded.get().clone();
        let answer = act::undo(&self.client, permit, &self.clock, &recorded).await;
        let mut episode = recorded.into_inner();
        episode.settle_undo(answer.done, answer.detail, self.clock.now());
        tracing::info!(episode = %episode.id, done = ?answer.done, detail = answer.detail, "took a scale back");
        self.result(permit, &intended, episode, &[answer]).await
    }

    async fn rehearse(
        &self,
        permit: &Permit,
        before: &State,
        mut episode: Episode,
        aside: &Aside,
    ) -> Ended {
        let answers = act::rehearse(&self.client, permit, &self.clock, &episode, aside).await;
        if let Some(attempt) = episode.state.attempts.last_mut() {
            for (request, answer) in attempt.requests.iter_mut().zip(&answers) {
                request.detail = Some(Text::from(answer.detail.unwrap_or("DryRun ok")));
            }
        }
        propose::fill(&self.client, &mut episode).await;
        self.write(permit, before, episode).await
    }

    /// Writes the result of an act, more stubbornly than anything else.
    async fn result(
        &self,
        permit: &Permit,
        intended: &Episode,
        episode: Episode,
        answers: &[Answer],
    ) -> Ended {
        let write = async {
            loop {
                match self
                    .ledger
                    .write(permit, &intended.state, episode.clone())
                    .await
                {
                    Kept::Failed(failure) if failure != Failure::Fenced => {
                        tracing::warn!(episode = %episode.id, %failure, "a result could not be recorded, retrying");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    kept => return kept,
                }
            }
        };
        let kept = timeout(RESULT_WITHIN, write)
            .await
            .unwrap_or(Kept::Failed(Failure::Timeout));
        if let Kept::Written(stored) = &kept {
            news::written(&self.metrics, &intended.state, stored);
        }
        let missing = matches!(kept, Kept::Missing);
        let mut ended = self.kept(&episode, kept);
        // The intent stands in the record, whatever became of the result; a record that is gone
        // must not come back.
        if !missing {
            ended.record = ended.record.or_else(|| Some(intended.clone().into()));
        }
        ended
            .awaits
            .extend(answers.iter().filter_map(|one| one.awaits.clone()));
        let later = answers.iter().filter_map(|one| one.retry_after).max();
        let later = later.map(|wait| {
            self.clock
                .now()
                .plus(i64::try_from(wait.as_millis()).unwrap_or(AGAIN))
        });
        ended.retry_at = ended.retry_at.max(later);
        ended
    }

    fn kept(&self, episode: &Episode, kept: Kept) -> Ended {
        match kept {
            Kept::Written(stored) => Ended {
                record: Some(stored),
                ..Ended::default()
            },
            Kept::Other(stored) => {
                tracing::info!(episode = %episode.id, "the record was changed meanwhile; judging again");
                Ended {
                    record: Some(stored),
                    ..Ended::default()
                }
            }
            // The watch will tell, whether it is gone or cannot be read.
            Kept::Missing => self.again(),
            Kept::Failed(failure) => {
                tracing::warn!(episode = %episode.id, %failure, "a record could not be written");
                let wait = failure
                    .retry_after()
                    .and_then(|wait| i64::try_from(wait.as_millis()).ok());
                Ended {
                    retry_at: Some(self.clock.now().plus(wait.unwrap_or(AGAIN).max(AGAIN))),
                    ..Ended::default()
                }
            }
        }
    }

    fn again(&self) -> Ended {
        Ended {
            retry_at: Some(self.clock.now().plus(AGAIN)),
            ..Ended::default()
        }
    }
}

fn reply(target: TargetKey, ended: Ended) -> Reply {
    Reply {
        target,
        record: ended
            .record
            .map(|episode| Box::new(Object::Record(episode))),
        awaits: ended.awaits,
        retry_at: ended.retry_at,
    }
}
