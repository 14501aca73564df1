//! A small cluster under a clock that only the scenario moves.

pub mod objects;
pub mod render;
pub mod scenario;
pub mod stage;
pub mod toy;
