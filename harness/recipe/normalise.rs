//! Normalisation: what a build leaves behind that says when and in which order it ran, and nothing about the server.
//!
//! Each remedy is an [`Edit`] with its reason; times newer than the epoch are clamped to it, older ones stay.

use super::edit::Edit;
use crate::rootfs::{EntryKind, Listing, Timestamp, TreeError, TreeRoot};

/// Files that are made again when they are needed, or that only tell of the build.
const REMOVED: [(&str, &str); 19] = [
    ("var/log/dpkg.log", "the log of the build"),
    ("var/log/bootstrap.log", "the log of the build"),
    ("var/log/alternatives.log", "the log of the build"),
    ("var/log/apt/history.log", "the log of the build"),
    ("var/log/apt/term.log", "the log of the build"),
    (
        "var/cache/ldconfig/aux-cache",
        "inode numbers of the build's file system",
    ),
    ("var/cache/apt/pkgcache.bin", "a cache"),
    ("var/cache/apt/srcpkgcache.bin", "a cache"),
    ("var/cache/debconf/config.dat-old", "a backup of the build"),
    (
        "var/cache/debconf/templates.dat-old",
        "a backup of the build",
    ),
    ("var/lib/dpkg/status-old", "a backup of the build"),
    ("var/lib/dpkg/available-old", "a backup of the build"),
    ("var/lib/dpkg/diversions-old", "a backup of the build"),
    ("var/lib/dpkg/statoverride-old", "a backup of the build"),
    ("var/lib/systemd/random-seed", "random"),
    ("var/lib/urandom/random-seed", "random"),
    ("etc/.pwd.lock", "a lock file of the build"),
    ("etc/adjtime", "the clock is the host's"),
    (
        "var/lib/dbus/machine-id",
        "one for each machine, made at boot",
    ),
];

/// Folders whose content is made again when it is needed.
const EMPTIED: [(&str, &str); 4] = [
    ("var/cache/man", "a cache that holds times (gdbm)"),
    (
        "var/lib/apt/lists",
        "the state of the archive on the day of the build",
    ),
    ("var/cache/apt/archives", "a cache"),
    ("tmp", "nothing in it outlives a boot"),
];

/// Files of lines whose order says only in which order packages were installed: their readers look lines up by name. ucf keeps
/// its last states beside its files, under numbers.
const SORTED: [(&str, &str); 3] = [
    (
        "var/lib/dpkg/triggers/File",
        "dpkg reads it as a set: the order is that of the installation",
    ),
    (
        "var/lib/ucf/hashfile",
        "ucf looks files up by name: the order is that of the installation",
    ),
    (
        "var/lib/ucf/registry",
        "ucf looks files up by name: the order is that of the installation",
    ),
];

/// Decides the edits for a tree that is otherwise finished.
pub(super) fn edits(tree: &TreeRoot, epoch: i64) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for (path, why) in REMOVED {
        if tree.exists(path)? {
            edits.push(Edit::remove(path, why));
        }
    }
    for (path, why) in EMPTIED {
        for name in tree.list(path)? {
            if let Ok(name) = String::from_utf8(name) {
                edits.push(Edit::remove(format!("{path}/{name}"), why));
            }
        }
    }
    edits.extend(sorted_files(tree)?);
    for path in log_files(tree)? {
        edits.push(Edit::remove(path, "a log of the build"));
    }
    if tree.exists("etc/machine-id")? {
        edits.push(Edit::text(
            "etc/machine-id",
            "",
            "one for each machine, made at boot",
        ));
    }
    for path in ["etc/shadow", "etc/shadow-"] {
        let Some(content) = tree.read(path)? else {
            continue;
        };
        let clamped = clamp_shadow(&content, epoch / 86_400);
        if clamped != content {
            let why = "the day of the last password change (shadow(5), field 3) is not newer than the epoch";
            edits.push(Edit::Write {
                path: path.to_owned(),
                content: clamped,
                mode: 0o640,
                why,
            });
        }
    }
    Ok(edits)
}

/// Sorts what is read as a set, and removes the numbered copies of its earlier states.
fn sorted_files(tree: &TreeRoot) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for (path, why) in SORTED {
        let Some(content) = tree.read(path)? else {
            continue;
        };
        let sorted = sort_lines(&content);
        if sorted != content {
            edits.push(Edit::text(path, sorted, why));
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or_default();
        for other in tree.list(folder)? {
            if let Ok(other) = String::from_utf8(other)
                && is_copy(&other, name)
            {
                let why = "an earlier state of the build";
                edits.push(Edit::remove(format!("{folder}/{other}"), why));
            }
        }
    }
    Ok(edits)
}

fn sort_lines(content: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = content.split_inclusive(|&byte| byte == b'\n').collect();
    // A last line without its end would be joined with the next one.
    if content.last() == Some(&b'\n') {
        lines.sort_unstable();
    }
    lines.concat()
}

/// Tells whether a name is another one with a number behind it: `hashfile.3`.
fn is_copy(name: &str, of: &str) -> bool {
    let number = name
        .strip_prefix(of)
        .and_then(|rest| rest.strip_prefix('.'));
    number.is_some_and(|number| {
        !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit())
    })
}

/// Lists the log files that services made while they were installed; folders stay, with owners and modes.
fn log_files(tree: &TreeRoot) -> Result<Vec<String>, TreeError> {
    let mut files = Vec::new();
    let mut folders = vec!["var/log".to_owned()];
    while let Some(folder) = folders.pop() {
        for name in tree.list(&folder)? {
            let Ok(name) = String::from_utf8(name) else {
                continue;
            };
            let path = format!("{folder}/{name}");
            match tree.kind(&path)? {
                Some(rustix::fs::FileType::Directory) => folders.push(path),
                Some(rustix::fs::FileType::RegularFile) if !is_account_log(&name) => {
                    files.push(path);
                }
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

/// wtmp and its kin: login(1) writes only where they exist, so they stay.
fn is_account_log(name: &str) -> bool {
    matches!(name, "wtmp" | "btmp" | "lastlog" | "faillog")
}

/// Clamps field 3 of every line of a shadow file to `day`.
fn clamp_shadow(content: &[u8], day: i64) -> Vec<u8> {
    let lines = content.split(|&byte| byte == b'\n').map(|line| {
        let mut fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
        let clamped = day.to_string().into_bytes();
        let changed = fields
            .get(2)
            .and_then(|field| str::from_utf8(field).ok()?.parse::<i64>().ok());
        if changed.is_some_and(|changed| changed > day) {
            fields[2] = &clamped;
        }
        fields.join(&b':')
    });
    lines.collect::<Vec<_>>().join(&b'\n')
}

/// Sets every time that is newer than the epoch to the epoch; returns how many there were.
pub(super) fn clamp_times(
    tree: &TreeRoot,
    listing: &mut Listing,
    epoch: i64,
) -> Result<u64, TreeError> {
    let newest = Timestamp {
        seconds: epoch,
        nanoseconds: 0,
    };
    let mut clamped = 0;
    // Children first: setting a child's time does not touch its folder's, but a reader of the loop need not know that.
    for (path, entry) in listing.entries.iter_mut().rev() {
        let socket = matches!(entry.kind, EntryKind::Socket);
        if entry.mtime > newest && !socket {
            tree.set_mtime(path.as_bytes(), newest)?;
            entry.mtime = newest;
            clamped += 1;
        }
    }
    Ok(clamped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_lines_are_sorted_and_their_numbered_copies_known() {
        assert_eq!(sort_lines(b"b 2\na 1\n"), b"a 1\nb 2\n");
        assert_eq!(sort_lines(b"b\na"), b"b\na");
        assert!(is_copy("hashfile.3", "hashfile") && is_copy("registry.12", "registry"));
        assert!(!is_copy("hashfile", "hashfile") && !is_copy("hashfile.old", "hashfile"));
    }

    #[test]
    fn only_password_days_after_the_epoch_are_clamped() {
        let shadow = b"root:*:15000:0:99999:7:::\nmysql:!:20781:0:99999:7:::\nodd\n";
        let clamped = clamp_shadow(shadow, 15_428);
        assert_eq!(
            clamped,
            b"root:*:15000:0:99999:7:::\nmysql:!:15428:0:99999:7:::\nodd\n"
        );
    }
}
