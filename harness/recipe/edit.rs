//! One change of the tree, as data: decided first, then done, and written down.

use std::fmt;

use crate::rootfs::{TreeError, TreeRoot};

/// One change of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A file gets this content.
    Write {
        /// The file.
        path: String,
        /// Its bytes.
        content: Vec<u8>,
        /// Its mode.
        mode: u32,
        /// Why.
        why: &'static str,
    },
    /// A path becomes a symbolic link.
    Symlink {
        /// The link.
        path: String,
        /// Where it points to.
        target: String,
        /// Why.
        why: &'static str,
    },
    /// A path and all below it goes.
    Remove {
        /// The path.
        path: String,
        /// Why.
        why: &'static str,
    },
    /// A directory is made, with its parents.
    Directory {
        /// The directory.
        path: String,
        /// Why.
        why: &'static str,
    },
}

impl Edit {
    /// Makes an edit that writes a text file of mode 0644.
    pub fn text(path: &str, content: impl Into<Vec<u8>>, why: &'static str) -> Self {
        Self::Write {
            path: path.to_owned(),
            content: content.into(),
            mode: 0o644,
            why,
        }
    }

    /// Makes an edit that removes a path.
    pub fn remove(path: impl Into<String>, why: &'static str) -> Self {
        Self::Remove {
            path: path.into(),
            why,
        }
    }

    /// Does the edit.
    pub fn apply(&self, tree: &TreeRoot) -> Result<(), TreeError> {
        match self {
            Self::Write {
                path,
                content,
                mode,
                ..
            } => tree.write(path, content, *mode),
            Self::Symlink { path, target, .. } => tree.symlink(path, target.as_bytes()),
            Self::Remove { path, .. } => tree.remove_tree(path).map(drop),
            Self::Directory { path, .. } => tree.create_dir_all(path),
        }
    }
}

impl fmt::Display for Edit {
    /// Writes the edit as a line of the report.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write {
                path, content, why, ..
            } => write!(formatter, "write /{path} ({} bytes): {why}", content.len()),
            Self::Symlink { path, target, why } => {
                write!(formatter, "link /{path} to {target}: {why}")
            }
            Self::Remove { path, why } => write!(formatter, "remove /{path}: {why}"),
            Self::Directory { path, why } => write!(formatter, "make /{path}: {why}"),
        }
    }
}
