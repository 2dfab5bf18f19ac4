//! Which Debian package a path belongs to, from the tree's own `var/lib/dpkg/info/*.list`.

use std::collections::{BTreeMap, BTreeSet};

use super::contents::Contents;
use crate::rootfs::{RootfsPath, TreeError};

/// Where dpkg keeps its lists.
const FOLDER: &[u8] = b"var/lib/dpkg/info";

/// Returns whether a path is a list of a package's files.
fn is_package_list(path: &RootfsPath) -> bool {
    path.parent().as_bytes() == FOLDER && path.name().ends_with(b".list")
}

/// Returns whether a file of an image is needed to explain differences, whatever differs.
pub fn is_needed(path: &RootfsPath) -> bool {
    is_package_list(path) || matches!(path.as_bytes(), b"etc/passwd" | b"etc/group")
}

/// Returns the packages of the paths that are asked for; a directory of several packages is none's.
pub(super) fn owners(
    contents: Contents<'_>,
    wanted: &BTreeSet<&RootfsPath>,
) -> Result<BTreeMap<RootfsPath, String>, TreeError> {
    let folder = RootfsPath::parse(FOLDER).expect("a constant path");
    let mut owners: BTreeMap<RootfsPath, Option<String>> = BTreeMap::new();
    for (list_path, list) in contents.read_folder(&folder)? {
        let Some(Ok(package)) = list_path.name().strip_suffix(b".list").map(str::from_utf8) else {
            continue;
        };
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
