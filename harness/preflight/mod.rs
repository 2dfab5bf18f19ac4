//! What host and project must offer, found out before anything is built: each finding with what was seen, why it matters
//! and the command that mends it.
//!
//! A finding is never a difference: a host that lacks something makes a run inconclusive, it says nothing about the candidate.

mod host;
mod project;
mod vsyscall;

pub use host::host;
pub use project::project;
pub use vsyscall::{VsyscallMode, needs_vsyscall, vsyscall_mode};
