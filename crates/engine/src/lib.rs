//! Kubemend's decisions: `decide(&World, now) -> Plan`, without clock, IO, randomness or failure.
//!
//! The modules stand in the order of the flow: time and facts, what may change, the World they
//! make; then what a target looks like, detection, verification, guards and actions, the course of
//! an episode, and the decision; then what is said about it.

// Kinds and fields of Kubernetes stand in most comments; backticks around each would drown them.
#![allow(clippy::doc_markdown)]

pub mod moment;
pub mod source;
pub mod facts;
pub mod select;
pub mod calendar;
pub mod policy;
pub mod proposal;
pub mod episode;
pub mod record;
pub mod record_name;
pub mod change;
pub mod world;
mod guardrails;

pub mod view;
pub mod mode;
pub mod claim;
pub mod detect;
pub mod health;
pub mod verify;
pub mod hold;
pub mod gate;
pub mod budget;
pub mod storm;
pub mod cause;
pub mod approval;
pub mod guard;
pub mod action;
pub mod chain;
pub mod intent;
pub mod ending;
pub mod proof;

mod open;
mod undo;
mod resolve;
mod overtaken;
mod course;
mod note;
mod rehearsal;
mod history;
pub mod plan;
pub mod decide;
pub mod jobs;
pub mod report;
mod wording;
pub mod explain;

pub use change::Change;
pub use decide::decide;
pub use episode::Episode;
pub use moment::Moment;
pub use plan::{Effect, Plan};
pub use source::Source;
pub use world::{Settings, World};
