//! What is known to differ between two builds of an old Debian tree, why, and what to do about it.

use super::habit::{self, Habit};

/// A file, or a folder, that is known to differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offender {
    /// Its path; one `*` stands for anything.
    pattern: &'static str,
    /// Why it differs.
    pub(super) cause: &'static str,
    /// What to do.
    pub(super) remedy: &'static str,
    /// Tells whether two contents differ so; none where any difference is one.
    habit: Option<Habit>,
}

impl Offender {
    /// Returns the same offender, known for one kind of difference alone.
    const fn when(self, habit: Habit) -> Self {
        Self {
            habit: Some(habit),
            ..self
        }
    }

    /// Tells whether two contents differ in what this is known for.
    pub(super) fn explains(&self, first: &[u8], second: &[u8]) -> bool {
        self.habit.is_none_or(|habit| habit(first, second))
    }
}

/// The known offenders; the first one that fits counts.
const OFFENDERS: &[Offender] = &[
    offender(
        "etc/shadow*",
        "the day of the last password change is in it",
        "name `shadow-days` in rootfs.normalise",
    )
    .when(habit::days),
    offender(
        "etc/gshadow-",
        "a backup of the group passwords is left by the tools",
        "remove the copy that ends with `-`",
    ),
    offender(
        "var/cache/man/*",
        "man-db's index holds times and inode numbers",
        "name `man-index` in rootfs.normalise; man-db makes it again",
    ),
    offender(
        "var/cache/ldconfig/aux-cache",
        "it holds inode numbers and times",
        "name `ldconfig-cache` in rootfs.normalise; ldconfig makes it again",
    ),
    offender(
        "etc/ld.so.cache",
        "it depends on the order in which libraries were found",
        "run ldconfig again at the end",
    ),
    offender(
        "etc/ssh/ssh_host_*",
        "key material is made at installation",
        "name `ssh-host-keys` in rootfs.normalise, or bring the old server's keys in the overlay",
    ),
    offender(
        "etc/ssl/private/*",
        "key material is made at installation",
        "name `snakeoil-certificate` in rootfs.normalise, or bring the key in the overlay",
    ),
    offender(
        "etc/ssl/certs/ssl-cert-snakeoil.pem",
        "a certificate is made at installation",
        "name `snakeoil-certificate` in rootfs.normalise, or bring it in the overlay",
    ),
    offender(
        "etc/mysql/debian.cnf",
        "a random password is made at installation",
        "name `mysql-debian-cnf` in rootfs.normalise, or set the old server's in a script",
    ),
    offender(
        "var/lib/mysql/*",
        "MySQL keeps times, counters and random passwords in its files",
        "name the folder in rootfs.state, and restore the data from a dump",
    ),
    offender(
        "var/log/*",
        "a log holds the times of the build",
        "name `logs` in rootfs.normalise",
    ),
    offender(
        "var/lib/dpkg/*-old",
        "dpkg keeps its last list but one",
        "name `dpkg-old` in rootfs.normalise",
    ),
    offender(
        "var/lib/dpkg/status",
        "the order of packages and their configuration version depend on the installation order",
        "install in a fixed order",
    )
    .when(habit::package_order),
    offender(
        "var/lib/dpkg/available",
        "it depends on the order of the package lists",
        "remove it",
    ),
    offender(
        "var/cache/debconf/*",
        "debconf keeps a copy of its last state",
        "name `debconf-old` in rootfs.normalise",
    ),
    offender(
        "var/lib/apt/lists/*",
        "package lists are of the day they were fetched",
        "name `apt-caches` in rootfs.normalise",
    ),
    offender(
        "var/cache/apt/*",
        "apt's caches hold times and addresses in memory",
        "name `apt-caches` in rootfs.normalise",
    ),
    offender(
        "var/cache/fontconfig/*",
        "font caches hold the times of directories",
        "remove them",
    ),
    offender(
        "var/lib/urandom/random-seed",
        "it is random",
        "name `random-seeds` in rootfs.normalise",
    ),
    offender(
        "var/lib/systemd/random-seed",
        "it is random",
        "name `random-seeds` in rootfs.normalise",
    ),
    offender(
        "etc/machine-id",
        "it is random",
        "name `machine-ids` in rootfs.normalise",
    ),
    offender(
        "var/lib/dbus/machine-id",
        "it is random",
        "name `machine-ids` in rootfs.normalise",
    ),
    offender(
        "etc/adjtime",
        "it holds the time of the last adjustment",
        "name `adjtime` in rootfs.normalise",
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
    offender(
        "tmp/*",
        "it is state of a running system",
        "name `temporary-files` in rootfs.normalise",
    ),
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
    )
    .when(habit::user_numbers),
    offender(
        "etc/group*",
        "numbers of groups are given in installation order",
        "install in a fixed order",
    )
    .when(habit::group_numbers),
    offender(
        "*.pyc",
        "compiled Python holds its source's time",
        "name `python-bytecode` in rootfs.normalise",
    )
    .when(habit::source_time),
    offender(
        "*.pyo",
        "compiled Python holds its source's time",
        "name `python-bytecode` in rootfs.normalise",
    )
    .when(habit::source_time),
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
        habit: None,
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
    match pattern.split_once('*') {
        None => path == pattern.as_bytes(),
        Some((start, end)) => {
            path.len() >= start.len() + end.len()
                && path.starts_with(start.as_bytes())
                && path.ends_with(end.as_bytes())
        }
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

    #[test]
    fn each_known_offender_is_named_with_its_remedy() {
        let table = "\
etc/shadow | day of the last password change | shadow-days
var/cache/man/index.db | times and inode numbers | man-index
var/cache/ldconfig/aux-cache | inode numbers | ldconfig-cache
etc/ssh/ssh_host_dsa_key | key material | ssh-host-keys
etc/ssl/private/ssl-cert-snakeoil.key | key material | snakeoil-certificate
etc/ssl/certs/ssl-cert-snakeoil.pem | certificate | snakeoil-certificate
etc/mysql/debian.cnf | random password | mysql-debian-cnf
var/lib/mysql/ibdata1 | counters | rootfs.state
var/lib/mysql/mysql/user.MYD | random passwords | rootfs.state
var/cache/debconf/config.dat-old | last state | debconf-old
var/lib/dpkg/status-old | last list but one | dpkg-old
usr/lib/python2.5/os.pyc | its source's time | python-bytecode
var/log/dpkg.log | times of the build | logs
var/lib/urandom/random-seed | random | random-seeds
etc/machine-id | random | machine-ids
var/lib/dbus/machine-id | random | machine-ids
etc/adjtime | last adjustment | adjtime
var/cache/apt/pkgcache.bin | apt's caches | apt-caches
var/lib/apt/lists/lock | the day they were fetched | apt-caches";
        for line in table.lines() {
            let words: Vec<&str> = line.split(" | ").collect();
            let offender = known_offender(words[0].as_bytes()).unwrap();
            assert!(
                offender.cause.contains(words[1]),
                "{line}: {}",
                offender.cause
            );
            assert!(
                offender.remedy.contains(words[2]),
                "{line}: {}",
                offender.remedy
            );
        }
    }
}
