//! Common causes: a few targets fail together and their failing pods share something, fewer than make a storm.
//!
//! What a target's failing pods show is written into its record when it is opened; which targets show the same is
//! read off the records, so that a new leader sees the same causes.

use std::collections::BTreeMap;

use kubemend_api::event::{CauseKind, EventSign};

use crate::detect::Detect;
use crate::episode::Episode;
use crate::facts::{Blocked, PodFacts, TargetKey, Text};
use crate::health;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::World;

/// So many targets make it likelier that they share the cause than that each has its own: two may be chance.
pub const LEAST: u32 = 3;

/// A zone holds a good part of everything, so that chance does more.
pub const LEAST_OF_ZONE: u32 = 5;

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
    let released = view.released_at();
    released.is_some_and(|at| view.now.since(at) <= RELEASE)
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Causes {
    /// By namespace too where the sign is an object, which belongs to one.
    seen: BTreeMap<(Text, EventSign), BTreeMap<TargetKey, Moment>>,
    window: Millis,
    /// When the first of those that are well again no longer counts.
    pub(crate) again: Option<Moment>,
}

impl Causes {
    /// Reads them off the records, if one of those that fail shows any. What is well again counts for as long
    /// as a storm is not released: the first that mends does not unleash what is done to the others.
    pub(crate) fn of(world: &World, now: Moment) -> Self {
        let Some(config) = &world.config else {
            return Self::default();
        };
        let fails = |one: &Episode| one.is_open() && one.state.healthy_at.is_none();
        if !world
            .records()
            .any(|one| !one.spec.signs.is_empty() && fails(one))
        {
            return Self::default();
        }
        let mut all = Self {
            seen: BTreeMap::new(),
            window: config.storm.window,
            again: None,
        };
        let counts = |one: &&Episode| {
            let over = one.state.healthy_at.or(one.state.ended_at);
            !one.is_dry() && over.is_none_or(|at| now.since(at) < config.storm.release)
        };
        for episode in world
            .records()
            .filter(counts)
            .filter(|one| !one.spec.signs.is_empty())
        {
            let over = episode.state.healthy_at.or(episode.state.ended_at);
            let again = over.map(|at| at.plus(config.storm.release));
            all.again = all.again.into_iter().chain(again).min();
            for sign in &episode.spec.signs {
                let targets = all.seen.entry(place(episode, sign)).or_default();
                let since = targets.entry(episode.target()).or_default();
                *since = episode.failed_at().max(*since);
            }
        }
        all
    }

    /// What an episode shares with enough others that began to fail about when it did.
    pub(crate) fn behind(&self, episode: &Episode) -> Option<Cause> {
        if self.seen.is_empty() {
            return None;
        }
        let near = |at: &Moment| at.since(episode.failed_at()).saturating_abs() <= self.window;
        let mut causes = episode.spec.signs.iter().map(|sign| {
            let all = self.seen.get(&place(episode, sign));
            let all = all.into_iter().flat_map(BTreeMap::values).copied();
            Cause {
                sign: sign.clone(),
                targets: u32::try_from(all.filter(near).count()).unwrap_or(u32::MAX),
            }
        });
        let enough = |kind| {
            if kind == CauseKind::Zone {
                LEAST_OF_ZONE
            } else {
                LEAST
            }
        };
        causes.find(|one| one.targets >= enough(one.sign.kind))
    }
}

/// The episode with a note of what it shares, once, before anything else is done about it.
pub(crate) fn note(causes: &Causes, episode: &Episode) -> Option<Episode> {
    if episode.state.cause.is_some() || episode.state.healthy_at.is_some() {
        return None;
    }
    let mut next = episode.clone();
    next.state.cause = Some(causes.behind(episode)?);
    Some(next)
}

fn place(episode: &Episode, sign: &EventSign) -> (Text, EventSign) {
    let namespace = match sign.kind {
        CauseKind::Object => episode.id.namespace.clone(),
        CauseKind::Image | CauseKind::Node | CauseKind::Zone => Text::from(""),
    };
    (namespace, sign.clone())
}
