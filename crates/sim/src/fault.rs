//! Faults: which requests they hit, and what they do.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    request::{Request, Verb},
    rng::Rng,
};

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Refused with this code, reason and `Retry-After`; never applied.
    Status(u16, String, Option<u32>),
    /// Never applied; the connection breaks.
    DropBefore,
    /// Applied; the connection breaks before the reply.
    LostReply,
    /// Applied; the reply is a 504.
    ReplyAfterApply504,
    /// Arrives this much later, even if the client gives up waiting.
    Delay(Duration),
    /// Applied at once; the reply comes this much later.
    DelayReply(Duration),
    /// Never applied, never answered.
    Hang,
    /// Applied; the reply is not JSON.
    GarbageBody,
    /// The client's process ends here: nothing more from it arrives, nothing more reaches it.
    Crash(Side),
    /// Something goes wrong with a watch.
    Watch(WatchFault),
}

impl FaultKind {
    /// A refusal, for example `FaultKind::status(403, "Forbidden")`.
    pub fn status(code: u16, reason: &str) -> Self {
        Self::Status(code, reason.to_owned(), None)
    }
}

/// Where around a write a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The write is never applied.
    Before,
    /// The write is applied; its reply is never seen.
    After,
}

/// What goes wrong with an open watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFault {
    /// Open, but silent, until [`Server::mend_watches`](crate::Server::mend_watches).
    Freeze,
    /// Closed cleanly.
    Close,
    /// An `ERROR` frame with code 410, then closed.
    Gone410,
    /// One frame that is not JSON, then on as usual.
    GarbageFrame,
}

type Test = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// Which requests a fault hits: each given part must match.
///
/// ```
/// use kubemend_sim::{Matcher, Verb};
/// let second_status_patch =
///     Matcher::any().verb(Verb::Patch).resource("healingevents").subresource("status").nth(2);
/// ```
#[derive(Clone)]
pub struct Matcher {
    client: Option<String>,
    verb: Option<Verb>,
    writes: bool,
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    test: Option<Test>,
    turn: Turn,
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Always,
    Only(u64),
    First(u64),
    From(u64),
    Chance(u64),
}

impl Matcher {
    /// Every request.
    pub fn any() -> Self {
        Self {
            client: None,
            verb: None,
            writes: false,
            resource: None,
            subresource: None,
            namespace: None,
            name: None,
            test: None,
            turn: Turn::Always,
        }
    }

    /// Every create, update, patch and delete.
    pub fn writes() -> Self {
        Self {
            writes: true,
            ..Self::any()
        }
    }

    /// Only this client's.
    #[must_use]
    pub fn client(self, name: &str) -> Self {
        Self {
            client: Some(name.to_owned()),
            ..self
        }
    }

    /// Only this verb.
    #[must_use]
    pub fn verb(self, verb: Verb) -> Self {
        Self {
            verb: Some(verb),
            ..self
        }
    }

    /// Only this resource, by its plural.
    #[must_use]
    pub fn resource(self, plural: &str) -> Self {
        Self {
            resource: Some(plural.to_owned()),
            ..self
        }
    }

    /// Only this subresource; the empty one is the object itself.
    #[must_use]
    pub fn subresource(self, subresource: &str) -> Self {
        Self {
            subresource: Some(subresource.to_owned()),
            ..self
        }
    }

    /// Only in this namespace.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            ..self
        }
    }

    /// Only this name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..self
        }
    }

    /// Only requests that pass a test of the caller's.
    #[must_use]
    pub fn when(self, test: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self {
            test: Some(Arc::new(test)),
            ..self
        }
    }

    /// Only the nth match, counted from 1.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        Self {
            turn: Turn::Only(n),
            ..self
        }
    }

    /// Only the first n matches.
    #[must_use]
    pub fn first(self, n: u64) -> Self {
        Self {
            turn: Turn::First(n),
            ..self
        }
    }

    /// The nth match and all that follow.
    #[must_use]
    pub fn from_nth(self, n: u64) -> Self {
        Self {
            turn: Turn::From(n),
            ..self
        }
    }

    /// Each match with this chance in a thousand, from the server's seed.
    #[must_use]
    pub fn chance(self, per_mille: u64) -> Self {
        Self {
            turn: Turn::Chance(per_mille),
            ..self
        }
    }

    /// Does the request match, whatever its turn?
    pub fn matches(&self, request: &Request) -> bool {
        let same = |want: &Option<String>, have: &str| want.as_ref().is_none_or(|w| w == have);
        same(&self.client, &request.client)
            && self.verb.is_none_or(|verb| verb == request.verb)
            && (!self.writes || request.verb.writes())
            && same(&self.resource, request.resource.plural)
            && same(&self.subresource, &request.subresource)
            && same(&self.namespace, &request.namespace)
            && same(&self.name, &request.name)
            && self.test.as_ref().is_none_or(|test| test(request))
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher")
            .field("client", &self.client)
            .field("verb", &self.verb)
            .field("resource", &self.resource)
            .field("subresource", &self.subresource)
            .field("namespace", &self.namespace)
            .field("name", &self.name)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}

/// Names a fault, to count its hits or to clear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(u64);

struct Rule {
    id: FaultId,
    when: Matcher,
    what: FaultKind,
    seen: u64,
    hits: u64,
    notify: Option<oneshot::Sender<()>>,
}

/// The faults in force, oldest first; the first that fires wins.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    next: u64,
}

impl Faults {
    pub(crate) fn add(
        &mut self,
        when: Matcher,
        what: FaultKind,
        notify: Option<oneshot::Sender<()>>,
    ) -> FaultId {
        self.next += 1;
        let id = FaultId(self.next);
        self.rules.push(Rule {
            id,
            when,
            what,
            seen: 0,
            hits: 0,
            notify,
        });
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) {
        self.rules.retain(|rule| rule.id != id);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn hits(&self, id: FaultId) -> u64 {
        self.rules
            .iter()
            .find(|rule| rule.id == id)
            .map_or(0, |rule| rule.hits)
    }

    /// The fault that hits this request; every matching rule counts it.
    pub(crate) fn pick(
        &mut self,
        request: &Request,
        rng: &mut Rng,
    ) -> Option<(FaultKind, Option<oneshot::Sender<()>>)> {
        let mut picked = None;
        for rule in &mut self.rules {
            let on_watch = matches!(rule.what, FaultKind::Watch(_));
            if on_watch && request.verb != Verb::Watch || !rule.when.matches(request) {
                continue;
            }
            rule.seen += 1;
            let fires = match rule.when.turn {
                Turn::Always => true,
                Turn::Only(n) => rule.seen == n,
                Turn::First(n) => rule.seen <= n,
                Turn::From(n) => rule.seen >= n,
                Turn::Chance(per_mille) => rng.up_to(999) < per_mille,
            };
            if fires && picked.is_none() {
                rule.hits += 1;
                picked = Some((rule.what.clone(), rule.notify.take()));
            }
        }
        picked
    }
}
