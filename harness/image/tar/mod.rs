//! A tar stream, member by member: what a layer, or an archive of an image, is made of.
//!
//! One reader for all tars here, because the parsers that exist drop what a root file system needs (PAX sparse files,
//! nanoseconds, anomalies) or read headers of any size into memory. Everything that another parser may read differently is
//! refused or reported as an [`Anomaly`]. A member is
//!
//! ```text
//! [x: PAX records]  [L: long name]  [K: long link]  header (512 bytes)  data  padding to 512 bytes
//! ```
//!
//! and two blocks of zeros end the archive.

mod error;
mod header;
mod member;
mod pax;
mod sparse;

mod layout;
mod members;

pub use error::{Anomaly, TarError};
pub use member::{Member, MemberKind};
pub use members::{Data, Members, Source};
