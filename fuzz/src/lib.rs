//! Hostile bytes for every parser of outside data: a mutator that knows JSON, and one target per
//! parser, each through the door that the outside uses.

pub mod mutate;
pub mod hostile;
pub mod seeds;
pub mod world;
pub mod wire;
pub mod targets;
pub mod corpus;
pub mod guard;
