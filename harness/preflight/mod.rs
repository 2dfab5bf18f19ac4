//! What host and project must offer, found out before anything is built: each finding with what was seen, why it matters
//! and the command that mends it.
//!
//! The host is asked by doing: a program is run with private users, a packet is sent, a call is made. A check that can't be made
//! is not run, with the reason; one that does not matter here says why. A finding is never a difference: a host that lacks
//! something makes a run inconclusive, it says nothing about the candidate.

mod finding;
mod firewall;
mod guest;
mod host;
mod journald;
mod kernel;
mod names;
mod network;
mod nspawn;
mod program;
mod project;
mod rootfs;
mod space;
mod vsyscall;
mod wire;

pub use guest::Guest;
pub use host::{Host, for_guest, host, variations};
pub use project::project;
pub use rootfs::rootfs;
