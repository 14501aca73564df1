//! Seeded histories of a failing cluster under the production code.
//!
//! A [`History`](history::History) is data: workloads, policies, and what happens to them when. It
//! is drawn from a seed, played on the fake API server with the production reconciler and elector
//! on virtual time, and watched over by a judge that sees every write as it is applied. What fails
//! is shrunk to the events that matter.

pub mod history;
mod draw;
mod manifests;
mod process;
pub mod stage;
mod happen;
mod actors;
pub mod judge;
mod acts;
mod records;
mod truth;
mod holds;
mod ending;
pub mod play;
pub mod shrink;
pub mod story;
#[cfg(test)]
mod blind;
