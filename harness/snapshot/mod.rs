//! `snapshots/`: what the old server answered, as files that insta's tools read.
//!
//! A [`Snapshot`] is an answer with [`Hole`]s where it is known to vary. Its page is stored as UTF-8 [`Template`] text where
//! decoding leads back to the same bytes, and as bytes beside the file otherwise. Nothing volatile is stored: a file is
//! only written where it differs, and what varies is a hole.

mod alphabet;
mod clock;
mod error;
mod format;
mod front;
mod hole;
mod model;
pub mod moment;
mod moment_format;
mod names;
mod page;
mod partial_day;
mod pending;
pub mod store;
mod template;
mod zone;

pub use alphabet::{Alphabet, different, token_length};
pub use error::SnapshotError;
pub use hole::{ClockZone, Hole, HoleKind, Misfit, ServerPart, Surroundings, secret_digest};
pub use model::{Body, Coded, Differs, Snapshot};
pub use names::weekday;
pub use pending::{Change, Pending, pending, pending_path};
pub use template::Template;
pub use zone::Zone;
