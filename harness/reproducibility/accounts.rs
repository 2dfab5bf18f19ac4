//! Names of users and groups, from the tree's own `etc/passwd` and `etc/group`.
//!
//! dpkg gives numbers in the order in which packages are installed: the same user with another number is one cause, however
//! many files it owns.

use std::collections::BTreeMap;

use super::contents::Contents;
use crate::rootfs::{RootfsPath, TreeError, escape};

/// Both files stay far below.
const LARGEST: u64 = 1 << 20;

/// Names by number.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Accounts {
    /// Reads the accounts of a tree; one without the files has none.
    pub(super) fn read(contents: Contents<'_>) -> Result<Self, TreeError> {
        let names = |file: &str| {
            let path = RootfsPath::parse(file.as_bytes()).expect("a constant path");
            let bytes = contents.read(&path, LARGEST)?;
            Ok(parse(&bytes.unwrap_or_default()))
        };
        Ok(Self {
            users: names("etc/passwd")?,
            groups: names("etc/group")?,
        })
    }
}

/// Reads `name:password:number:…` lines.
fn parse(bytes: &[u8]) -> BTreeMap<u32, String> {
    let account = |line: &[u8]| {
        let mut fields = line.split(|&byte| byte == b':');
        let name = fields.next()?;
        let number = str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        Some((number, escape(name)))
    };
    bytes
        .split(|&byte| byte == b'\n')
        .filter_map(account)
        .collect()
}

/// Returns why owners differ, if the same names have other numbers.
pub(super) fn explain_owner(
    accounts: (&Accounts, &Accounts),
    first: (u32, u32),
    second: (u32, u32),
) -> Option<String> {
    let renumbered =
        |kind: &str, names: (Option<&String>, Option<&String>), numbers: (u32, u32)| {
            let name = names.0.filter(|name| names.1 == Some(name))?;
            (numbers.0 != numbers.1).then(|| {
                format!(
                    "{kind} `{name}` is number {} and {}: numbers are given in installation order",
                    numbers.0, numbers.1
                )
            })
        };
    let (one, other) = accounts;
    let user = renumbered(
        "user",
        (one.users.get(&first.0), other.users.get(&second.0)),
        (first.0, second.0),
    );
    let group = renumbered(
        "group",
        (one.groups.get(&first.1), other.groups.get(&second.1)),
        (first.1, second.1),
    );
    match (user, group) {
        (Some(user), Some(group)) => Some(format!("{user}; {group}")),
        (user, group) => user.or(group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_user_with_another_number_is_named() {
        let accounts = |number: u32| {
            let passwd = format!("root:x:0:0:::\nmysql:x:{number}:{number}:::\nbroken\n");
            let path = |name: &[u8]| RootfsPath::parse(name).unwrap();
            let files = BTreeMap::from([
                (path(b"etc/passwd"), passwd.into_bytes()),
                (path(b"etc/group"), b"mysql:x:104:\n".to_vec()),
            ]);
            Accounts::read(Contents::Files(&files)).unwrap()
        };
        let (first, second) = (accounts(101), accounts(102));
        let explained = explain_owner((&first, &second), (101, 104), (102, 104));
        insta::assert_snapshot!(explained.unwrap(), @"user `mysql` is number 101 and 102: numbers are given in installation order");
        assert_eq!(explain_owner((&first, &second), (0, 0), (102, 0)), None);
    }
}
