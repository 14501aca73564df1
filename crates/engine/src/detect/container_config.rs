//! `containerConfig`: a container that cannot be made or started as it is configured.
//!
//! It heals by itself when the missing ConfigMap, Secret or key appears; a new pod waits for the same.

use std::collections::BTreeMap;

use kubemend_api::triggers::ContainerConfig;

use super::image_pull::{DEFAULT_WAIT, blocked};
use super::state::{self, Lasting};
use super::{Detect, Sight};
use crate::episode::Episode;
use crate::facts::Blocked;
use crate::moment::Moment;
use crate::view::{PodView, View};
use crate::world::Settings;

impl Detect for ContainerConfig {
    fn look(&self, view: &View<'_>, _: &Settings, relapse_of: Option<&Episode>) -> Sight {
        let lasting = Lasting {
            what: "containerConfig".to_owned(),
            wait: state::wait(self.lasting.as_ref(), DEFAULT_WAIT),
            relapse_of,
        };
        lasting.judge(view, blocked(view, Blocked::Config))
    }

    fn shows(&self, one: &PodView<'_>, _: Moment) -> bool {
        one.facts().blocked() == Some(Blocked::Config)
    }

    fn thresholds(&self, _: &Settings) -> BTreeMap<String, String> {
        state::thresholds(state::wait(self.lasting.as_ref(), DEFAULT_WAIT))
    }
}
