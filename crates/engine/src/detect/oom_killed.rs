//! `oomKilled`: containers whose main process the kernel killed for want of memory.
//!
//! Only reason OOMKilled with exit code 137 counts. A child that is killed ends no container, 143 with
//! that reason is an older kill, and `Error` with 137 may be anything. A container shows its last end only, so
//! kills are counted as they are seen; a new process begins with those that the pods still show.

use std::collections::BTreeMap;

use kubemend_api::Duration;
use kubemend_api::triggers::OomKilled;

use super::{DEFAULT_WINDOW, Detect, Sight, clamped, state};
use crate::episode::Episode;
use crate::moment::{Millis, Moment};
use crate::view::{PodView, View};
use crate::world::Settings;

/// oomKilled.kills where it is absent: one kill may be a peak that a restart cures.
const DEFAULT_KILLS: u32 = 2;

fn window(parameters: &OomKilled) -> Millis {
    state::wait(parameters.window.as_ref(), DEFAULT_WINDOW)
}

fn kills(one: &PodView<'_>, window: Millis, now: Moment) -> impl Iterator<Item = Moment> {
    let seen = one.pod.trouble().into_iter().flat_map(|one| &one.kills);
    let created = one.facts().created;
    seen.map(move |at| clamped(*at, created, now))
        .filter(move |at| now.since(*at) <= window)
}

impl Detect for OomKilled {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let (window, threshold) = (window(self), self.kills.unwrap_or(DEFAULT_KILLS));
        let healthy_at = relapse_of.and_then(|episode| episode.state.healthy_at);
        let all = view
            .current()
            .flat_map(|one| kills(one, window, view.now))
            .filter(|at| healthy_at.is_none_or(|healthy| *at > healthy));
        let (mut count, mut first) = (0u32, None::<Moment>);
        for at in all {
            count = count.saturating_add(1);
            first = Some(first.map_or(at, |first| first.min(at)));
        }
        match first {
            Some(since) if count >= threshold => Sight::Present(since),
            first => Sight::Absent {
                why: format!("oomKilled: {count} of {threshold} kills"),
                near: first.is_some(),
                again: None,
            },
        }
    }

    fn shows(&self, one: &PodView<'_>, now: Moment) -> bool {
        kills(one, window(self), now).next().is_some()
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        let kills = self.kills.unwrap_or(DEFAULT_KILLS);
        let window = Duration::from_millis(window(self));
        [
            ("kills".to_owned(), kills.to_string()),
            ("window".to_owned(), window.to_string()),
        ]
        .into()
    }
}
