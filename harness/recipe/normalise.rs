//! Normalisation: what a build leaves behind that says when and in which order it ran, and nothing about the server.
//!
//! Each remedy has a name by which a project asks for it ([`Normaliser`]). What it does is an [`Edit`] with its reason, and
//! the bytes that it touches are written down; times newer than the epoch are clamped to it, older ones stay.

use super::edit::Edit;
use crate::{
    project::Normaliser,
    rootfs::{EntryKind, Listing, Timestamp, TreeError, TreeRoot},
};

/// Where compiled Python may lie.
const PYTHON: [&str; 4] = [
    "usr/lib",
    "usr/share",
    "usr/local/lib",
    "var/lib/python-support",
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

/// What debconf keeps of its last state.
const DEBCONF_OLD: [&str; 3] = [
    "var/cache/debconf/config.dat-old",
    "var/cache/debconf/passwords.dat-old",
    "var/cache/debconf/templates.dat-old",
];

/// What dpkg keeps of its last state.
const DPKG_OLD: [&str; 4] = [
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/available-old",
    "var/lib/dpkg/diversions-old",
    "var/lib/dpkg/statoverride-old",
];

/// Decides the edits of one remedy, for a tree that is otherwise finished.
pub(super) fn edits(
    normaliser: Normaliser,
    tree: &TreeRoot,
    epoch: i64,
) -> Result<Vec<Edit>, TreeError> {
    let removed = |paths: &[&str], why| removed(tree, paths, why);
    match normaliser {
        Normaliser::ShadowDays => shadow_days(tree, epoch / 86_400),
        Normaliser::ManIndex => {
            emptied(tree, &["var/cache/man"], "a cache that holds times (gdbm)")
        }
        Normaliser::LdconfigCache => removed(
            &["var/cache/ldconfig/aux-cache"],
            "inode numbers of the build's file system",
        ),
        Normaliser::AptCaches => {
            let caches = [
                "var/cache/apt/pkgcache.bin",
                "var/cache/apt/srcpkgcache.bin",
            ];
            let mut edits = removed(&caches, "a cache")?;
            let why = "the state of the archive on the day of the build";
            edits.extend(emptied(tree, &["var/lib/apt/lists"], why)?);
            edits.extend(emptied(tree, &["var/cache/apt/archives"], "a cache")?);
            Ok(edits)
        }
        Normaliser::DebconfOld => removed(&DEBCONF_OLD, "a backup of the build"),
        Normaliser::DpkgOld => removed(&DPKG_OLD, "a backup of the build"),
        Normaliser::InstallationLists => sorted_files(tree),
        Normaliser::Logs => log_files(tree).map(|paths| {
            let edit = |path: String| Edit::remove(path, "a log of the build");
            paths.into_iter().map(edit).collect()
        }),
        Normaliser::RandomSeeds => removed(
            &["var/lib/systemd/random-seed", "var/lib/urandom/random-seed"],
            "random",
        ),
        Normaliser::MachineIds => machine_ids(tree),
        Normaliser::Adjtime => removed(&["etc/adjtime"], "the clock is the host's"),
        Normaliser::LockFiles => removed(&["etc/.pwd.lock"], "a lock file of the build"),
        Normaliser::TemporaryFiles => emptied(tree, &["tmp"], "nothing in it outlives a boot"),
        Normaliser::SshHostKeys => ssh_host_keys(tree),
        Normaliser::SnakeoilCertificate => removed(
            &[
                "etc/ssl/private/ssl-cert-snakeoil.key",
                "etc/ssl/certs/ssl-cert-snakeoil.pem",
            ],
            "a random key; `make-ssl-cert generate-default-snakeoil` makes it again",
        ),
        Normaliser::MysqlDebianCnf => removed(
            &["etc/mysql/debian.cnf"],
            "a random password; the old server's comes with the overlay or a script at boot",
        ),
        Normaliser::PythonBytecode => python_bytecode(tree, epoch),
    }
}

fn removed(tree: &TreeRoot, paths: &[&str], why: &'static str) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for path in paths {
        if tree.exists(path)? {
            edits.push(Edit::remove(*path, why));
        }
    }
    Ok(edits)
}

fn emptied(tree: &TreeRoot, folders: &[&str], why: &'static str) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for folder in folders {
        for name in tree.list(folder)? {
            if let Ok(name) = String::from_utf8(name) {
                edits.push(Edit::remove(format!("{folder}/{name}"), why));
            }
        }
    }
    Ok(edits)
}

fn machine_ids(tree: &TreeRoot) -> Result<Vec<Edit>, TreeError> {
    let why = "one for each machine, made at boot";
    let mut edits = removed(tree, &["var/lib/dbus/machine-id"], why)?;
    if tree.exists("etc/machine-id")? {
        edits.push(Edit::text("etc/machine-id", "", why));
    }
    Ok(edits)
}

fn shadow_days(tree: &TreeRoot, day: i64) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for path in ["etc/shadow", "etc/shadow-"] {
        let Some(content) = tree.read(path)? else {
            continue;
        };
        let clamped = clamp_shadow(&content, day);
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

fn ssh_host_keys(tree: &TreeRoot) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for name in tree.list("etc/ssh")? {
        if let Ok(name) = String::from_utf8(name)
            && name.starts_with("ssh_host_")
        {
            let why = "a random key; the old server's comes with the overlay, or `ssh-keygen -A` makes one at boot";
            edits.push(Edit::remove(format!("etc/ssh/{name}"), why));
        }
    }
    edits.sort_by_key(ToString::to_string);
    Ok(edits)
}

/// Sets the time that stands in compiled Python to the epoch where it is newer: its source's time is clamped, too, and Python
/// compiles again what has another time than its source.
fn python_bytecode(tree: &TreeRoot, epoch: i64) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for folder in PYTHON {
        for path in files(tree, folder)? {
            let end = path.rsplit('.').next().unwrap_or_default();
            if !matches!(end, "pyc" | "pyo") {
                continue;
            }
            if let Some(content) = tree.read(&path)?
                && let Some(content) = clamp_python(&content, epoch)
            {
                let why = "the time of its source, which is the epoch's";
                edits.push(Edit::text(&path, content, why));
            }
        }
    }
    Ok(edits)
}

/// Returns compiled Python with another time in its header (PEP 552); nothing where it has none, or an old one.
fn clamp_python(content: &[u8], epoch: i64) -> Option<Vec<u8>> {
    let magic = u16::from_le_bytes(content.get(..2)?.try_into().ok()?);
    if content.get(2..4)? != b"\r\n" {
        return None;
    }
    // From Python 3.7 on, flags stand before the time; without any, it is one.
    let has_flags = (3390..20_000).contains(&magic);
    if has_flags && content.get(4..8)? != [0; 4] {
        return None;
    }
    let at = if has_flags { 8 } else { 4 };
    let time = u32::from_le_bytes(content.get(at..at + 4)?.try_into().ok()?);
    let epoch = u32::try_from(epoch).ok()?;
    (time > epoch).then(|| {
        let mut clamped = content.to_vec();
        clamped[at..at + 4].copy_from_slice(&epoch.to_le_bytes());
        clamped
    })
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

/// Lists the log files that the build and its services made; folders stay, with owners and modes.
fn log_files(tree: &TreeRoot) -> Result<Vec<String>, TreeError> {
    let mut logs = files(tree, "var/log")?;
    logs.retain(|path| !is_account_log(path.rsplit('/').next().unwrap_or_default()));
    Ok(logs)
}

/// Lists the files below a folder, in the order of their paths.
fn files(tree: &TreeRoot, below: &str) -> Result<Vec<String>, TreeError> {
    let mut files = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in tree.list(&folder)? {
            let Ok(name) = String::from_utf8(name) else {
                continue;
            };
            let path = format!("{folder}/{name}");
            match tree.kind(&path)? {
                Some(rustix::fs::FileType::Directory) => folders.push(path),
                Some(rustix::fs::FileType::RegularFile) => files.push(path),
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

    #[test]
    fn only_a_newer_time_in_compiled_python_is_set_to_the_epoch() {
        let file = |magic: u16, middle: &[u8], time: u32| {
            let parts = [
                &magic.to_le_bytes()[..],
                b"\r\n",
                middle,
                &time.to_le_bytes(),
                b"code",
            ];
            parts.concat()
        };
        let (old, new) = (1_332_979_200, 1_700_000_000);
        let epoch = i64::from(old);
        let lenny = clamp_python(&file(62_131, b"", new), epoch);
        assert_eq!(lenny, Some(file(62_131, b"", old)));
        let bookworm = clamp_python(&file(3495, &[0; 4], new), epoch);
        assert_eq!(bookworm, Some(file(3495, &[0; 4], old)));
        for kept in [
            file(62_131, b"", old),
            file(3495, &[1, 0, 0, 0], new),
            b"text".to_vec(),
        ] {
            assert_eq!(clamp_python(&kept, epoch), None);
        }
    }

    #[test]
    fn each_remedy_touches_what_it_is_named_for_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let table = [
            ("shadow-days", "etc/shadow"),
            ("man-index", "var/cache/man/index.db"),
            ("ldconfig-cache", "var/cache/ldconfig/aux-cache"),
            ("apt-caches", "var/cache/apt/pkgcache.bin"),
            ("debconf-old", "var/cache/debconf/config.dat-old"),
            ("dpkg-old", "var/lib/dpkg/status-old"),
            ("installation-lists", "var/lib/ucf/hashfile"),
            ("logs", "var/log/apt/term.log"),
            ("random-seeds", "var/lib/urandom/random-seed"),
            ("machine-ids", "etc/machine-id"),
            ("adjtime", "etc/adjtime"),
            ("lock-files", "etc/.pwd.lock"),
            ("temporary-files", "tmp/left"),
            ("ssh-host-keys", "etc/ssh/ssh_host_rsa_key"),
            (
                "snakeoil-certificate",
                "etc/ssl/private/ssl-cert-snakeoil.key",
            ),
            ("mysql-debian-cnf", "etc/mysql/debian.cnf"),
            ("python-bytecode", "usr/lib/python2.5/os.pyc"),
        ];
        for (_, path) in table {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let content: &[u8] = match path.extension().and_then(|end| end.to_str()) {
                Some("pyc") => b"\xb3\xf2\r\n\xff\xff\xff\x7fcode",
                Some(_) | None => b"b:*:20781:0\na\n",
            };
            std::fs::write(path, content).unwrap();
        }
        let tree = TreeRoot::open(folder.path()).unwrap();
        for (normaliser, (name, path)) in Normaliser::ALL.into_iter().zip(table) {
            assert_eq!(normaliser.as_str(), name);
            let edits = edits(normaliser, &tree, 1_332_979_200).unwrap();
            let lines: Vec<String> = edits.iter().map(ToString::to_string).collect();
            assert_eq!(lines.len(), 1, "{name}: {lines:?}");
            assert!(lines[0].contains(path), "{name}: {lines:?}");
        }
    }
}
