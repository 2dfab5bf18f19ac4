//! A tree on disk as it differs from a known listing.
//!
//! Two listings of a large tree would be twice the memory, and where they are compared they are mostly equal.

use super::{entries::Entries, listing::Listing};

/// What a walk found beside a known listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// The numbers of the known entries that are on disk as they are known, sorted.
    pub(super) equal: Vec<usize>,
    /// All others that are on disk, and all files with several names, as they are on disk.
    pub(super) other: Listing,
}

impl Against {
    /// Returns how many entries are on disk.
    pub fn len(&self) -> usize {
        self.equal.len() + self.other.entries.len()
    }

    /// Returns whether nothing is on disk.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what has to be compared: what is known, and what is on disk, without that which is equal in both.
    pub fn to_compare(&self, known: &Listing) -> (Listing, &Listing) {
        let mut equal = self.equal.iter().copied().peekable();
        let others = known
            .entries
            .iter()
            .enumerate()
            .filter_map(|(index, (path, entry))| {
                let is_other = equal.next_if_eq(&index).is_none();
                is_other.then(|| (path.clone(), entry.clone()))
            });
        let entries: Entries = others.collect();
        (Listing { entries }, &self.other)
    }

    /// Returns the whole tree as it is on disk.
    pub(super) fn into_listing(self, known: Listing) -> Listing {
        if self.other.entries.is_empty() && self.equal.len() == known.entries.len() {
            return known;
        }
        let mut equal = self.equal.into_iter().peekable();
        let entries = known.entries.into_iter().enumerate();
        let kept = entries.filter_map(|(index, entry)| equal.next_if_eq(&index).map(|_| entry));
        Listing {
            entries: kept.chain(self.other.entries).collect(),
        }
    }
}
