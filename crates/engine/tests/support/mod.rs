//! A small cluster under a clock that only the test moves.

// Each test uses its part of these modules.
#![allow(dead_code, unreachable_pub)]

pub mod arbitrary;
pub mod objects;
pub mod render;
pub mod scenario;
pub mod stage;
pub mod toy;
