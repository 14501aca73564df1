//! Kubemend's decisions: `decide(&World, now) -> Plan`, without clock, IO, randomness or failure.
//!
//! The modules stand in the order of the flow: time and facts, what may change, the World they
//! make, then detect → verify → guard → decide, and the plan that comes out.

pub mod moment;
pub mod source;
pub mod facts;
pub mod episode;
pub mod record;
pub mod change;
pub mod world;
pub mod hold;
pub mod plan;
pub mod decide;
pub mod report;

pub use change::Change;
pub use decide::decide;
pub use episode::Episode;
pub use moment::Moment;
pub use plan::{Effect, Plan};
pub use source::Source;
pub use world::{Settings, World};
