//! When a mode is lowered: every day between two times, or once between two dates.

use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::Mode;
use crate::event::Timestamp;

/// A time of every day in which a policy may do less.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("self.from != self.to").message("a window's from and to are the same, so that it would last for nothing or for ever; change one, or set the policy's mode"))]
pub struct Window {
    /// The window's name, unique in its policy; it is shown wherever the window lowers the mode. Example: night
    #[schemars(
        length(min = 1, max = 40),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// When it begins, as a time of day. Example: "20:00"
    #[schemars(length(max = 5), regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When it ends; the next day where that is earlier than from. Example: "07:00"
    #[schemars(length(max = 5), regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub to: String,
    /// Whose time of day, by its IANA name. Example: Europe/Berlin
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// The highest mode while it lasts. Example: DryRun
    pub mode: Mode,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A time in which nothing in the cluster may do more.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ::kube_core::Rule::new("self.from < self.to").message("the freeze ends before it begins; exchange from and to"))]
pub struct Freeze {
    /// Its name; it is shown wherever the freeze lowers the mode. Example: black-friday
    #[schemars(
        length(min = 1, max = 40),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// When it begins. Example: "2026-11-26T00:00:00Z"
    pub from: Timestamp,
    /// When it ends. Example: "2026-12-01T00:00:00Z"
    pub to: Timestamp,
    /// The highest mode while it lasts. Example: DryRun
    pub mode_ceiling: Mode,
}
