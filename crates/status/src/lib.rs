//! The only writer of HealingEvents and of every status. It acts on nothing and decides nothing:
//! what it writes was decided by the engine.
//!
//! The modules stand in the order of a write: may we (fence), one request and its answer (call,
//! error), the record (ledger), the statuses of policies and configuration (policies).
//!
//! The client that is handed in must have kube's hidden retries off (`Config::default_retry =
//! false`): they repeat writes whose replies were lost, and hang on a blocked eviction for minutes.

pub mod fence;
pub mod error;
pub mod call;
pub mod ledger;
pub mod policies;

pub use error::Failure;
pub use fence::{Fence, Permit};
pub use ledger::{Kept, Ledger, Recorded};
