//! What is known to differ between two builds of an old Debian tree, why, and what to do about it.

/// A file, or a folder, that is known to differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offender {
    /// Its path; a `*` at the end, or at the start, stands for anything.
    pattern: &'static str,
    /// Why it differs.
    pub(super) cause: &'static str,
    /// What to do.
    pub(super) remedy: &'static str,
}

/// The known offenders; the first one that fits counts.
const OFFENDERS: &[Offender] = &[
    offender(
        "etc/shadow*",
        "the day of the last password change is in it",
        "set the third field to the day of source_date_epoch",
    ),
    offender(
        "etc/gshadow*",
        "a backup of the group passwords is left by the tools",
        "remove the copy that ends with `-`",
    ),
    offender(
        "var/cache/man/*",
        "man-db's index holds times and inode numbers",
        "remove it; man-db makes it again",
    ),
    offender(
        "var/cache/ldconfig/aux-cache",
        "it holds inode numbers and times",
        "remove it; ldconfig makes it again",
    ),
    offender(
        "etc/ld.so.cache",
        "it depends on the order in which libraries were found",
        "run ldconfig again at the end",
    ),
    offender(
        "etc/ssh/ssh_host_*",
        "key material is made at installation",
        "remove it and bring the old server's keys in the overlay",
    ),
    offender(
        "etc/ssl/private/*",
        "key material is made at installation",
        "bring the key in the overlay",
    ),
    offender(
        "etc/ssl/certs/ssl-cert-snakeoil.pem",
        "a certificate is made at installation",
        "bring it in the overlay",
    ),
    offender(
        "etc/mysql/debian.cnf",
        "a random password is made at installation",
        "bring it in the overlay",
    ),
    offender(
        "var/lib/mysql/*",
        "MySQL keeps times, counters and random passwords in its files",
        "restore the data from a dump after boot",
    ),
    offender(
        "var/log/*",
        "a log holds the times of the build",
        "empty it at the end of the build",
    ),
    offender(
        "var/lib/dpkg/*-old",
        "dpkg keeps its last list but one",
        "remove it",
    ),
    offender(
        "var/lib/dpkg/status",
        "the order of packages and their configuration version depend on the installation order",
        "install in a fixed order",
    ),
    offender(
        "var/lib/dpkg/available",
        "it depends on the order of the package lists",
        "remove it",
    ),
    offender(
        "var/cache/debconf/*",
        "debconf keeps a copy of its last state",
        "remove the copies that end with `-old`",
    ),
    offender(
        "var/lib/apt/lists/*",
        "package lists are of the day they were fetched",
        "remove them",
    ),
    offender(
        "var/cache/apt/*",
        "apt's caches hold times and addresses in memory",
        "remove them",
    ),
    offender(
        "var/cache/fontconfig/*",
        "font caches hold the times of directories",
        "remove them",
    ),
    offender("var/lib/urandom/random-seed", "it is random", "remove it"),
    offender("var/lib/systemd/random-seed", "it is random", "remove it"),
    offender("etc/machine-id", "it is random", "empty it"),
    offender("var/lib/dbus/machine-id", "it is random", "remove it"),
    offender(
        "etc/adjtime",
        "it holds the time of the last adjustment",
        "bring it in the overlay",
    ),
    offender(
        "etc/hostname",
        "it is the building host's name",
        "bring it in the overlay",
    ),
    offender(
        "etc/mailname",
        "it is the building host's name",
        "bring it in the overlay",
    ),
    offender(
        "etc/resolv.conf",
        "it is the building host's",
        "bring it in the overlay",
    ),
    offender(
        "etc/mtab",
        "it lists what was mounted during the build",
        "link it to /proc/mounts",
    ),
    offender(
        "etc/blkid.tab",
        "it lists the building host's disks",
        "remove it",
    ),
    offender(
        "etc/udev/rules.d/70-persistent-*",
        "it lists the building host's devices",
        "remove it",
    ),
    offender("run/*", "it is state of a running system", "empty it"),
    offender("tmp/*", "it is state of a running system", "empty it"),
    offender("root/.wget-hsts", "wget left it behind", "remove it"),
    offender(
        "usr/share/info/dir",
        "it depends on the installation order",
        "make it again at the end",
    ),
    offender(
        "usr/lib/locale/locale-archive",
        "it depends on the order in which locales were added",
        "make it again at the end",
    ),
    offender(
        "etc/passwd*",
        "numbers of users are given in installation order",
        "install in a fixed order",
    ),
    offender(
        "etc/group*",
        "numbers of groups are given in installation order",
        "install in a fixed order",
    ),
    offender(
        "*.pyc",
        "compiled Python holds its source's time",
        "set the source's time before it is compiled",
    ),
    offender(
        "*.pyo",
        "compiled Python holds its source's time",
        "set the source's time before it is compiled",
    ),
];

/// Paths whose contents are never shown.
const SECRETS: &[&str] = &[
    "etc/shadow*",
    "etc/gshadow*",
    "etc/ssl/private/*",
    "etc/ssh/ssh_host_*",
    "etc/mysql/debian.cnf",
    "var/lib/mysql/mysql/*",
    "var/lib/urandom/random-seed",
    "var/cache/debconf/passwords.dat*",
    "root/.my.cnf",
    "*.key",
    "*.pem",
    "*/.my.cnf",
    "*/.pgpass",
    "*/id_rsa",
    "*/id_dsa",
    "*/.htpasswd",
];

const fn offender(pattern: &'static str, cause: &'static str, remedy: &'static str) -> Offender {
    Offender {
        pattern,
        cause,
        remedy,
    }
}

/// Returns what is known of a path.
pub(super) fn known_offender(path: &[u8]) -> Option<&'static Offender> {
    OFFENDERS
        .iter()
        .find(|offender| fits(offender.pattern, path))
}

/// Returns whether a path's contents must not be shown.
pub(super) fn is_secret(path: &[u8]) -> bool {
    SECRETS.iter().any(|pattern| fits(pattern, path))
}

fn fits(pattern: &str, path: &[u8]) -> bool {
    if let Some(start) = pattern.strip_suffix('*') {
        path.starts_with(start.as_bytes())
    } else if let Some(end) = pattern.strip_prefix('*') {
        path.ends_with(end.as_bytes())
    } else {
        path == pattern.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_offenders_are_known_by_their_paths() {
        assert!(is_secret(b"etc/shadow-") && is_secret(b"home/ucitel/.my.cnf"));
        assert!(!is_secret(b"etc/passwd") && !is_secret(b"srv/etc/shadow"));
        let cause = |path: &[u8]| known_offender(path).map(|offender| offender.cause);
        assert_eq!(cause(b"etc/machine-id"), Some("it is random"));
        assert_eq!(cause(b"etc/apache2/apache2.conf"), None);
    }
}
