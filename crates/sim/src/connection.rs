//! One client's way to the server, with the faults on it.

use std::{
    future::pending,
    io,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::sleep;
use tower::{BoxError, Service};

use crate::{
    answer::{self, Answer},
    clock::Clock,
    fault::{FaultKind, Side},
    refusal::Refusal,
    request::Request,
    rng::Rng,
    server::Server,
};

/// The service under one `kube::Client`, which stands for one process.
#[derive(Clone)]
pub struct Connection {
    server: Server,
    client: Arc<str>,
    id: u64,
}

impl Service<http::Request<Body>> for Connection {
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.clone().handle(request))
    }
}

/// How a request ends for its sender.
enum End {
    Answer(Answer),
    Broken,
    Silence,
    Crash,
}

impl Connection {
    pub(crate) fn new(server: Server, client: &str, id: u64) -> Self {
        Self {
            server,
            client: client.into(),
            id,
        }
    }

    async fn handle(self, request: http::Request<Body>) -> Result<Answer, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        if self.crashed() {
            return pending().await;
        }
        if head.uri.path() == "/version" {
            return Ok(answer::version(&self.clock()));
        }
        let request = match Request::parse(self.client.clone(), &head, &body) {
            Ok(request) => request,
            Err(refusal) => return Ok(answer::refused(&self.clock(), &refusal)),
        };
        let most = self.server.settings().request_lag;
        let (seq, lag, fault) = self.server.look(|state| {
            let seq = state.trace.arrived(&request, state.objects.clock.elapsed());
            let mut dice = state.dice(&request);
            let lag = lag(most, &mut dice);
            (seq, lag, state.faults.pick(&request, &mut dice))
        });
        let (fault, notify) = fault.map_or((None, None), |(what, notify)| (Some(what), notify));
        let end = self.meet(request, (seq, lag), fault).await;
        if self.crashed() {
            return pending().await;
        }
        match end {
            End::Answer(answer) => {
                self.server
                    .look(|state| state.trace.answered(seq, answer.status().as_u16()));
                Ok(answer)
            }
            End::Broken => {
                let reset = io::Error::new(io::ErrorKind::ConnectionReset, "connection reset");
                Err(reset.into())
            }
            End::Silence => pending().await,
            End::Crash => {
                self.server.look(|state| state.crashed.insert(self.id));
                self.server.wake();
                if let Some(notify) = notify {
                    // A harness that stopped listening is no reason to go on: the process is dead.
                    let _ = notify.send(());
                }
                pending().await
            }
        }
    }

    /// Send the request through its fault.
    async fn meet(
        &self,
        request: Request,
        (seq, lag): (u64, Duration),
        fault: Option<FaultKind>,
    ) -> End {
        let mut delay = lag;
        let mut watch_fault = None;
        match &fault {
            Some(FaultKind::Status(code, reason, retry_after)) => {
                let mut refusal = Refusal::new(*code, reason, "refused by the test's fault");
                refusal.retry_after = *retry_after;
                return End::Answer(answer::refused(&self.clock(), &refusal));
            }
            Some(FaultKind::DropBefore) => return End::Broken,
            Some(FaultKind::Hang) => return End::Silence,
            Some(FaultKind::Crash(Side::Before)) => return End::Crash,
            Some(FaultKind::Delay(time)) => delay += *time,
            Some(FaultKind::Watch(fault)) => watch_fault = Some(*fault),
            _ => {}
        }
        let (server, id) = (self.server.clone(), self.id);
        let answer = if delay.is_zero() {
            server.answer(request, seq, id, watch_fault)
        } else {
            // Once on its way, a request arrives even if its sender gives up.
            let arrival = tokio::spawn(async move {
                sleep(delay).await;
                server.answer(request, seq, id, watch_fault)
            });
            match arrival.await {
                Ok(answer) => answer,
                Err(_) => return End::Broken,
            }
        };
        match fault {
            Some(FaultKind::LostReply) => End::Broken,
            Some(FaultKind::Crash(Side::After)) => End::Crash,
            Some(FaultKind::GarbageBody) => End::Answer(answer::garbage(&self.clock())),
            Some(FaultKind::ReplyAfterApply504) => {
                let why = "the server was unable to return a response in the time allotted";
                let refusal = Refusal::new(504, "Timeout", why);
                End::Answer(answer::refused(&self.clock(), &refusal))
            }
            Some(FaultKind::DelayReply(time)) => {
                sleep(time).await;
                End::Answer(answer)
            }
            _ => End::Answer(answer),
        }
    }

    fn crashed(&self) -> bool {
        self.server.look(|state| state.crashed.contains(&self.id))
    }

    fn clock(&self) -> Clock {
        self.server.peek(|objects| objects.clock.clone())
    }
}

fn lag(most: Duration, dice: &mut Rng) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(dice.up_to(most))
}
