//! A gateway between the operator and a real API server that fails by plan, and the judgement of what the operator then does.

pub mod asked;
pub mod plan;
pub mod trace;
pub mod process;
pub mod gateway;
mod writes;
mod watches;
pub mod oracle;
pub mod story;
pub mod run;
pub mod campaign;
