//! Where the bytes of differing files come from.

use std::collections::BTreeMap;

use crate::rootfs::{RootfsPath, TreeError, TreeRoot};

/// Larger files are not looked into.
const LARGEST_FILE: u64 = 32 << 20;

/// The files of a tree, as far as they can be looked into.
#[derive(Clone, Copy, Debug)]
pub enum Contents<'a> {
    /// A tree on disk.
    Tree(&'a TreeRoot),
    /// Files that were taken out of an image.
    Files(&'a BTreeMap<RootfsPath, Vec<u8>>),
    /// Nothing is known but the listing.
    Unknown,
}

impl Contents<'_> {
    /// Returns the bytes of a file of a known size; `None` where they can't be had or are too many.
    pub(super) fn read(&self, path: &RootfsPath, size: u64) -> Result<Option<Vec<u8>>, TreeError> {
        match self {
            Self::Tree(_) if size > LARGEST_FILE => Ok(None),
            Self::Tree(tree) => read_file(tree, path),
            Self::Files(files) => Ok(files.get(path).cloned()),
            Self::Unknown => Ok(None),
        }
    }

    /// Returns the files below a directory, with their paths.
    pub(super) fn read_folder(
        &self,
        folder: &RootfsPath,
    ) -> Result<Vec<(RootfsPath, Vec<u8>)>, TreeError> {
        match self {
            Self::Tree(tree) => {
                let mut files = Vec::new();
                for name in tree.list(folder.as_bytes())? {
                    let path = folder.join(&name);
                    if name.ends_with(b".list") {
                        files.extend(read_file(tree, &path)?.map(|bytes| (path, bytes)));
                    }
                }
                Ok(files)
            }
            Self::Files(files) => Ok(files
                .iter()
                .filter(|(path, _)| path.parent() == *folder)
                .map(|(path, bytes)| (path.clone(), bytes.clone()))
                .collect()),
            Self::Unknown => Ok(Vec::new()),
        }
    }
}

/// Reads a file; what is none, or too large, can't be looked into.
fn read_file(tree: &TreeRoot, path: &RootfsPath) -> Result<Option<Vec<u8>>, TreeError> {
    match tree.read(path.as_bytes()) {
        Err(TreeError::Kind { .. }) => Ok(None),
        result => result,
    }
}
