//! Two trees compared: every aspect of every path, and why it differs.
//!
//! [`compare()`] is pure and says *what* differs. [`explain()`] looks into the files and says *why*, where there is evidence:
//! a known offender of old Debian trees, a time, another order of the same lines, a member of an archive.

mod difference;

mod accounts;
mod catalogue;
mod cause;
mod compare;
mod content;
mod contents;
mod explain;
mod format;
mod packages;

pub use compare::compare;
pub use contents::Contents;
pub use difference::{Aspect, EntryDifference};
pub use explain::{Explained, explain};
pub use packages::is_needed;
