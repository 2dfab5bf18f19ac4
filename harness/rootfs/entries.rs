//! The entries of a tree, sorted by path, as densely as they can be kept.
//!
//! A tree has hundreds of thousands of entries and they are mostly read in order, so this is a sorted vector and not a
//! `BTreeMap`, whose nodes are half empty when it is filled in order.

use super::{entry::Entry, path::RootfsPath};

/// Entries by path, sorted by the raw bytes of the paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries(Vec<(RootfsPath, Entry)>);

impl Entries {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the entry at a path.
    pub fn get(&self, path: &RootfsPath) -> Option<&Entry> {
        self.position(path).ok().map(|at| &self.0[at].1)
    }

    /// Returns the entry at a path, to be changed.
    pub fn get_mut(&mut self, path: &RootfsPath) -> Option<&mut Entry> {
        self.position(path).ok().map(|at| &mut self.0[at].1)
    }

    /// Returns whether there is an entry at a path.
    pub fn contains_key(&self, path: &RootfsPath) -> bool {
        self.position(path).is_ok()
    }

    /// Puts an entry at a path; returns what was there.
    pub fn insert(&mut self, path: RootfsPath, entry: Entry) -> Option<Entry> {
        match self.position(&path) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, entry)),
            Err(at) => {
                self.0.insert(at, (path, entry));
                None
            }
        }
    }

    /// Removes the entry at a path and returns it.
    pub fn remove(&mut self, path: &RootfsPath) -> Option<Entry> {
        self.position(path).ok().map(|at| self.0.remove(at).1)
    }

    /// Returns the entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&RootfsPath, &Entry)> {
        self.0.iter().map(|(path, entry)| (path, entry))
    }

    /// Returns the entries in order, to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&RootfsPath, &mut Entry)> {
        self.0.iter_mut().map(|(path, entry)| (&*path, entry))
    }

    /// Returns the paths in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &RootfsPath> {
        self.0.iter().map(|(path, _)| path)
    }

    /// Returns the entry of a number.
    pub(super) fn at(&self, index: usize) -> &Entry {
        &self.0[index].1
    }

    /// Returns the number of the entry at a path, or the number that it would have.
    pub(super) fn position(&self, path: &RootfsPath) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(path))
    }
}

impl FromIterator<(RootfsPath, Entry)> for Entries {
    /// Sorts the entries; of several at one path the last one counts.
    fn from_iter<I: IntoIterator<Item = (RootfsPath, Entry)>>(entries: I) -> Self {
        let mut entries: Vec<(RootfsPath, Entry)> = entries.into_iter().collect();
        if !entries.is_sorted_by(|first, second| first.0 < second.0) {
            entries.reverse();
            entries.sort_by(|first, second| first.0.cmp(&second.0));
            entries.dedup_by(|later, kept| later.0 == kept.0);
        }
        Self(entries)
    }
}

impl<const COUNT: usize> From<[(RootfsPath, Entry); COUNT]> for Entries {
    fn from(entries: [(RootfsPath, Entry); COUNT]) -> Self {
        entries.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = (&'a RootfsPath, &'a Entry);
    type IntoIter = std::iter::Map<
        std::slice::Iter<'a, (RootfsPath, Entry)>,
        fn(&'a (RootfsPath, Entry)) -> Self::Item,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(path, entry)| (path, entry))
    }
}

impl IntoIterator for Entries {
    type Item = (RootfsPath, Entry);
    type IntoIter = std::vec::IntoIter<(RootfsPath, Entry)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
