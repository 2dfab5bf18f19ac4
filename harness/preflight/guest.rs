//! What a guest is, read from its tree: only that decides which of the host's peculiarities matter.

use crate::{
    recipe::{RecipeError, installed_packages},
    rootfs::TreeRoot,
};

/// ELF's numbers of architectures.
const X86_64: u16 = 62;
const I386: u16 = 3;

/// The DHCP clients of Debian, with the first upstream version that takes a packet whose checksum the network card would fill
/// in; none does in the first.
const DHCP_CLIENTS: [(&str, Option<(u32, u32)>); 2] =
    [("dhcp3-client", None), ("isc-dhcp-client", Some((4, 3)))];

/// A guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The architecture of its `/sbin/init`, by ELF's number; none where that is no program.
    pub architecture: Option<u16>,
    /// The version of its package libc6.
    pub libc: Option<String>,
    /// Its DHCP clients, with their versions.
    pub dhcp_clients: Vec<(String, String)>,
}

/// How a guest's libc asks for the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Libc {
    /// At fixed addresses; why that is believed.
    Old(String),
    /// Otherwise; why that is believed.
    New(String),
}

impl Guest {
    /// Reads a tree.
    pub fn read(tree: &TreeRoot) -> Result<Self, RecipeError> {
        let init = tree.read("sbin/init").map_err(|source| RecipeError::Tree {
            step: "look at init",
            source,
        })?;
        let packages = installed_packages(tree)?;
        let clients = DHCP_CLIENTS
            .iter()
            .filter_map(|(name, _)| Some(((*name).to_owned(), packages.get(*name)?.clone())));
        Ok(Self {
            architecture: init.as_deref().and_then(architecture),
            libc: packages.get("libc6").cloned(),
            dhcp_clients: clients.collect(),
        })
    }

    /// Tells whether its libc calls vsyscall: it is for x86-64 and older than 2.14. A version that can't be read is an old one:
    /// the check must not be left out by mistake.
    pub(super) fn needs_vsyscall(&self) -> Libc {
        let version = self.libc.as_deref().unwrap_or("of an unknown version");
        match self.architecture {
            Some(X86_64) | None if self.libc_is_old() => {
                Libc::Old(format!("the guest's libc {version} calls vsyscall"))
            }
            Some(X86_64) | None => {
                Libc::New(format!("the guest's libc {version} does not call it"))
            }
            Some(_) => Libc::New("the guest is not for x86-64".to_owned()),
        }
    }

    /// Tells whether its libc is older than 2.14, as its scripts are.
    pub(super) fn libc_is_old(&self) -> bool {
        let version = self.libc.as_deref().and_then(numbers);
        version.is_none_or(|version| version < (2, 14))
    }

    /// Tells whether it is a guest of 32 bits, whose programs can't read inode numbers of 64 bits.
    pub(super) fn is_i386(&self) -> bool {
        self.architecture == Some(I386)
    }

    /// Returns its DHCP client that drops packets without a checksum.
    pub(super) fn picky_dhcp_client(&self) -> Option<String> {
        let picky = |name: &str, version: &str| {
            let since = DHCP_CLIENTS.iter().find(|(known, _)| *known == name);
            since
                .and_then(|(_, since)| *since)
                .zip(numbers(version))
                .is_none_or(|(since, version)| version < since)
        };
        let found = self
            .dhcp_clients
            .iter()
            .find(|(name, version)| picky(name, version));
        found.map(|(name, version)| format!("{name} {version}"))
    }
}

fn architecture(program: &[u8]) -> Option<u16> {
    let bytes = program
        .get(18..20)
        .filter(|_| program.starts_with(b"\x7fELF"))?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// Returns the first two numbers of a Debian version, without its epoch.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut numbers = upstream
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
impl Guest {
    /// Returns a guest of this architecture and libc.
    pub(super) fn example(architecture: u16, libc: Option<&str>) -> Self {
        Self {
            architecture: Some(architecture),
            libc: libc.map(str::to_owned),
            dhcp_clients: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_read_from_its_tree() {
        let folder = tempfile::tempdir().unwrap();
        let tree = TreeRoot::open(folder.path()).unwrap();
        let mut init = vec![0; 64];
        init[..4].copy_from_slice(b"\x7fELF");
        init[18] = 3;
        tree.create_dir_all("sbin").unwrap();
        tree.create_dir_all("var/lib/dpkg").unwrap();
        tree.write("sbin/init", &init, 0o755).unwrap();
        let status = b"Package: libc6\nStatus: install ok installed\nVersion: 2.7-18lenny7\n\n\
            Package: dhcp3-client\nStatus: install ok installed\nVersion: 3.1.1-6+lenny8\n\n";
        tree.write("var/lib/dpkg/status", status, 0o644).unwrap();
        let guest = Guest::read(&tree).unwrap();
        assert!(guest.is_i386() && guest.libc_is_old(), "{guest:?}");
        assert_eq!(
            guest.picky_dhcp_client().as_deref(),
            Some("dhcp3-client 3.1.1-6+lenny8")
        );
    }

    #[test]
    fn a_dhcp_client_of_after_2014_takes_what_comes() {
        let guest = |name: &str, version: &str| Guest {
            dhcp_clients: vec![(name.to_owned(), version.to_owned())],
            ..Guest::example(X86_64, None)
        };
        assert_eq!(
            guest("isc-dhcp-client", "4.4.3-P1-2").picky_dhcp_client(),
            None
        );
        assert!(
            guest("isc-dhcp-client", "4.1.1-P1-15")
                .picky_dhcp_client()
                .is_some()
        );
        assert!(
            guest("isc-dhcp-client", "odd")
                .picky_dhcp_client()
                .is_some()
        );
        assert!(
            guest("dhcp3-client", "3.1.1-6")
                .picky_dhcp_client()
                .is_some()
        );
    }
}
