//! The files with which the tested guest runs in production, and what a hand-written unit lacks of them.
//!
//! systemd-nspawn's arguments are those of the tested boot ([`crate::machine::production_arguments`]); around them stands what a
//! service manager adds: when it starts and stops, who reads its log, how its network reaches the world.

mod files;
mod lint;
mod unit_file;

pub use files::{Production, UnitFile, files};
pub use lint::lint;
