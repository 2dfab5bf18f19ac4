//! All entries of a tree, and their digest.
//!
//! The digest is SHA-256 over `migrate-verify/tree/1`, NUL, the profile's name, NUL, and one record an entry, sorted by the
//! raw bytes of the path with the root first. A record is a sequence of fields, each behind its length as eight bytes,
//! big-endian: path, kind, what only this kind has, and then, by profile, mode, uid, gid, seconds, nanoseconds, hard-link
//! representative, number of xattrs, names and values. A length before every field leaves no two trees with the same bytes.

use sha2::{Digest, Sha256};

use super::{
    entries::Entries,
    entry::{Entry, EntryKind},
    path::RootfsPath,
};
use crate::digest::Sha256Digest;

/// All entries of a tree, the root among them, sorted by the raw bytes of their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries.
    pub entries: Entries,
}

/// What a digest covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Everything, times to the nanosecond.
    Strict,
    /// What a plain tar can hold: times in whole seconds.
    Oci,
    /// Paths, types, link targets, device numbers and contents.
    Content,
}

impl Profile {
    /// Returns the profile's name in reports and in the preimage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Oci => "oci",
            Self::Content => "content",
        }
    }
}

impl Listing {
    /// Returns how many bytes the files have, a hard-linked file counted once.
    pub fn bytes(&self) -> u64 {
        let counted = |(path, entry): (&RootfsPath, &Entry)| {
            let first = entry.hard_link.as_ref().is_none_or(|group| group == path);
            match &entry.kind {
                EntryKind::File { size, .. } if first => *size,
                EntryKind::File { .. }
                | EntryKind::Directory
                | EntryKind::Symlink { .. }
                | EntryKind::CharDevice { .. }
                | EntryKind::BlockDevice { .. }
                | EntryKind::Fifo
                | EntryKind::Socket => 0,
            }
        };
        self.entries.iter().map(counted).sum()
    }

    /// Returns the canonical digest.
    pub fn digest(&self, profile: Profile) -> Sha256Digest {
        let mut record = Record(Vec::with_capacity(512));
        let mut hasher = Sha256::new();
        hasher.update(b"migrate-verify/tree/1\0");
        hasher.update(profile.as_str().as_bytes());
        hasher.update(b"\0");
        for (path, entry) in &self.entries {
            record.0.clear();
            record.field(path.as_bytes());
            record.kind(&entry.kind);
            match profile {
                Profile::Strict => {
                    record.metadata(entry);
                    record.number(u64::from(entry.mtime.nanoseconds));
                }
                Profile::Oci => record.metadata(entry),
                Profile::Content => {}
            }
            hasher.update(&record.0);
        }
        Sha256Digest::from_hasher(hasher)
    }
}

/// One record of the preimage.
struct Record(Vec<u8>);

impl Record {
    fn field(&mut self, bytes: &[u8]) {
        self.0
            .extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.field(&number.to_be_bytes());
    }

    fn kind(&mut self, kind: &EntryKind) {
        self.field(kind.as_str().as_bytes());
        match kind {
            EntryKind::File { size, content } => {
                self.number(*size);
                self.field(content.as_bytes());
            }
            EntryKind::Symlink { target } => self.field(target),
            EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
                self.number(u64::from(*major));
                self.number(u64::from(*minor));
            }
            EntryKind::Directory | EntryKind::Fifo | EntryKind::Socket => {}
        }
    }

    fn metadata(&mut self, entry: &Entry) {
        self.number(u64::from(entry.mode));
        self.number(u64::from(entry.uid));
        self.number(u64::from(entry.gid));
        self.field(&entry.mtime.seconds.to_be_bytes());
        let hard_link = entry.hard_link.as_ref();
        self.field(hard_link.map_or(b"", RootfsPath::as_bytes));
        self.number(entry.xattrs.len() as u64);
        for (name, value) in &entry.xattrs {
            self.field(name);
            self.field(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rootfs::Timestamp;

    fn listing() -> Listing {
        let entry = Entry {
            kind: EntryKind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: Timestamp {
                seconds: 1_332_979_200,
                nanoseconds: 5,
            },
            hard_link: None,
            xattrs: BTreeMap::new(),
        };
        Listing {
            entries: Entries::from([(RootfsPath::root(), entry)]),
        }
    }

    #[test]
    fn the_digest_of_a_given_tree_never_changes() {
        insta::assert_snapshot!(listing().digest(Profile::Strict), @"sha256:4f51bd8b12b26ff7b6e93a56aa7de52d9f198a12cddbe981aea22d9576d37de4");
        insta::assert_snapshot!(listing().digest(Profile::Oci), @"sha256:2550de616c507fc79d20996b2ed15258f2c8c28ad9f1d64448a934a74eeb42b9");
        insta::assert_snapshot!(listing().digest(Profile::Content), @"sha256:516ad6356c17e7c645a619078af88ddf9af0af96f6a315074087fa41a64a7ec1");
    }

    #[test]
    fn a_profile_covers_what_it_says() {
        let plain = listing();
        let mut later = listing();
        let entry = later.entries.get_mut(&RootfsPath::root()).unwrap();
        entry.mtime.nanoseconds += 1;
        assert_ne!(plain.digest(Profile::Strict), later.digest(Profile::Strict));
        assert_eq!(plain.digest(Profile::Oci), later.digest(Profile::Oci));
        let entry = later.entries.get_mut(&RootfsPath::root()).unwrap();
        entry.mode = 0o4755;
        assert_ne!(plain.digest(Profile::Oci), later.digest(Profile::Oci));
        assert_eq!(
            plain.digest(Profile::Content),
            later.digest(Profile::Content)
        );
    }
}
