//! Where a run keeps what must not outlive it, and how what a killed run left behind is found.
//!
//! ```text
//! BASE/work/<run id>/lease      locked (flock) by the living run
//! BASE/work/<run id>/first …    trees, sockets, scratch files
//! BASE/work/<run id>/switches   what the host's settings were that the run changes for its time
//! ```
//!
//! A run is alive exactly as long as its lease is locked: the kernel drops the lock with the process, however it ends, so
//! there is no process number to go stale. Its processes carry its id in their environment ([`crate::tool::RUN_MARK`]); those of
//! its guests, which outlive a killed systemd-nspawn, are known by the run's folder in their mounts.

mod error;
mod lease;
mod leftovers;
mod switches;

pub use error::WorkspaceError;
pub use lease::{RunId, Workspace};
pub use leftovers::{Leftover, remove_dead};
