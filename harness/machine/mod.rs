//! The guest: booted under systemd-nspawn with its own `/sbin/init`, watched, and stopped cleanly.
//!
//! The verified tree is never changed by a boot: systemd-nspawn puts a throw-away layer over it (`--volatile=overlay`), and
//! gives private users to that layer. Mounts and temporary folders live in a mount namespace of their own, so that nothing
//! stays on the host however the run ends. Console and syslog are kept with the time since boot.

mod call;
mod error;
mod init;
mod isolation;
mod journal;
mod listener;
mod message;
mod mounts;
mod network;
mod notify;
mod priority;
mod round_trip;
mod running;
mod way_out;

pub use call::{BootConfig, Layer, boot_call, production_arguments};
pub use error::MachineError;
pub use isolation::{ANYWHERE, reachable};
pub use journal::{Journal, Record, Severity, Source};
pub use listener::{Listener, Transport, listeners};
pub use message::{Message, program_and_text};
pub use mounts::{HostMount, changed_mounts, host_mounts};
pub use network::{Addressing, Subnet, free_subnet, networkd_runs};
pub use running::{Machine, Stop, boot};
pub use way_out::{forwarding_switch, uplinks};
