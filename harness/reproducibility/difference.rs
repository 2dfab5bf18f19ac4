//! One aspect in which two trees differ.

use std::fmt;

use crate::{
    digest::Sha256Digest,
    outcome::Difference,
    rootfs::{EntryKind, RootfsPath, Timestamp, escape},
};

/// One aspect of one path in which two trees differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryDifference {
    /// Only the first tree has it.
    OnlyInFirst {
        /// Where.
        path: RootfsPath,
        /// What it is.
        kind: EntryKind,
    },
    /// Only the second tree has it.
    OnlyInSecond {
        /// Where.
        path: RootfsPath,
        /// What it is.
        kind: EntryKind,
    },
    /// It is of two kinds.
    Type {
        /// Where.
        path: RootfsPath,
        /// What it is in the first tree.
        first: EntryKind,
        /// What it is in the second one.
        second: EntryKind,
    },
    /// The permissions, or setuid, setgid or sticky.
    Mode {
        /// Where.
        path: RootfsPath,
        /// The first tree's.
        first: u32,
        /// The second one's.
        second: u32,
    },
    /// User or group.
    Owner {
        /// Where.
        path: RootfsPath,
        /// The first tree's user and group.
        first: (u32, u32),
        /// The second one's.
        second: (u32, u32),
    },
    /// The modification time.
    Mtime {
        /// Where.
        path: RootfsPath,
        /// The first tree's.
        first: Timestamp,
        /// The second one's.
        second: Timestamp,
    },
    /// A file's bytes.
    Content {
        /// Where.
        path: RootfsPath,
        /// Size and digest in the first tree.
        first: (u64, Sha256Digest),
        /// In the second one.
        second: (u64, Sha256Digest),
    },
    /// Where a symlink points to.
    Target {
        /// Where.
        path: RootfsPath,
        /// The first tree's.
        first: Vec<u8>,
        /// The second one's.
        second: Vec<u8>,
    },
    /// A device's numbers.
    Device {
        /// Where.
        path: RootfsPath,
        /// Major and minor in the first tree.
        first: (u32, u32),
        /// In the second one.
        second: (u32, u32),
    },
    /// Which paths are one file.
    HardLink {
        /// The group's first path.
        path: RootfsPath,
        /// The names that it has in the first tree.
        first: Vec<RootfsPath>,
        /// In the second one.
        second: Vec<RootfsPath>,
    },
    /// One extended attribute.
    Xattr {
        /// Where.
        path: RootfsPath,
        /// The attribute's full name.
        name: Vec<u8>,
        /// The first tree's value.
        first: Option<Vec<u8>>,
        /// The second one's.
        second: Option<Vec<u8>>,
    },
}

/// In what respect two trees differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// See [`EntryDifference::OnlyInFirst`].
    OnlyInFirst,
    /// See [`EntryDifference::OnlyInSecond`].
    OnlyInSecond,
    /// See [`EntryDifference::Type`].
    Type,
    /// See [`EntryDifference::Mode`].
    Mode,
    /// See [`EntryDifference::Owner`].
    Owner,
    /// See [`EntryDifference::Mtime`].
    Mtime,
    /// See [`EntryDifference::Content`].
    Content,
    /// See [`EntryDifference::Target`].
    Target,
    /// See [`EntryDifference::Device`].
    Device,
    /// See [`EntryDifference::HardLink`].
    HardLink,
    /// See [`EntryDifference::Xattr`].
    Xattr,
}

impl Aspect {
    /// Returns the aspect's word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnlyInFirst => "only_in_first",
            Self::OnlyInSecond => "only_in_second",
            Self::Type => "type",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Mtime => "mtime",
            Self::Content => "content",
            Self::Target => "target",
            Self::Device => "device",
            Self::HardLink => "hardlink",
            Self::Xattr => "xattr",
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl EntryDifference {
    /// Returns where the trees differ.
    pub fn path(&self) -> &RootfsPath {
        match self {
            Self::OnlyInFirst { path, .. }
            | Self::OnlyInSecond { path, .. }
            | Self::Type { path, .. }
            | Self::Mode { path, .. }
            | Self::Owner { path, .. }
            | Self::Mtime { path, .. }
            | Self::Content { path, .. }
            | Self::Target { path, .. }
            | Self::Device { path, .. }
            | Self::HardLink { path, .. }
            | Self::Xattr { path, .. } => path,
        }
    }

    /// Returns in what respect they differ.
    pub fn aspect(&self) -> Aspect {
        match self {
            Self::OnlyInFirst { .. } => Aspect::OnlyInFirst,
            Self::OnlyInSecond { .. } => Aspect::OnlyInSecond,
            Self::Type { .. } => Aspect::Type,
            Self::Mode { .. } => Aspect::Mode,
            Self::Owner { .. } => Aspect::Owner,
            Self::Mtime { .. } => Aspect::Mtime,
            Self::Content { .. } => Aspect::Content,
            Self::Target { .. } => Aspect::Target,
            Self::Device { .. } => Aspect::Device,
            Self::HardLink { .. } => Aspect::HardLink,
            Self::Xattr { .. } => Aspect::Xattr,
        }
    }

    /// Returns what the two trees have, as text.
    pub fn values(&self) -> (String, String) {
        let pair = |(first, second): &(u32, u32)| format!("{first}:{second}");
        match self {
            Self::OnlyInFirst { kind, .. } => (kind.as_str().to_owned(), "nothing".to_owned()),
            Self::OnlyInSecond { kind, .. } => ("nothing".to_owned(), kind.as_str().to_owned()),
            Self::Type { first, second, .. } => {
                (first.as_str().to_owned(), second.as_str().to_owned())
            }
            Self::Mode { first, second, .. } => (format!("{first:04o}"), format!("{second:04o}")),
            Self::Owner { first, second, .. } | Self::Device { first, second, .. } => {
                (pair(first), pair(second))
            }
            Self::Mtime { first, second, .. } => (first.to_string(), second.to_string()),
            Self::Content { first, second, .. } => {
                let text = |(size, digest): &(u64, Sha256Digest)| format!("{size} bytes, {digest}");
                (text(first), text(second))
            }
            Self::Target { first, second, .. } => (escape(first), escape(second)),
            Self::HardLink { first, second, .. } => {
                let text = |names: &[RootfsPath]| {
                    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                    names.join(" = ")
                };
                (text(first), text(second))
            }
            Self::Xattr {
                name,
                first,
                second,
                ..
            } => {
                let text = |value: &Option<Vec<u8>>| match value {
                    Some(value) => format!("{}={}", escape(name), escape(value)),
                    None => format!("no {}", escape(name)),
                };
                (text(first), text(second))
            }
        }
    }
}

impl From<&EntryDifference> for Difference {
    fn from(difference: &EntryDifference) -> Self {
        let (first, second) = difference.values();
        Self::new(
            difference.path().to_string(),
            difference.aspect().as_str(),
            first,
            second,
        )
    }
}
