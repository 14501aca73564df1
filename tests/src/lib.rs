//! What the proofs on a real cluster stand on: the cluster, the operator's process, workloads that fail, and patience.

pub mod patience;
pub mod cluster;
pub mod namespace;
pub mod workload;
pub mod policy;
pub mod record;
pub mod metrics;
pub mod operator;
pub mod relay;
pub mod install;
pub mod stage;
