//! The remedies for what differs from build to build, by the names that `rootfs.normalise` gives them.

use std::fmt;

use serde::Deserialize;

/// One remedy; what it does to the tree is `recipe`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normaliser {
    /// The day of a password's last change (`/etc/shadow`, field 3) is the epoch's at most.
    ShadowDays,
    /// man-db's index goes.
    ManIndex,
    /// ldconfig's cache of inode numbers goes.
    LdconfigCache,
    /// What apt fetched and computed goes.
    AptCaches,
    /// debconf's last state but one goes.
    DebconfOld,
    /// dpkg's last state but one goes.
    DpkgOld,
    /// Lists that dpkg and ucf keep in the order of installation are sorted, ucf's old ones go.
    InstallationLists,
    /// Logs of the build go.
    Logs,
    /// The state of random number generators goes.
    RandomSeeds,
    /// The machine's id is made at boot.
    MachineIds,
    /// The state of the hardware clock goes.
    Adjtime,
    /// Lock files go.
    LockFiles,
    /// `/tmp` is emptied.
    TemporaryFiles,
    /// The keys of the ssh server go.
    SshHostKeys,
    /// The self-signed certificate and its key go.
    SnakeoilCertificate,
    /// The random password of Debian's MySQL maintenance goes.
    MysqlDebianCnf,
    /// The time in compiled Python is the epoch's at most, as its source's is.
    PythonBytecode,
}

impl Normaliser {
    /// All of them, in the order in which they are done.
    pub const ALL: [Self; 17] = [
        Self::ShadowDays,
        Self::ManIndex,
        Self::LdconfigCache,
        Self::AptCaches,
        Self::DebconfOld,
        Self::DpkgOld,
        Self::InstallationLists,
        Self::Logs,
        Self::RandomSeeds,
        Self::MachineIds,
        Self::Adjtime,
        Self::LockFiles,
        Self::TemporaryFiles,
        Self::SshHostKeys,
        Self::SnakeoilCertificate,
        Self::MysqlDebianCnf,
        Self::PythonBytecode,
    ];

    /// Returns its name in the project.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShadowDays => "shadow-days",
            Self::ManIndex => "man-index",
            Self::LdconfigCache => "ldconfig-cache",
            Self::AptCaches => "apt-caches",
            Self::DebconfOld => "debconf-old",
            Self::DpkgOld => "dpkg-old",
            Self::InstallationLists => "installation-lists",
            Self::Logs => "logs",
            Self::RandomSeeds => "random-seeds",
            Self::MachineIds => "machine-ids",
            Self::Adjtime => "adjtime",
            Self::LockFiles => "lock-files",
            Self::TemporaryFiles => "temporary-files",
            Self::SshHostKeys => "ssh-host-keys",
            Self::SnakeoilCertificate => "snakeoil-certificate",
            Self::MysqlDebianCnf => "mysql-debian-cnf",
            Self::PythonBytecode => "python-bytecode",
        }
    }
}

impl fmt::Display for Normaliser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_names_them_as_reports_do() {
        #[derive(Deserialize)]
        struct Names {
            names: Vec<Normaliser>,
        }
        let all: Vec<String> = Normaliser::ALL
            .iter()
            .map(|one| format!("\"{one}\""))
            .collect();
        let read: Names = toml::from_str(&format!("names = [{}]", all.join(", "))).unwrap();
        assert_eq!(read.names, Normaliser::ALL);
        assert!(toml::from_str::<Names>("names = [\"everything\"]").is_err());
    }
}
