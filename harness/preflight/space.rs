//! Room: on the file system where trees are, and in memory.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::StatVfsMountFlags as Flags;

use super::{
    finding::{Check, host_check},
    guest::Guest,
};
use crate::outcome::Case;

/// Two trees of a whole server, the packages, and the run's evidence.
const DISK_NEEDED: u64 = 4 << 30;

/// Two trees of a whole server, of some 30 000 files each, and a copy.
const INODES_NEEDED: u64 = 150_000;

/// systemd-nspawn's throw-away layer is memory; the tree's metadata and what the guest writes go there.
const MEMORY_NEEDED: u64 = 2 << 30;

/// What is known of the file system where trees are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Space {
    /// The nearest folder that exists.
    folder: PathBuf,
    /// Bytes that are free.
    free: u64,
    /// Inodes that are free; none where the file system makes them as they are needed.
    inodes: Option<u64>,
    /// Its flags.
    flags: Flags,
    /// A number of an inode on it.
    inode: u64,
}

fn look(folder: &Path) -> io::Result<Space> {
    let existing = folder
        .ancestors()
        .find(|ancestor| ancestor.exists())
        .unwrap_or(Path::new("/"));
    let found = rustix::fs::statvfs(existing)?;
    Ok(Space {
        folder: existing.to_owned(),
        free: found.f_bavail.saturating_mul(found.f_frsize),
        inodes: (found.f_files > 0).then_some(found.f_favail),
        flags: found.f_flag,
        inode: fs::metadata(existing)?.ino(),
    })
}

/// Checks the file system on which `folder` is, and the memory.
pub(super) fn checks(folder: &Path) -> Vec<Case> {
    let mut cases = match look(folder) {
        Ok(space) => vec![
            mount_flags(host_check("mount-flags"), &space),
            disk(host_check("disk"), &space),
            inodes(host_check("inodes"), &space),
        ],
        Err(error) => ["mount-flags", "disk", "inodes"]
            .map(|name| host_check(name).not_made(&format!("{}: {error}", folder.display())))
            .to_vec(),
    };
    let text = fs::read_to_string("/proc/meminfo").map_err(|error| error.to_string());
    cases.push(memory(
        host_check("memory"),
        text.as_deref().map_err(String::as_str),
    ));
    cases
}

fn mount_flags(check: Check<'_>, space: &Space) -> Case {
    let bad: Vec<&str> = [
        (Flags::NOSUID, "nosuid"),
        (Flags::NODEV, "nodev"),
        (Flags::NOEXEC, "noexec"),
        (Flags::RDONLY, "ro"),
    ]
    .into_iter()
    .filter(|(flag, _)| space.flags.contains(*flag))
    .map(|(_, name)| name)
    .collect();
    let folder = space.folder.display();
    if bad.is_empty() {
        return check.fine(format!(
            "{folder} is mounted without nosuid, nodev, noexec, ro"
        ));
    }
    check.finding(
        &format!("{folder} is mounted with {}", bad.join(",")),
        "su, ping and devices of the guest would not work",
        &format!("mount -o remount,suid,dev,exec,rw {folder}"),
    )
}

fn disk(check: Check<'_>, space: &Space) -> Case {
    let text = format!(
        "{} MiB free at {}",
        space.free >> 20,
        space.folder.display()
    );
    if space.free >= DISK_NEEDED {
        return check.fine(text);
    }
    let why = format!("trees and packages need about {} MiB", DISK_NEEDED >> 20);
    check.finding(&text, &why, "make room, or mount a larger disk there")
}

fn inodes(check: Check<'_>, space: &Space) -> Case {
    let Some(free) = space.inodes else {
        return check.does_not_apply("this file system makes inodes as they are needed");
    };
    let text = format!("{free} inodes free at {}", space.folder.display());
    if free >= INODES_NEEDED {
        return check.fine(text);
    }
    let why = format!("the trees have about {INODES_NEEDED} files");
    check.finding(
        &text,
        &why,
        "remove files, or mount another file system there",
    )
}

fn memory(check: Check<'_>, meminfo: Result<&str, &str>) -> Case {
    let available = meminfo.ok().and_then(|text| {
        let line = text
            .lines()
            .find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    match available {
        Some(kibibytes) if kibibytes << 10 >= MEMORY_NEEDED => {
            check.fine(format!("{} MiB available", kibibytes >> 10))
        }
        Some(kibibytes) => check.finding(
            &format!("{} MiB available", kibibytes >> 10),
            "the guest's throw-away layer is memory",
            "stop something, or add swap",
        ),
        None => check.not_made(&format!(
            "/proc/meminfo tells no MemAvailable ({})",
            meminfo.err().unwrap_or("another kernel's")
        )),
    }
}

/// Checks that a guest of 32 bits can read the inode numbers of the file system on which `folder` is.
pub(super) fn inode_numbers(check: Check<'_>, folder: &Path, guest: Option<&Guest>) -> Case {
    match look(folder) {
        Err(error) => check.not_made(&format!("{}: {error}", folder.display())),
        Ok(space) => inode_case(check, &space, guest),
    }
}

fn inode_case(check: Check<'_>, space: &Space, guest: Option<&Guest>) -> Case {
    let text = format!("{} has inode {}", space.folder.display(), space.inode);
    if u32::try_from(space.inode).is_ok() {
        return check.fine(format!("{text}, which a guest of 32 bits can read, too"));
    }
    match guest {
        None => check.not_made(&format!(
            "{text}; whether the guest is of 32 bits is not known before its tree is (--rootfs DIR)"
        )),
        Some(guest) if !guest.is_i386() => check.does_not_apply("the guest is not of 32 bits"),
        Some(_) => check.finding(
            &text,
            "old programs of 32 bits fail with \"Value too large for defined data type\"",
            "put the trees on an ext4, or mount the xfs with inode32",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    fn space() -> Space {
        Space {
            folder: "/var/lib".into(),
            free: 10 << 30,
            inodes: Some(1_000_000),
            flags: Flags::empty(),
            inode: 2,
        }
    }

    #[test]
    fn each_shortage_is_a_finding_of_its_own() {
        let outcomes = |space: &Space| {
            [mount_flags, disk, inodes]
                .map(|check| matches!(check(host_check("x"), space).outcome, Outcome::Broken))
        };
        assert_eq!(outcomes(&space()), [false; 3]);
        for flag in [Flags::NOSUID, Flags::NODEV, Flags::NOEXEC, Flags::RDONLY] {
            let flags = flag;
            assert_eq!(outcomes(&Space { flags, ..space() }), [true, false, false]);
        }
        let free = 1 << 30;
        assert_eq!(outcomes(&Space { free, ..space() }), [false, true, false]);
        let inodes = Some(1000);
        assert_eq!(outcomes(&Space { inodes, ..space() }), [false, false, true]);
        let btrfs = Space {
            inodes: None,
            ..space()
        };
        assert_eq!(outcomes(&btrfs), [false; 3]);
    }

    #[test]
    fn memory_that_can_not_be_read_is_not_enough_memory() {
        let table = [
            (Ok("MemAvailable:    4194304 kB\n"), Outcome::Same),
            (Ok("MemAvailable:    1048576 kB\n"), Outcome::Broken),
            (Ok("MemFree: 4194304 kB\n"), Outcome::NotRun),
            (Err("no /proc"), Outcome::NotRun),
        ];
        for (text, expected) in table {
            assert_eq!(
                memory(host_check("memory"), text).outcome,
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn only_a_guest_of_32_bits_minds_large_inode_numbers() {
        let large = Space {
            inode: 1 << 40,
            ..space()
        };
        let (i386, amd64) = (Guest::example(3, None), Guest::example(62, None));
        let table = [
            (space(), Some(&i386), Outcome::Same),
            (space(), None, Outcome::Same),
            (large.clone(), Some(&i386), Outcome::Broken),
            (large.clone(), Some(&amd64), Outcome::Same),
            (large, None, Outcome::NotRun),
        ];
        for (space, guest, expected) in table {
            let case = inode_case(host_check("x"), &space, guest);
            assert_eq!(case.outcome, expected, "{case:?}");
        }
    }
}
