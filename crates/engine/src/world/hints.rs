//! What Warning events told of the objects in view, and no more of it than anybody asks for.
//!
//! Events are many, late and best effort, and anybody may write them: they are counted per object and
//! reason, kept within bounds, and confirmed on the object itself before they count for anything.

use std::collections::{BTreeMap, BTreeSet};

use kubemend_api::targets::WorkloadKind;

use super::World;
use crate::detect::detector;
use crate::facts::event::{EventFacts, NoAnswer, is_asked};
use crate::facts::{Name, TargetKey, Text, Uid};
use crate::moment::Moment;
use crate::source::Source;

/// So many occurrences of one reason are told apart: no trigger counts more.
const TIMES_MAX: usize = 10;

/// Events of one reason and object that are told apart: one for each probe of a container, and one more. Writers
/// join what is alike themselves.
const EVENTS_MAX: usize = 4;

/// Reasons kept of one object; the kubelet has fewer for a pod that fails in one way.
const REASONS_MAX: usize = 6;

/// Objects with hints, of which there are as many as pods on a hundred nodes. A hint has a third of a kilobyte at
/// most: three megabytes where each has one, twenty where each has six. Beyond it the oldest are forgotten.
const OBJECTS_MAX: usize = 10_000;

/// An event comes a moment before its object at most: a tenth of the others is a large rollout.
const STRANGERS_MAX: usize = 1_000;

/// What was told of one object by events of one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The reason.
    pub reason: Text,
    /// When it came, oldest first. Of occurrences that one event counts together only the first and the last
    /// have times; the others are taken for as old as they can be.
    pub times: Vec<Moment>,
    /// When a probe last met with silence.
    pub silent: Option<Moment>,
    /// When a probe was last refused.
    pub refused: Option<Moment>,
    /// The events behind it with their counts and times, so that none counts twice.
    events: Vec<(Uid, u32, Moment)>,
}

/// The object that a hint is about. Its namespace is part of it: anybody may write any UID into an event in a
/// namespace of theirs.
pub(super) type About = (Text, Uid);

/// The hints of all objects.
#[derive(Default)]
pub(super) struct Hints {
    /// What policies ask for; see [`is_asked`].
    asked: BTreeSet<Text>,
    in_view: Table,
    /// Events that came before their objects, or about objects that never come: they must not drive out the others.
    strangers: Table,
}

/// Hints by object.
#[derive(Default)]
struct Table {
    of: BTreeMap<About, (Moment, Vec<Hint>)>,
    /// The same objects, by when they were heard of last in this process's own time.
    by_age: BTreeSet<(Moment, About)>,
}

impl Hints {
    /// From now on these reasons are kept; what was kept for others goes with its objects.
    pub(super) fn ask(&mut self, asked: BTreeSet<Text>) {
        self.asked = asked;
    }

    /// Whether anybody asks for such an event.
    pub(super) fn wants(&self, event: &EventFacts) -> bool {
        event.warning && self.asked.iter().any(|one| is_asked(one, &event.reason))
    }

    /// Adds what an event tells of an object; false where that was known.
    pub(super) fn note(
        &mut self,
        about: &About,
        in_view: bool,
        event: &EventFacts,
        now: Moment,
    ) -> bool {
        let mut hints = self.strangers.take(about);
        hints.extend(self.in_view.take(about));
        let at = hints.iter().position(|one| one.reason == event.reason);
        let mut hint = at.map_or_else(|| Hint::new(&event.reason), |at| hints.remove(at));
        let news = hint.note(event, now);
        hints.push(hint);
        let surplus = hints.len().saturating_sub(REASONS_MAX);
        hints.drain(..surplus);
        let (table, most) = if in_view {
            (&mut self.in_view, OBJECTS_MAX)
        } else {
            (&mut self.strangers, STRANGERS_MAX)
        };
        table.put(about, hints, now, most);
        news
    }

    /// What was told of an object, the newest reason last.
    pub(super) fn of(&self, about: &About) -> &[Hint] {
        let known = self.in_view.of.get(about);
        let found = known.or_else(|| self.strangers.of.get(about));
        found.map_or(&[], |(_, hints)| hints)
    }

    /// Nothing was told of anything: the usual case, in which nobody need look.
    pub(super) fn is_empty(&self) -> bool {
        self.in_view.of.is_empty() && self.strangers.of.is_empty()
    }

    /// The object is gone.
    pub(super) fn forget(&mut self, about: &About) {
        self.in_view.take(about);
        self.strangers.take(about);
    }
}

impl Table {
    fn take(&mut self, about: &About) -> Vec<Hint> {
        let Some((heard, hints)) = self.of.remove(about) else {
            return Vec::new();
        };
        self.by_age.remove(&(heard, about.clone()));
        hints
    }

    fn put(&mut self, about: &About, hints: Vec<Hint>, now: Moment, most: usize) {
        self.of.insert(about.clone(), (now, hints));
        self.by_age.insert((now, about.clone()));
        if self.of.len() > most
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.of.remove(&oldest);
        }
    }
}

impl Hint {
    fn new(reason: &Text) -> Self {
        Self {
            reason: reason.clone(),
            times: Vec::new(),
            silent: None,
            refused: None,
            events: Vec::new(),
        }
    }

    fn note(&mut self, event: &EventFacts, now: Moment) -> bool {
        let last = event.last.unwrap_or(now).min(now);
        match event.probe {
            Some(NoAnswer::Silence) => self.silent = self.silent.max(Some(last)),
            Some(NoAnswer::Refused) => self.refused = self.refused.max(Some(last)),
            None => {}
        }
        let at = self.events.iter().position(|(uid, ..)| *uid == event.uid);
        let known = at.map(|at| self.events.remove(at));
        let (fresh, before) = match &known {
            Some((_, count, before)) => (event.count.saturating_sub(*count), Some(*before)),
            // One that was known may have been forgotten: only its last occurrence is news for sure.
            None if self.events.len() >= EVENTS_MAX => (1, None),
            None => (event.count, event.first),
        };
        let count = known.map_or(event.count, |(_, count, _)| count.max(event.count));
        if self.events.len() >= EVENTS_MAX {
            self.events.remove(0);
        }
        self.events.push((event.uid.clone(), count, last));
        let earlier = usize::try_from(fresh.saturating_sub(1)).unwrap_or(TIMES_MAX);
        let oldest = before.unwrap_or(last).min(last);
        self.times
            .extend(std::iter::repeat_n(oldest, earlier.min(TIMES_MAX)));
        self.times.extend((fresh > 0).then_some(last));
        self.times.sort_unstable();
        let surplus = self.times.len().saturating_sub(TIMES_MAX);
        self.times.drain(..surplus);
        fresh > 0
    }

    /// How many came after that moment.
    pub fn since(&self, after: Moment) -> impl Iterator<Item = Moment> {
        self.times.iter().copied().filter(move |at| *at > after)
    }
}

impl World {
    /// Keeps what an event tells where a policy asks for it.
    pub(super) fn put_event(
        &mut self,
        mut event: EventFacts,
        now: Moment,
    ) -> Option<(Source, Name)> {
        if !self.hints.wants(&event) {
            return None;
        }
        self.words.share(&mut event.reason);
        self.words.share(&mut event.about.namespace);
        let about = (event.about.namespace.clone(), event.about_uid.clone());
        let in_view = self.knows(&event);
        self.hints
            .note(&about, in_view, &event, now)
            .then_some((Source::Events, event.name))
    }

    fn knows(&self, event: &EventFacts) -> bool {
        let (name, uid) = (&event.about, &event.about_uid);
        match &*event.kind {
            "Pod" => self.pods.get(name).is_some_and(|one| one.facts.uid == *uid),
            "ReplicaSet" => {
                let id = (Source::ReplicaSets, name.clone());
                self.revisions.get(&id).is_some_and(|one| *uid == one.uid)
            }
            kind => WorkloadKind::named(kind).is_some_and(|kind| {
                let key = TargetKey::new(kind, &name.namespace, &name.name);
                let known = self.workloads.get(&key);
                known.is_some_and(|one| *uid == one.facts.uid)
            }),
        }
    }

    /// Asks for the events that the rules of all policies look at.
    pub(super) fn ask_for_events(&mut self) {
        let rules = self.policies.values().flat_map(|policy| &policy.rules);
        let asked = rules.flat_map(|rule| detector(&rule.trigger).hears());
        let asked = asked.map(Text::from).collect();
        self.hints.ask(asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::slim::SlimEvent;

    fn event(uid: &str, about: &str, count: u32, last: &str) -> EventFacts {
        let slim: SlimEvent = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "shop", "name": uid, "uid": uid}, "type": "Warning", "reason": "Failed",
            "involvedObject": {"kind": "Pod", "name": about, "uid": about}, "count": count,
            "firstTimestamp": "2026-03-01T00:00:00Z", "lastTimestamp": last,
        }))
        .expect("an event");
        EventFacts::read(&slim)
    }

    fn about(pod: &str) -> About {
        ("shop".into(), pod.into())
    }

    #[test]
    fn a_repeated_event_counts_as_often_as_it_came_and_never_twice() {
        let now = Moment::parse("2026-03-01T01:00:00Z").expect("a time");
        let mut hints = Hints::default();
        let mut note = |uid: &str, count, last: &str, in_view| {
            let one = event(uid, "p", count, &format!("2026-03-01T00:{last}:00Z"));
            hints.note(&about("p"), in_view, &one, now)
        };
        assert!(note("e", 1, "00", false));
        assert!(!note("e", 1, "00", true));
        assert!(note("e", 3, "05", true));
        assert!(!note("e", 2, "04", true));
        assert!(note("other", 1, "06", true));
        let times = &hints.of(&about("p"))[0].times;
        let minutes: Vec<_> = times
            .iter()
            .map(|at| at.to_string()[14..16].to_owned())
            .collect();
        assert_eq!(minutes, ["00", "00", "05", "06"]);
    }

    #[test]
    fn everything_that_is_kept_has_a_bound() {
        let mut hints = Hints::default();
        let start = Moment::parse("2026-03-01T00:00:00Z").expect("a time");
        for (most, in_view) in [(OBJECTS_MAX, true), (STRANGERS_MAX, false)] {
            for index in 0..most + 5 {
                let pod = format!("{in_view}{index}");
                let now = start.plus(i64::try_from(index).expect("small"));
                let one = event("e", &pod, 1_000, "2026-03-01T00:00:00Z");
                hints.note(&about(&pod), in_view, &one, now);
            }
            let kept = |index| !hints.of(&about(&format!("{in_view}{index}"))).is_empty();
            assert!(!kept(4) && kept(5) && kept(most + 4));
        }
        for index in 0..50 {
            let mut one = event(&format!("e{index}"), "true9", 9, "2026-03-01T00:00:00Z");
            one.reason = format!("Failed{}", index % 10).as_str().into();
            hints.note(&about("true9"), true, &one, start);
        }
        let kept = hints.of(&about("true9"));
        assert_eq!(kept.len(), REASONS_MAX);
        let within = |one: &Hint| one.times.len() <= TIMES_MAX && one.events.len() <= EVENTS_MAX;
        assert!(kept.iter().all(within));
        hints.forget(&about("true9"));
        for table in [&hints.in_view, &hints.strangers] {
            assert_eq!(table.by_age.len(), table.of.len());
        }
        assert_eq!(hints.in_view.of.len(), OBJECTS_MAX - 1);
    }
}
