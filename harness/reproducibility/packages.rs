//! Which Debian package a path belongs to, from the tree's own `var/lib/dpkg/info/*.list`.

use std::collections::{BTreeMap, BTreeSet};

use crate::rootfs::{RootfsPath, TreeError, TreeRoot};

/// Returns the packages of the paths that are asked for; a directory of several packages is none's.
pub(super) fn owners(
    tree: &TreeRoot,
    wanted: &BTreeSet<&RootfsPath>,
) -> Result<BTreeMap<RootfsPath, String>, TreeError> {
    let folder = "var/lib/dpkg/info";
    let mut owners: BTreeMap<RootfsPath, Option<String>> = BTreeMap::new();
    for name in tree.list(folder)? {
        let Some(package) = name.strip_suffix(b".list") else {
            continue;
        };
        let Ok(package) = str::from_utf8(package) else {
            continue;
        };
        let path = [folder.as_bytes(), b"/", &name].concat();
        let list = tree.read(path)?.unwrap_or_default();
        for line in list.split(|&byte| byte == b'\n') {
            if let Ok(path) = RootfsPath::parse(line)
                && wanted.contains(&path)
            {
                owners
                    .entry(path)
                    .and_modify(|owner| *owner = None)
                    .or_insert_with(|| Some(package.to_owned()));
            }
        }
    }
    Ok(owners
        .into_iter()
        .filter_map(|(path, owner)| Some((path, owner?)))
        .collect())
}
