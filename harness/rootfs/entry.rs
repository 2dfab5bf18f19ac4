//! One entry of a tree: all that a migration must keep, and nothing else.
//!
//! Never part of it: size and link count of directories, access and change times, inode and device of the file system.

use std::{collections::BTreeMap, fmt};

use super::path::RootfsPath;
use crate::digest::Sha256Digest;

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is, with what only this kind has.
    pub kind: EntryKind,
    /// Permission, setuid, setgid and sticky bits: the low twelve bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// When its content was last changed.
    pub mtime: Timestamp,
    /// The smallest path of its hard-link group; `None` for an entry that has one name only.
    pub hard_link: Option<RootfsPath>,
    /// Extended attributes, among them file capabilities and ACLs, by full name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// How many bytes it has, holes included.
        size: u64,
        /// The digest of its bytes.
        content: Sha256Digest,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points to, as it is written.
        target: Vec<u8>,
    },
    /// A character device.
    CharDevice {
        /// The driver.
        major: u32,
        /// The driver's device.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// The driver.
        major: u32,
        /// The driver's device.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl EntryKind {
    /// Returns the kind's name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File { .. } => "file",
            Self::Symlink { .. } => "symlink",
            Self::CharDevice { .. } => "character device",
            Self::BlockDevice { .. } => "block device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }
}

/// A time of a file: seconds since 1970 and nanoseconds after them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970; negative before.
    pub seconds: i64,
    /// Nanoseconds after the second: less than a thousand million.
    pub nanoseconds: u32,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanoseconds == 0 {
            write!(formatter, "@{}", self.seconds)
        } else {
            write!(formatter, "@{}+{:09}ns", self.seconds, self.nanoseconds)
        }
    }
}
