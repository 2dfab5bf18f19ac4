//! Two trees compared: every aspect of every path, and why it differs.
//!
//! [`compare()`] is pure and says *what* differs. [`explain()`] looks into the files and says *why*, where there is evidence:
//! a known offender of old Debian trees, a time, another order of the same lines, a member of an archive.
//!
//! Two builds that are compared differ on purpose ([`Variation`]), in values that a seed chooses ([`Choice`]); where they
//! are found in the tree, they leaked ([`Traces`]). [`Search`] finds the variation that makes a path differ.

mod difference;
mod variation;

mod accounts;
mod catalogue;
mod cause;
mod choice;
mod compare;
mod content;
mod contents;
mod culprit;
mod evidence;
mod explain;
mod format;
mod habit;
mod moment;
mod numbers;
mod packages;
mod sentinel;

pub use choice::Choice;
pub use compare::compare;
pub use contents::Contents;
pub use culprit::{Culprit, Search};
pub use difference::{Aspect, EntryDifference};
pub use explain::{Explained, explain};
pub use numbers::FileNumbers;
pub use packages::is_needed;
pub use sentinel::{Sentinel, Traces};
pub use variation::{Selection, SelectionError, Variation};
