//! What a walk finds, and how what it found becomes a listing.

use std::{collections::BTreeMap, sync::Arc};

use rustix::fs::Stat;

use super::{
    entry::{Entry, EntryKind, Timestamp},
    extended_attributes::ExtendedAttributes,
    listing::Listing,
    path::RootfsPath,
};

/// An entry, and the inode by which its other names are found.
pub(super) struct Found {
    pub(super) path: RootfsPath,
    pub(super) entry: Arc<Entry>,
    pub(super) inode: Option<(u64, u64)>,
}

impl Found {
    pub(super) fn new(
        path: RootfsPath,
        kind: EntryKind,
        stat: &Stat,
        xattrs: ExtendedAttributes,
    ) -> Self {
        let linked = stat.st_nlink > 1 && kind != EntryKind::Directory;
        Self {
            path,
            inode: linked.then_some((stat.st_dev, stat.st_ino)),
            entry: Arc::new(Entry {
                kind,
                mode: stat.st_mode & 0o7777,
                uid: stat.st_uid,
                gid: stat.st_gid,
                mtime: Timestamp {
                    seconds: stat.st_mtime,
                    nanoseconds: u32::try_from(stat.st_mtime_nsec)
                        .expect("the kernel keeps nanoseconds below a second"),
                },
                hard_link: None,
                xattrs,
            }),
        }
    }
}

/// Names the hard-link groups: only names inside the tree count.
pub(super) fn group(mut found: Vec<Found>) -> Listing {
    found.sort_unstable_by(|first, second| first.path.cmp(&second.path));
    let mut groups: BTreeMap<(u64, u64), (RootfsPath, usize)> = BTreeMap::new();
    for one in &found {
        if let Some(inode) = one.inode {
            let group = groups.entry(inode).or_insert((one.path.clone(), 0));
            group.1 += 1;
        }
    }
    let named = |mut one: Found| {
        let group = one.inode.and_then(|inode| groups.get(&inode));
        if let Some((first, _)) = group.filter(|(_, names)| *names > 1) {
            Arc::make_mut(&mut one.entry).hard_link = Some(first.clone());
        }
        (one.path, one.entry)
    };
    Listing {
        entries: found.into_iter().map(named).collect(),
    }
}
