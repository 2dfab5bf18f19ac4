//! Two listings, aspect by aspect.

use std::collections::{BTreeMap, BTreeSet};

use super::difference::EntryDifference;
use crate::rootfs::{Entry, EntryKind, Listing, RootfsPath};

/// Returns every aspect of every path in which two trees differ, sorted by path; a hard-linked group counts once.
pub fn compare(first: &Listing, second: &Listing) -> Vec<EntryDifference> {
    let mut differences = Vec::new();
    for (path, entry) in &first.entries {
        match second.entries.get(path) {
            Some(other) => compare_entries(path, entry, other, &mut differences),
            None => differences.push(EntryDifference::OnlyInFirst {
                path: path.clone(),
                kind: entry.kind.clone(),
            }),
        }
    }
    let added = |(path, entry): (&RootfsPath, &Entry)| {
        (!first.entries.contains_key(path)).then(|| EntryDifference::OnlyInSecond {
            path: path.clone(),
            kind: entry.kind.clone(),
        })
    };
    differences.extend(second.entries.iter().filter_map(added));
    differences.extend(compare_groups(first, second));
    differences
        .sort_by(|one, other| (one.path(), one.aspect()).cmp(&(other.path(), other.aspect())));
    differences
}

fn compare_entries(
    path: &RootfsPath,
    first: &Entry,
    second: &Entry,
    differences: &mut Vec<EntryDifference>,
) {
    // The other names of one file differ in the same way.
    let told_elsewhere = |group: &RootfsPath| group != path;
    if first.hard_link == second.hard_link && first.hard_link.as_ref().is_some_and(told_elsewhere) {
        return;
    }
    differences.extend(compare_kinds(path, &first.kind, &second.kind));
    if first.mode != second.mode {
        differences.push(EntryDifference::Mode {
            path: path.clone(),
            first: first.mode,
            second: second.mode,
        });
    }
    let owners = ((first.uid, first.gid), (second.uid, second.gid));
    if owners.0 != owners.1 {
        differences.push(EntryDifference::Owner {
            path: path.clone(),
            first: owners.0,
            second: owners.1,
        });
    }
    if first.mtime != second.mtime {
        differences.push(EntryDifference::Mtime {
            path: path.clone(),
            first: first.mtime,
            second: second.mtime,
        });
    }
    let names: BTreeSet<&Vec<u8>> = first.xattrs.keys().chain(second.xattrs.keys()).collect();
    for name in names {
        let values = (first.xattrs.get(name), second.xattrs.get(name));
        if values.0 != values.1 {
            differences.push(EntryDifference::Xattr {
                path: path.clone(),
                name: name.clone(),
                first: values.0.cloned(),
                second: values.1.cloned(),
            });
        }
    }
}

fn compare_kinds(
    path: &RootfsPath,
    first: &EntryKind,
    second: &EntryKind,
) -> Option<EntryDifference> {
    if first == second {
        return None;
    }
    let path = path.clone();
    Some(match (first, second) {
        (
            EntryKind::File { size, content },
            EntryKind::File {
                size: other_size,
                content: other_content,
            },
        ) => EntryDifference::Content {
            path,
            first: (*size, *content),
            second: (*other_size, *other_content),
        },
        (EntryKind::Symlink { target }, EntryKind::Symlink { target: other }) => {
            EntryDifference::Target {
                path,
                first: target.clone(),
                second: other.clone(),
            }
        }
        (
            EntryKind::CharDevice { major, minor },
            EntryKind::CharDevice {
                major: other_major,
                minor: other_minor,
            },
        )
        | (
            EntryKind::BlockDevice { major, minor },
            EntryKind::BlockDevice {
                major: other_major,
                minor: other_minor,
            },
        ) => EntryDifference::Device {
            path,
            first: (*major, *minor),
            second: (*other_major, *other_minor),
        },
        (
            EntryKind::Directory
            | EntryKind::File { .. }
            | EntryKind::Symlink { .. }
            | EntryKind::CharDevice { .. }
            | EntryKind::BlockDevice { .. }
            | EntryKind::Fifo
            | EntryKind::Socket,
            _,
        ) => EntryDifference::Type {
            path,
            first: first.clone(),
            second: second.clone(),
        },
    })
}

type Groups<'a> = BTreeMap<&'a RootfsPath, Vec<RootfsPath>>;

fn groups(listing: &Listing) -> Groups<'_> {
    let mut groups = Groups::new();
    for (path, entry) in &listing.entries {
        if let Some(group) = &entry.hard_link {
            groups.entry(group).or_default().push(path.clone());
        }
    }
    groups
}

/// Compares which paths are one file.
fn compare_groups(first: &Listing, second: &Listing) -> Vec<EntryDifference> {
    let (first_groups, second_groups) = (groups(first), groups(second));
    let names_of = |listing: &Listing, groups: &Groups<'_>, path: &RootfsPath| {
        let entry = listing.entries.get(path)?;
        let group = entry.hard_link.as_ref().and_then(|group| groups.get(group));
        Some(group.cloned().unwrap_or_else(|| vec![path.clone()]))
    };
    let mut told = BTreeSet::new();
    let mut differences = Vec::new();
    let all = first_groups.iter().chain(&second_groups);
    for (&path, names) in all {
        // A group without any name that both trees have is told by its paths.
        let Some(common) = names
            .iter()
            .find(|name| first.entries.contains_key(name) && second.entries.contains_key(name))
        else {
            continue;
        };
        let first_names = names_of(first, &first_groups, common).unwrap_or_default();
        let second_names = names_of(second, &second_groups, common).unwrap_or_default();
        if first_names == second_names || names.iter().any(|name| told.contains(name)) {
            continue;
        }
        told.extend(names.iter().cloned());
        differences.push(EntryDifference::HardLink {
            path: path.clone(),
            first: first_names,
            second: second_names,
        });
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        digest::Sha256Digest,
        reproducibility::Aspect,
        rootfs::{Entries, Timestamp},
    };

    fn path(text: &str) -> RootfsPath {
        RootfsPath::parse(text.as_bytes()).unwrap()
    }

    fn entry(kind: EntryKind) -> Entry {
        Entry {
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Timestamp::default(),
            hard_link: None,
            xattrs: BTreeMap::from([(b"user.x".to_vec(), b"1".to_vec())]),
        }
    }

    fn file(content: &[u8]) -> EntryKind {
        EntryKind::File {
            size: content.len() as u64,
            content: Sha256Digest::of(content),
        }
    }

    fn tree() -> Listing {
        let linked = |group: &str| Entry {
            hard_link: Some(path(group)),
            ..entry(file(b"linked"))
        };
        Listing {
            entries: Entries::from([
                (path("."), entry(EntryKind::Directory)),
                (
                    path("device"),
                    entry(EntryKind::CharDevice { major: 1, minor: 3 }),
                ),
                (path("file"), entry(file(b"content"))),
                (
                    path("link"),
                    entry(EntryKind::Symlink {
                        target: b"file".to_vec(),
                    }),
                ),
                (path("one"), linked("one")),
                (path("two"), linked("one")),
            ]),
        }
    }

    fn found(change: impl FnOnce(&mut Entries)) -> Vec<(String, Aspect)> {
        let mut changed = tree();
        change(&mut changed.entries);
        let named =
            |difference: &EntryDifference| (difference.path().to_string(), difference.aspect());
        compare(&tree(), &changed).iter().map(named).collect()
    }

    fn changed(name: &str, change: impl FnOnce(&mut Entry)) -> Vec<(String, Aspect)> {
        found(|entries| change(entries.get_mut(&path(name)).unwrap()))
    }

    fn one(name: &str, aspect: Aspect) -> Vec<(String, Aspect)> {
        vec![(name.to_owned(), aspect)]
    }

    #[test]
    fn a_tree_is_equal_to_itself() {
        assert_eq!(compare(&tree(), &tree()), []);
    }

    #[test]
    fn every_single_change_is_found_typed_and_named() {
        assert_eq!(
            changed("file", |entry| entry.mode = 0o4644),
            one("file", Aspect::Mode)
        );
        assert_eq!(
            changed("file", |entry| entry.uid = 1),
            one("file", Aspect::Owner)
        );
        assert_eq!(changed(".", |entry| entry.gid = 1), one(".", Aspect::Owner));
        assert_eq!(
            changed("link", |entry| entry.mtime.nanoseconds = 1),
            one("link", Aspect::Mtime)
        );
        assert_eq!(
            changed("file", |entry| entry.kind = file(b"Content")),
            one("file", Aspect::Content)
        );
        assert_eq!(
            changed("link", |entry| entry.kind = EntryKind::Symlink {
                target: b"File".to_vec()
            }),
            one("link", Aspect::Target)
        );
        assert_eq!(
            changed("device", |entry| entry.kind =
                EntryKind::CharDevice { major: 1, minor: 5 }),
            one("device", Aspect::Device)
        );
        assert_eq!(
            changed("device", |entry| entry.kind =
                EntryKind::BlockDevice { major: 1, minor: 3 }),
            one("device", Aspect::Type)
        );
        assert_eq!(
            changed("file", |entry| entry
                .xattrs
                .get_mut(&b"user.x"[..])
                .unwrap()[0] = 0),
            one("file", Aspect::Xattr)
        );
        assert_eq!(
            changed("file", |entry| entry.xattrs.clear()),
            one("file", Aspect::Xattr)
        );
        assert_eq!(
            found(|entries| drop(entries.remove(&path("file")))),
            one("file", Aspect::OnlyInFirst)
        );
        assert_eq!(
            found(|entries| drop(entries.insert(path("new"), entry(EntryKind::Directory)))),
            one("new", Aspect::OnlyInSecond)
        );
    }

    #[test]
    fn a_hard_linked_file_is_told_once() {
        let both = found(|entries| {
            for name in ["one", "two"] {
                entries.get_mut(&path(name)).unwrap().kind = file(b"other");
            }
        });
        assert_eq!(both, one("one", Aspect::Content));
        let broken = found(|entries| {
            for name in ["one", "two"] {
                entries.get_mut(&path(name)).unwrap().hard_link = None;
            }
        });
        assert_eq!(broken, one("one", Aspect::HardLink));
    }
}
