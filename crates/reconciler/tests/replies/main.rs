//! What an effect makes of each answer of the API server, and of none.

mod acts;
mod job;
mod proposal;
mod records;
mod resize;
mod support;
