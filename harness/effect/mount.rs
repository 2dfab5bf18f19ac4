//! Whether a server's root folder shows what the server holds now: a mount that remembers shows what it held some seconds ago, so that
//! what a step did would not be seen, on the old server and on the candidate alike.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
};

use rustix::fs::{major, minor, statfs};

use super::error::EffectError;

/// `f_type` of statfs(2).
const FUSE: u64 = 0x6573_5546;
const NFS: u64 = 0x6969;
const CIFS: u64 = 0xff53_4d42;
const SMB2: u64 = 0xfe53_4d42;

/// What makes sshfs forget at once, by sshfs(1).
const SSHFS: [&[&str]; 3] = [
    &["dir_cache=no", "cache=no"],
    &["attr_timeout=0"],
    &["entry_timeout=0"],
];

/// A line of `/proc/self/mountinfo`, by `proc_pid_mountinfo(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mount {
    kind: String,
    source: String,
    options: Vec<String>,
}

/// Refuses a root folder whose mount remembers what it has shown, or can't be shown not to.
pub fn shows_the_moment(root: &Path) -> Result<(), EffectError> {
    let read = |source: std::io::Error| EffectError::Read {
        path: root.to_owned(),
        source,
    };
    let kind = statfs(root).map_err(|error| read(error.into()))?.f_type;
    if ![FUSE, NFS, CIFS, SMB2].contains(&kind.cast_unsigned()) {
        return Ok(());
    }
    let device = fs::metadata(root).map_err(read)?.dev();
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(read)?;
    let mount = find(&table, &format!("{}:{}", major(device), minor(device)));
    let mount = mount.unwrap_or_default();
    match remembers(&mount, &sshfs_calls(&mount.source)) {
        None => Ok(()),
        Some(how) => Err(EffectError::Remembers {
            root: root.to_owned(),
            kind: mount.kind,
            how,
        }),
    }
}

/// Finds the mount of a device.
fn find(table: &str, device: &str) -> Option<Mount> {
    table.lines().find_map(|line| {
        let (before, behind) = line.split_once(" - ")?;
        if before.split(' ').nth(2)? != device {
            return None;
        }
        let mut fields = behind.split(' ');
        Some(Mount {
            kind: fields.next()?.to_owned(),
            source: fields.next()?.to_owned(),
            options: fields
                .next()
                .unwrap_or_default()
                .split(',')
                .map(str::to_owned)
                .collect(),
        })
    })
}

/// Says how to mount instead, where a mount may show something old. `calls` are the options of the sshfs processes of its source.
fn remembers(mount: &Mount, calls: &[Vec<String>]) -> Option<&'static str> {
    let has = |option: &str| mount.options.iter().any(|one| one == option);
    match mount.kind.as_str() {
        "nfs" | "nfs4" => {
            let at_once = ["acregmin=0", "acregmax=0", "acdirmin=0", "acdirmax=0"];
            let forgets = has("noac") || at_once.into_iter().all(has);
            (!forgets).then_some("mount it with `-o ro,noac` (nfs(5))")
        }
        "cifs" | "smb3" => {
            let forgets = has("actimeo=0");
            (!forgets).then_some("mount it with `-o ro,actimeo=0` (mount.cifs(8))")
        }
        "fuse.sshfs" => {
            let forgets = |options: &Vec<String>| {
                SSHFS
                    .iter()
                    .all(|words| options.iter().any(|one| words.contains(&one.as_str())))
            };
            let known = !calls.is_empty() && calls.iter().all(forgets);
            (!known).then_some(
                "mount it with `sshfs -o ro,dir_cache=no,attr_timeout=0,entry_timeout=0`",
            )
        }
        _ => Some(
            "nothing is known of what it remembers: use sshfs or NFS, or run this on the server itself",
        ),
    }
}

/// Returns the options of the running sshfs processes that serve a source.
fn sshfs_calls(source: &str) -> Vec<Vec<String>> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| {
            let line = fs::read(process.path().join("cmdline")).ok()?;
            options_of(&line, source)
        })
        .collect()
}

/// Returns the options of one process's arguments, each ended by a zero byte, if it is an sshfs of this source.
fn options_of(line: &[u8], source: &str) -> Option<Vec<String>> {
    let arguments: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
    let program = Path::new(std::ffi::OsStr::from_bytes(arguments.first()?));
    let serves = arguments.contains(&source.as_bytes());
    if program.file_name()? != "sshfs" || !serves {
        return None;
    }
    let mut options = Vec::new();
    let mut is_next = false;
    for argument in arguments {
        let list = match argument.strip_prefix(b"-o") {
            Some(b"") => {
                is_next = true;
                continue;
            }
            Some(list) => list,
            None if is_next => argument,
            None => continue,
        };
        is_next = false;
        let text = list.escape_ascii().to_string();
        options.extend(text.split(',').map(str::to_owned));
    }
    Some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(kind: &str, options: &str) -> Mount {
        let table = format!("36 35 0:52 / /mnt rw,nosuid shared:1 - {kind} old:/ {options}\n");
        find(&table, "0:52").unwrap()
    }

    #[test]
    fn a_mount_that_may_show_something_old_is_told_how_to_forget() {
        let nfs = |options| remembers(&mount("nfs4", options), &[]).is_none();
        assert!(nfs("ro,vers=4.2,noac,hard"));
        assert!(nfs("ro,acregmin=0,acregmax=0,acdirmin=0,acdirmax=0"));
        assert!(!nfs("ro,acregmin=0,acregmax=0"));
        assert!(!nfs("ro,vers=4.2"));
        assert!(remembers(&mount("cifs", "ro,actimeo=0"), &[]).is_none());
        assert!(remembers(&mount("cifs", "ro,actimeo=1"), &[]).is_some());
        assert!(remembers(&mount("fuse.gvfsd-fuse", "ro"), &[]).is_some());
        assert!(remembers(&Mount::default(), &[]).is_some());
    }

    #[test]
    fn an_sshfs_is_judged_by_the_arguments_that_it_runs_with() {
        let judge = |lines: &[&[u8]]| {
            let calls: Vec<_> = lines
                .iter()
                .filter_map(|line| options_of(line, "old:/"))
                .collect();
            remembers(&mount("fuse.sshfs", "ro"), &calls).is_none()
        };
        let good: &[u8] =
            b"sshfs\0-o\0ro,dir_cache=no\0-oattr_timeout=0,entry_timeout=0\0old:/\0/mnt\0";
        let usual: &[u8] = b"/usr/bin/sshfs\0-o\0ro\0old:/\0/mnt\0";
        let other: &[u8] = b"sshfs\0-o\0ro\0other:/\0/srv\0";
        assert!(judge(&[good]));
        assert!(judge(&[good, other]));
        assert!(!judge(&[usual]));
        // Of two mounts of one source nothing says which of them this one is.
        assert!(!judge(&[good, usual]));
        assert!(!judge(&[]));
    }

    #[test]
    fn a_folder_of_this_host_shows_the_moment() {
        let folder = tempfile::tempdir().unwrap();
        assert!(shows_the_moment(folder.path()).is_ok());
        assert!(shows_the_moment(&folder.path().join("none")).is_err());
    }
}
