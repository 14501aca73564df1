//! `imagePull`: a container whose image cannot be had.
//!
//! `ErrImagePull` and `ImagePullBackOff` alternate, so they are one class. The restart count stays 0
//! and the phase Pending, or Running where only one container of several waits.

use std::collections::BTreeMap;

use kubemend_api::triggers::ImagePull;

use super::state::{self, Lasting};
use super::{Detect, Sight};
use crate::episode::Episode;
use crate::facts::Blocked;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// imagePull.for and containerConfig.for where they are absent.
pub(super) const DEFAULT_WAIT: Millis = 60_000;

impl Detect for ImagePull {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let lasting = Lasting {
            what: "imagePull".to_owned(),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        lasting.judge(view, blocked(view, Blocked::Image))
    }

    fn shows(&self, one: &PodView<'_>, _: Moment) -> bool {
        one.facts().blocked() == Some(Blocked::Image)
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        state::thresholds(state::wait(self.lasting.as_ref(), DEFAULT_WAIT))
    }
}

/// Since when pods of the present template have been blocked for this reason.
pub(super) fn blocked<'a>(
    view: &'a View<'_>,
    class: Blocked,
) -> impl Iterator<Item = Moment> + use<'a> {
    let seen = view.current().filter_map(|one| one.pod.trouble());
    seen.filter_map(|trouble| trouble.blocked)
        .filter(move |(why, _)| *why == class)
        .map(|(_, since)| since)
}
