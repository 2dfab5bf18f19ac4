//! Root file systems: trees on disk and in images, listed entry by entry and digested.
//!
//! A [`Listing`] is what a tree *is*: every entry with all that a migration must keep. It comes from a tree on disk
//! ([`walk()`]) or from an image's layers without extracting them ([`stream`]); [`unpack()`] puts an image on disk, walks it and
//! compares the two. Everything on disk is done through a [`TreeRoot`], which can't be left.

mod path;

mod entries;
mod entry;
mod error;
mod listing;

mod content;
mod extended_attributes;
mod found;
mod look;
mod removal;
mod tree_root;
mod walk;

mod against;
mod beside;
mod budget;
mod finding;
mod layer_stream;
mod model;

mod apply;
mod disk;
mod extract;
mod unpack;

pub use against::Against;
pub use beside::{Beside, walk_beside};
pub use budget::{Budget, BudgetLimit};
pub use entries::Entries;
pub use entry::{Entry, EntryKind, Timestamp};
pub use error::{TreeError, UnpackError};
pub use extract::read_files;
pub use finding::{Finding, FindingKind};
pub use listing::{Listing, Profile};
pub use look::Looked;
pub use path::{PathError, RootfsPath, escape};
pub use tree_root::TreeRoot;
pub use unpack::{Unpacked, stream, unpack};
pub use walk::{walk, walk_against};
