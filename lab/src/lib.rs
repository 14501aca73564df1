//! A real Kubernetes cluster on one machine: built from pinned sources, started in seconds, broken on purpose, taken down.
//!
//! [`Lab::up`] reuses a healthy cluster or starts one. Real nodes need root on Debian; elsewhere the lab falls back to
//! nodes and pods played by KWOK, and says so. One machine carries one lab of real nodes.

mod binaries;
mod cgroup;
mod command;
mod control_plane;
mod fake;
mod image;
mod kubeconfig;
mod lab;
mod network;
mod node;
mod node_config;
mod pack;
mod packages;
mod paths;
mod process;
mod teardown;

pub use binaries::build;
pub use lab::{Lab, Options};
pub use node::Node;
pub use pack::pack;
