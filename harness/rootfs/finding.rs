//! What was noticed while an image was unpacked, and did not stop it: the stated policy, case by case.

use std::fmt;

use super::{
    entry::{Entry, EntryKind},
    listing::Listing,
    path::{RootfsPath, escape},
};
use crate::image::tar::Anomaly;

/// A hostile image must not fill the memory with findings.
const MOST_FINDINGS: usize = 1000;

/// Something about an image, or the file system below it, that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where; the root for what concerns a whole layer.
    pub path: RootfsPath,
    /// What.
    pub kind: FindingKind,
}

/// What was noticed, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// A name starts with a slash; it is taken as relative.
    AbsoluteName,
    /// A layer has the path twice; the later one holds.
    Duplicate,
    /// A directory has no entry of its own; it is made with mode 0755, root's, and time 0.
    MissingParent,
    /// A parent is a symbolic link; it was followed inside the tree.
    ThroughSymlink,
    /// A parent was a file of a lower layer; a directory is in its place.
    ReplacedParent,
    /// A whiteout hides nothing.
    HidesNothing,
    /// A name that AUFS uses for itself; it is left out.
    AufsMetadata,
    /// A hard link's own mode, owner or time differs from its target's; the target's holds.
    HardLinkAttributes,
    /// A hard link to itself; it is left out.
    LinkToItself,
    /// An xattr that belongs to a host or an engine; it is left out.
    ForeignXattr {
        /// Its name.
        name: Vec<u8>,
    },
    /// A layer's tar stream is malformed in a way that loses nothing.
    Anomaly {
        /// Which layer, from 1.
        layer: usize,
        /// In which way.
        anomaly: Anomaly,
    },
    /// Zeros follow a layer's last gzip member.
    TrailingZeros {
        /// Which layer, from 1.
        layer: usize,
    },
    /// The file system did not keep an aspect of so many entries; the path is the first of them.
    NotKept {
        /// What was not kept.
        aspect: &'static str,
        /// Of how many entries.
        count: usize,
        /// What the image says of the first.
        expected: String,
        /// What the tree has.
        actual: String,
    },
    /// There are so many more findings.
    More {
        /// How many.
        count: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        let text = match &self.kind {
            FindingKind::AbsoluteName => "is named absolutely; taken as relative",
            FindingKind::Duplicate => "is in one layer twice; the later one holds",
            FindingKind::MissingParent => {
                "has no entry of its own; made with mode 0755, owner 0:0 and time 0"
            }
            FindingKind::ThroughSymlink => "has a symlink as a parent; followed inside the tree",
            FindingKind::ReplacedParent => {
                "was a file of a lower layer and has entries below it; replaced by a directory"
            }
            FindingKind::HidesNothing => "is hidden by a whiteout, but was not there",
            FindingKind::AufsMetadata => "is a name that aufs uses for itself; left out",
            FindingKind::HardLinkAttributes => {
                "is a hard link with attributes of its own; its target's hold"
            }
            FindingKind::LinkToItself => "is a hard link to itself; left out",
            FindingKind::ForeignXattr { name } => {
                return write!(
                    formatter,
                    "{path}: its xattr {} belongs to a host; left out",
                    escape(name)
                );
            }
            FindingKind::Anomaly { layer, anomaly } => {
                return write!(formatter, "layer {layer}: {}", anomaly.as_str());
            }
            FindingKind::TrailingZeros { layer } => {
                return write!(
                    formatter,
                    "layer {layer}: zeros follow its last gzip member"
                );
            }
            FindingKind::NotKept {
                aspect,
                count,
                expected,
                actual,
            } => {
                return write!(
                    formatter,
                    "{path}: the file system did not keep the {aspect} ({expected} became {actual}), of {count} entries"
                );
            }
            FindingKind::More { count } => return write!(formatter, "{count} more findings"),
        };
        write!(formatter, "{path}: {text}")
    }
}

/// Collects findings, up to a limit.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    more: usize,
}

impl Findings {
    pub(super) fn add(&mut self, path: &RootfsPath, kind: FindingKind) {
        if self.kept.len() < MOST_FINDINGS {
            self.kept.push(Finding {
                path: path.clone(),
                kind,
            });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_vec(mut self) -> Vec<Finding> {
        if self.more > 0 {
            self.kept.push(Finding {
                path: RootfsPath::root(),
                kind: FindingKind::More { count: self.more },
            });
        }
        self.kept
    }
}

/// Returns what a tree on disk lacks of what an image says.
pub(super) fn not_kept(expected: &Listing, actual: &Listing) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut add = |path: &RootfsPath, aspect, first: String, second: String| {
        let same = |finding: &&mut Finding| matches!(&finding.kind, FindingKind::NotKept { aspect: known, .. } if *known == aspect);
        match findings
            .iter_mut()
            .find(same)
            .map(|finding| &mut finding.kind)
        {
            Some(FindingKind::NotKept { count, .. }) => *count += 1,
            Some(_) | None => findings.push(Finding {
                path: path.clone(),
                kind: FindingKind::NotKept {
                    aspect,
                    count: 1,
                    expected: first,
                    actual: second,
                },
            }),
        }
    };
    for (path, wanted) in &expected.entries {
        match actual.entries.get(path) {
            Some(found) => compare(wanted, found, |aspect, first, second| {
                add(path, aspect, first, second);
            }),
            None => add(
                path,
                "entry",
                wanted.kind.as_str().to_owned(),
                "nothing".to_owned(),
            ),
        }
    }
    for (path, found) in &actual.entries {
        if !expected.entries.contains_key(path) {
            add(
                path,
                "absence",
                "nothing".to_owned(),
                found.kind.as_str().to_owned(),
            );
        }
    }
    findings
}

fn compare(expected: &Entry, actual: &Entry, mut add: impl FnMut(&'static str, String, String)) {
    if expected.kind != actual.kind {
        add("content", describe(&expected.kind), describe(&actual.kind));
    }
    if expected.mode != actual.mode {
        add(
            "mode",
            format!("{:04o}", expected.mode),
            format!("{:04o}", actual.mode),
        );
    }
    if (expected.uid, expected.gid) != (actual.uid, actual.gid) {
        add(
            "owner",
            format!("{}:{}", expected.uid, expected.gid),
            format!("{}:{}", actual.uid, actual.gid),
        );
    }
    if expected.mtime != actual.mtime {
        add(
            "mtime",
            expected.mtime.to_string(),
            actual.mtime.to_string(),
        );
    }
    if expected.hard_link != actual.hard_link {
        let group = |entry: &Entry| {
            let path = entry.hard_link.as_ref();
            path.map_or_else(|| "no link".to_owned(), ToString::to_string)
        };
        add("hard link", group(expected), group(actual));
    }
    if expected.xattrs != actual.xattrs {
        let names = |entry: &Entry| {
            let names: Vec<String> = entry.xattrs.keys().map(|name| escape(name)).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(" ")
            }
        };
        add("xattrs", names(expected), names(actual));
    }
}

fn describe(kind: &EntryKind) -> String {
    match kind {
        EntryKind::File { size, content } => format!("file of {size} bytes {content}"),
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            format!("{} {major}:{minor}", kind.as_str())
        }
        EntryKind::Symlink { target } => format!("symlink to {}", escape(target)),
        EntryKind::Directory | EntryKind::Fifo | EntryKind::Socket => kind.as_str().to_owned(),
    }
}
