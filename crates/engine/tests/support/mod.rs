//! A small cluster under a clock that only the test moves.

// Each test uses its part of these modules.
#![allow(dead_code, unreachable_pub)]

pub mod app;
pub mod arbitrary;
pub mod arbitrary_record;
pub mod effects;
pub mod objects;
pub mod render;
pub mod scenario;
pub mod stage;
pub mod step;
pub mod told;
pub mod toy;
