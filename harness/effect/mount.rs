//! Whether a server's root folder shows what the server holds now: a mount that remembers shows what it held some seconds ago, so that
//! what a step did would not be seen, on the old server and on the candidate alike.

use std::{
    fs,
    os::{
        fd::{AsFd, AsRawFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{fstat, fstatfs, major, minor, statfs};

use super::{
    error::EffectError,
    files::{Files, MAIL_FOLDER, tree},
};
use crate::rootfs::TreeRoot;

/// `f_type` of statfs(2) of file systems that nothing writes to but this host: ext2 to ext4, XFS, Btrfs, tmpfs, ramfs, F2FS, JFS, `ReiserFS`,
/// bcachefs, ZFS, FAT, exFAT.
const LOCAL: [u64; 12] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x8584_58f6,
    0xf2f5_2010,
    0x3153_464a,
    0x5265_4973,
    0xca45_1a4e,
    0x2fc1_2fc1,
    0x4d44,
    0x2011_bab0,
];

/// That of overlayfs.
const OVERLAY: u64 = 0x794c_7630;

/// What makes sshfs forget at once, by sshfs(1).
const SSHFS: [&[&str]; 3] = [
    &["dir_cache=no", "cache=no"],
    &["attr_timeout=0"],
    &["entry_timeout=0"],
];

/// The beginnings of options by which 9P remembers (the kernel's 9p.rst): as it comes, it does not.
const NINE_P: [&str; 5] = ["cache=", "loose", "fscache", "mmap", "readahead"];

/// A line of `/proc/self/mountinfo`, by `proc_pid_mountinfo(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mount {
    kind: String,
    source: String,
    options: Vec<String>,
}

impl Files {
    /// Refuses a server of which a folder is a mount that may show what was there some seconds ago.
    pub fn show_the_moment(&self) -> Result<(), EffectError> {
        let root = self.open()?;
        let host = TreeRoot::open("/".as_ref()).map_err(tree)?;
        shows_the_moment(root.open_path("/").map_err(tree)?, &self.root)?;
        let trees = self.trees.iter().map(String::as_str);
        for folder in trees.chain(self.mail.then_some(MAIL_FOLDER)) {
            // What is missing is told where it is looked at.
            if root.exists(folder).map_err(tree)? {
                let opened = root.open_path(folder).map_err(tree)?;
                let path = self.root.join(folder.trim_start_matches('/'));
                shows_the_moment(&opened, &path)?;
                let read = |source| EffectError::Read { path, source };
                for point in mounts_below(&opened).map_err(read)? {
                    let opened = host.open_path(point.as_os_str().as_bytes()).map_err(tree)?;
                    shows_the_moment(opened, &point)?;
                }
            }
        }
        Ok(())
    }
}

/// Refuses a folder of a server whose mount remembers what it has shown, or can't be shown not to. `folder` is the opened folder, `path`
/// its name for people.
fn shows_the_moment(folder: impl AsFd, path: &Path) -> Result<(), EffectError> {
    let read = |source: std::io::Error| EffectError::Read {
        path: path.to_owned(),
        source,
    };
    let of_system = |errno: rustix::io::Errno| read(errno.into());
    let kind = fstatfs(&folder).map_err(of_system)?.f_type;
    let kind = kind.cast_unsigned();
    if LOCAL.contains(&kind) {
        return Ok(());
    }
    let device = fstat(&folder).map_err(of_system)?.st_dev;
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(read)?;
    let mount = find(&table, &format!("{}:{}", major(device), minor(device)));
    if mount.is_none() && kind == OVERLAY {
        // Of another mount namespace: the root of a server that runs on this host, and writes through it.
        return Ok(());
    }
    let mount = mount.unwrap_or_default();
    match remembers(&mount, &sshfs_calls(&mount.source)) {
        None => Ok(()),
        Some(how) => Err(EffectError::Remembers {
            root: path.to_owned(),
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
        "9p" => {
            let caches = |option: &String| NINE_P.iter().any(|word| option.starts_with(word));
            let remembers = mount
                .options
                .iter()
                .any(|one| caches(one) && one != "cache=none");
            remembers.then_some("mount it with `-o ro,cache=none`")
        }
        // A change shows on every other machine at once (the kernel's gfs2.rst, ocfs2.rst).
        "gfs2" => None,
        "ocfs2" => has("coherency=buffered").then_some("mount it with `-o ro,coherency=full`"),
        "overlay" => {
            let is_local = |layer: &PathBuf| {
                statfs(layer).is_ok_and(|found| LOCAL.contains(&found.f_type.cast_unsigned()))
            };
            (!layers(&mount.options).iter().all(is_local)).then_some(
                "it lies over a mount, or over what can't be looked at, and does not expect that to change: name the folder below it, from a container run this on its host",
            )
        }
        "virtiofs" => Some(
            "its options don't say how long virtiofsd lets it remember: use sshfs or NFS, or run this on the server itself",
        ),
        "afs" => Some(
            "it shows a file when the writer has closed it, of a read-only volume the last release: use sshfs or NFS, or run this on the server itself",
        ),
        "autofs" => Some("nothing is mounted there yet: mount it, and name the mounted folder"),
        // FUSE file systems, GlusterFS, Ceph, Lustre, images that nobody writes to, and what comes.
        _ => Some(
            "nothing is known of what it remembers: use sshfs or NFS, or run this on the server itself",
        ),
    }
}

/// Returns the folders of which an overlay is made.
fn layers(options: &[String]) -> Vec<PathBuf> {
    let lists = options.iter().filter_map(|option| {
        let (key, list) = option.split_once('=')?;
        ["lowerdir", "lowerdir+", "upperdir"]
            .contains(&key)
            .then_some(list)
    });
    let layers = lists.flat_map(|list| list.split(':'));
    // Two colons stand before layers of which only data are seen.
    layers
        .filter(|layer| !layer.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// Returns where something is mounted below an opened folder; nothing where the folder is of another mount namespace, as a guest's.
fn mounts_below(folder: impl AsFd) -> std::io::Result<Vec<PathBuf>> {
    let number = folder.as_fd().as_raw_fd();
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
    let mount = about.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    let mount = mount.map(str::trim).unwrap_or_default();
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    if !table
        .lines()
        .any(|line| line.split(' ').next() == Some(mount))
    {
        return Ok(Vec::new());
    }
    let folder = fs::read_link(format!("/proc/self/fd/{number}"))?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let points = points.map(|point| PathBuf::from(unescaped(point)));
    Ok(points
        .filter(|point| *point != folder && point.starts_with(&folder))
        .collect())
}

/// Undoes the escapes of `proc_pid_mountinfo(5)`.
fn unescaped(point: &str) -> String {
    let undo = |text: String, (escape, character): (&str, &str)| text.replace(escape, character);
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    escapes.into_iter().fold(point.to_owned(), undo)
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
        assert!(remembers(&Mount::default(), &[]).is_some());
    }

    #[test]
    fn what_is_not_known_to_forget_is_refused_and_says_what_to_do() {
        let here = tempfile::tempdir().unwrap();
        let overlay = |lower: &str| {
            let upper = here.path().display();
            format!("ro,lowerdir={upper}:{lower},upperdir={upper},workdir=/none,redirect_dir=on")
        };
        let (good, remote) = (
            overlay(&here.path().display().to_string()),
            overlay("/proc"),
        );
        let table = [
            ("9p", "ro,access=any,trans=virtio", ""),
            ("9p", "ro,access=any,cache=none", ""),
            ("9p", "ro,access=any,cache=loose", "cache=none"),
            ("9p", "ro,fscache", "cache=none"),
            ("9p", "ro,cache=f", "cache=none"),
            ("gfs2", "ro,acl", ""),
            ("ocfs2", "ro,coherency=full", ""),
            ("ocfs2", "ro,coherency=buffered", "coherency=full"),
            ("overlay", &good, ""),
            ("overlay", &remote, "name the folder below it"),
            (
                "overlay",
                "ro,lowerdir=/none:/such",
                "name the folder below it",
            ),
            ("virtiofs", "ro", "virtiofsd"),
            ("afs", "ro,source=cell:root.cell", "read-only volume"),
            ("autofs", "ro,fd=7,direct", "nothing is mounted there yet"),
            ("fuse.glusterfs", "ro", "nothing is known"),
            ("fuse.gvfsd-fuse", "ro", "nothing is known"),
            ("ceph", "ro,acl", "nothing is known"),
            ("lustre", "ro,checksum", "nothing is known"),
            ("squashfs", "ro", "nothing is known"),
        ];
        for (kind, options, expected) in table {
            let how = remembers(&mount(kind, options), &[]).unwrap_or_default();
            let is_told = if expected.is_empty() {
                how.is_empty()
            } else {
                how.contains(expected)
            };
            assert!(is_told, "{kind} {options}: {how}");
        }
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
        let look = |path: &str| shows_the_moment(fs::File::open(path).unwrap(), path.as_ref());
        assert!(look(folder.path().to_str().unwrap()).is_ok());
        let refused = look("/proc").unwrap_err().to_string();
        assert!(refused.starts_with("/proc is a mount (proc)"), "{refused}");
        let below = |path: &str| mounts_below(fs::File::open(path).unwrap()).unwrap();
        assert!(below("/").contains(&"/proc".into()));
        assert!(below(folder.path().to_str().unwrap()).is_empty());
    }
}
