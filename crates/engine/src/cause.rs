//! Common causes: a few targets fail together and their failing pods share something, fewer than make a storm.
//!
//! What a target's failing pods show is written into its record when it is opened; which targets show the same is
//! read off the records, so that a new leader sees the same causes.

use std::collections::BTreeMap;

use kubemend_api::event::{CauseKind, EventSign};
use kubemend_api::triggers::TriggerName;

use crate::detect::Detect;
use crate::episode::Episode;
use crate::facts::{Blocked, PodFacts, TargetKey, Text};
use crate::health;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::World;

/// So many targets make it likelier that they share the cause than that each has its own: two may be chance.
pub const LEAST: usize = 3;

/// A zone holds a good part of everything, so that chance does more.
pub const LEAST_OF_ZONE: usize = 5;

/// A release is the likelier cause for so long.
pub const RELEASE: Millis = 3_600_000;

/// A cause that several targets share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Cause {
    pub sign: EventSign,
    /// How many targets show it.
    pub targets: u32,
}

/// What the pods of a target show that others might show too, the narrowest first: a missing object, the image
/// of a release, a node on which only this target's failing pods run, a zone.
pub(crate) fn signs(
    view: &View<'_>,
    detector: &dyn Detect,
    showing: &[&PodView<'_>],
) -> Vec<EventSign> {
    let failing: Vec<&PodFacts> = showing.iter().map(|one| one.facts()).collect();
    let sign = |kind, name: &Text| EventSign {
        kind,
        name: name.to_string(),
    };
    let object = shared(&failing, |pod| pod.clue()?.object.as_ref());
    let image = shared(&failing, |pod| pod.clue()?.image.as_ref());
    let node = shared(&failing, |pod| pod.clue()?.node.as_ref());
    let image = image.filter(|_| came_lately(view) || pulls(&failing));
    let zone = shared(&failing, |pod| view.world.zone_of(pod));
    let elsewhere = (node.is_some() || zone.is_some()) && stands_elsewhere(view, detector);
    let node = node.filter(|_| elsewhere);
    let zone = zone.filter(|_| elsewhere && view.world.has_zones());
    let object = object.map(|one| sign(CauseKind::Object, one));
    let image = image.map(|one| sign(CauseKind::Image, one));
    let node = node.map(|one| sign(CauseKind::Node, one));
    let zone = zone.map(|one| sign(CauseKind::Zone, one));
    let wide = node.into_iter().chain(zone);
    object.into_iter().chain(image).chain(wide).collect()
}

/// What all of these pods have, if it is one thing.
fn shared<'a>(
    pods: &[&'a PodFacts],
    of: impl Fn(&'a PodFacts) -> Option<&'a Text>,
) -> Option<&'a Text> {
    let first = of(pods.first()?)?;
    pods.iter()
        .all(|pod| of(pod) == Some(first))
        .then_some(first)
}

/// The present template is new enough to be the cause.
pub(crate) fn released_lately(view: &View<'_>) -> bool {
    is_new(view.world, &view.key, view.now)
}

fn is_new(world: &World, key: &TargetKey, now: Moment) -> bool {
    let released = world.released_at(key);
    released.is_some_and(|at| now.since(at) <= RELEASE)
}

/// What a record shows: its signs, and the ConfigMaps and Secrets that the template names where its containers keep
/// ending without a release of its own. That one of these was changed is not seen, since nobody may read them; that most
/// of what uses it crashes at the same time is.
fn shown(world: &World, episode: &Episode, now: Moment) -> Vec<EventSign> {
    let mut signs = episode.spec.signs.clone();
    let key = episode.target();
    let workload = world.workload(&key).map(|one| &one.facts);
    let configs = workload.map_or(&[][..], |one| &one.configs);
    let of_config = episode.symptom() == TriggerName::CrashLoop.title();
    if of_config && !configs.is_empty() && !is_new(world, &key, now) {
        signs.extend(configs.iter().map(|name| EventSign {
            kind: CauseKind::Config,
            name: name.to_string(),
        }));
    }
    signs
}

/// The images of the present template are new. A release of another configuration says nothing about an image that
/// many share.
fn came_lately(view: &View<'_>) -> bool {
    let seen = view.world.workload(&view.key);
    let since = seen.and_then(|one| one.images_since);
    since.is_some_and(|at| view.now.since(at) <= RELEASE)
}

fn pulls(failing: &[&PodFacts]) -> bool {
    failing
        .iter()
        .all(|pod| pod.blocked() == Some(Blocked::Image))
}

/// Pods of the same template are well. A node is a cause only where the same thing runs elsewhere: on a cluster of
/// few nodes everything shares one. Of a pod that is well the node is not known, and one that is well
/// on the same node speaks against it only as long as it stays so.
fn stands_elsewhere(view: &View<'_>, detector: &dyn Detect) -> bool {
    let mut others = view.current().filter(|one| !detector.shows(one, view.now));
    others.any(|one| health::pod_since(one).is_some())
}

/// Which targets show which signs, with the time since when they fail or failed.
pub(crate) struct Causes<'a> {
    world: &'a World,
    now: Moment,
    /// By namespace too where the sign is an object, which belongs to one.
    seen: BTreeMap<(Text, EventSign), Showing>,
    window: Millis,
    /// When the first of those that are well again no longer counts.
    pub(crate) again: Option<Moment>,
}

/// The targets that show a sign.
struct Showing {
    /// Since when each fails, in order.
    since: Vec<Moment>,
    /// So many of them make it the likelier cause.
    least: usize,
}

impl Showing {
    /// How many began to fail at most so long before or after that time.
    fn near(&self, at: Moment, window: Millis) -> usize {
        let before = |limit: Moment| self.since.partition_point(|one| *one < limit);
        before(at.plus(window).plus(1)) - before(at.minus(window))
    }
}

impl<'a> Causes<'a> {
    /// Reads them off the records, if one of those that fail shows any. What is well again counts for as long
    /// as a storm is not released: the first that mends does not unleash what is done to the others.
    pub(crate) fn of(world: &'a World, now: Moment) -> Self {
        let mut all = Self {
            world,
            now,
            seen: BTreeMap::new(),
            window: 0,
            again: None,
        };
        let Some(config) = &world.config else {
            return all;
        };
        let fails = |one: &Episode| one.is_open() && one.state.healthy_at.is_none();
        if !world.records().any(fails) {
            return all;
        }
        all.window = config.storm.window;
        let counts = |one: &&Episode| {
            let over = one.state.healthy_at.or(one.state.ended_at);
            over.is_none_or(|at| now.since(at) < config.storm.release)
        };
        let mut seen: BTreeMap<_, BTreeMap<TargetKey, Moment>> = BTreeMap::new();
        for episode in world.records().filter(counts) {
            let signs = shown(world, episode, now);
            let over = episode.state.healthy_at.or(episode.state.ended_at);
            let again = over.filter(|_| !signs.is_empty());
            let again = again.map(|at| at.plus(config.storm.release));
            all.again = all.again.into_iter().chain(again).min();
            let (target, failed_at) = (episode.target(), episode.failed_at());
            for sign in signs {
                let targets = seen.entry(place(episode, sign)).or_default();
                let since = targets.entry(target.clone()).or_default();
                *since = failed_at.max(*since);
            }
        }
        for ((namespace, sign), targets) in seen {
            let least = least(world, &namespace, &sign, targets.len());
            let mut since: Vec<Moment> = targets.into_values().collect();
            since.sort_unstable();
            all.seen.insert((namespace, sign), Showing { since, least });
        }
        all
    }

    /// What an episode shares with enough others that began to fail about when it did.
    pub(crate) fn behind(&self, episode: &Episode) -> Option<Cause> {
        if self.seen.is_empty() {
            return None;
        }
        let failed_at = episode.failed_at();
        let signs = shown(self.world, episode, self.now).into_iter();
        let mut causes = signs.filter_map(|sign| {
            let place = place(episode, sign);
            let showing = self.seen.get(&place)?;
            let targets = showing.near(failed_at, self.window);
            (targets >= showing.least).then(|| Cause {
                sign: place.1,
                targets: u32::try_from(targets).unwrap_or(u32::MAX),
            })
        });
        causes.next()
    }
}

/// The episode with a note of what it shares, once.
pub(crate) fn note(causes: &Causes<'_>, episode: &Episode) -> Option<Episode> {
    if episode.state.cause.is_some() || episode.state.healthy_at.is_some() {
        return None;
    }
    let mut next = episode.clone();
    next.state.cause = Some(causes.behind(episode)?);
    Some(next)
}

/// How many targets that show a sign make it the likelier cause.
fn least(world: &World, namespace: &Text, sign: &EventSign, showing: usize) -> usize {
    match sign.kind {
        CauseKind::Zone => LEAST_OF_ZONE,
        // What many use is behind a failure only where most of them fail.
        CauseKind::Config if showing >= LEAST => {
            let users = world.users_of(namespace, &sign.name);
            LEAST.max(users / 2 + 1)
        }
        CauseKind::Config | CauseKind::Node | CauseKind::Image | CauseKind::Object => LEAST,
    }
}

fn place(episode: &Episode, sign: EventSign) -> (Text, EventSign) {
    let namespace = match sign.kind {
        CauseKind::Object | CauseKind::Config => episode.id.namespace.clone(),
        CauseKind::Image | CauseKind::Node | CauseKind::Zone => Text::from(""),
    };
    (namespace, sign)
}
