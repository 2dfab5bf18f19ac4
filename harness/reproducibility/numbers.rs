//! Numbers that differ: inode and device numbers of a build's file system, numbers of users, processors, counters.
//!
//! A number is taken for what it is only where both trees say so: the first file holds the number that a path has in the
//! first tree, and the second one the number that the *same* path has in the second.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::bytes::Regex;

use super::{
    accounts::{Accounts, explain_owner},
    cause::{CauseClass, Evidence},
    variation::Variation,
};
use crate::rootfs::{EntryKind, Listing, RootfsPath, TreeError, TreeRoot};

/// So far apart are two states of a counter at most.
const NEAR: u128 = 100_000;

static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)\d+").expect("a constant pattern"));

/// The numbers of a tree's files on the file system on which it was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNumbers {
    /// The device that the tree is on.
    pub device: u64,
    /// The path of each inode; of several names, the first.
    pub inodes: BTreeMap<u64, RootfsPath>,
}

impl FileNumbers {
    /// Reads the numbers of the files and folders of a tree.
    pub fn read(tree: &TreeRoot, listing: &Listing) -> Result<Self, TreeError> {
        let mut numbers = Self::default();
        for (path, entry) in listing.entries.iter() {
            if !matches!(entry.kind, EntryKind::File { .. } | EntryKind::Directory) {
                continue;
            }
            let failed = |source: rustix::io::Errno| TreeError::System {
                attempt: "look at",
                path: path.to_string(),
                source: source.into(),
            };
            let stat = rustix::fs::fstat(tree.open_path(path.as_bytes())?).map_err(failed)?;
            numbers.device = stat.st_dev;
            let name = numbers.inodes.entry(stat.st_ino);
            name.or_insert_with(|| path.clone());
        }
        Ok(numbers)
    }
}

/// What numbers may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// The numbers of both trees' files.
    pub(super) files: (&'a FileNumbers, &'a FileNumbers),
    /// The years in which the builds ran, by their clocks.
    pub(super) years: (i64, i64),
    /// How many processors the builds saw.
    pub(super) processors: (usize, usize),
    /// The users and groups of both trees.
    pub(super) accounts: (&'a Accounts, &'a Accounts),
}

/// Explains two lines that differ in numbers alone.
pub(super) fn numbers_in_lines(first: &[u8], second: &[u8], known: Known<'_>) -> Option<Evidence> {
    let pairs = differing_numbers(first, second)?;
    let pair = |&(one, other): &(u128, u128)| {
        let narrow = (u64::try_from(one).ok()?, u64::try_from(other).ok()?);
        inode(narrow, known)
            .or_else(|| device(narrow, known))
            .or_else(|| user(narrow, known))
            .or_else(|| processors(narrow, known))
            .or_else(|| year(narrow, known))
    };
    pairs
        .iter()
        .find_map(pair)
        .or_else(|| device_parts(&pairs, known))
        .or_else(|| counter(&pairs))
}

/// Looks for an inode number in binary files: four or eight bytes, little-endian or big-endian, at the same place.
pub(super) fn inode_in_bytes(first: &[u8], second: &[u8], known: Known<'_>) -> Option<Evidence> {
    let differing = first
        .windows(4)
        .zip(second.windows(4))
        .filter(|(one, other)| one != other);
    let mut pairs = differing.flat_map(|(one, other)| {
        let read = |read: fn([u8; 4]) -> u32| {
            let number = |four: &[u8]| four.try_into().map_or(0, |four| u64::from(read(four)));
            (number(one), number(other))
        };
        [read(u32::from_le_bytes), read(u32::from_be_bytes)]
    });
    pairs.find_map(|pair| inode(pair, known))
}

/// Returns the numbers in which two lines differ; nothing where they differ in anything else.
fn differing_numbers(first: &[u8], second: &[u8]) -> Option<Vec<(u128, u128)>> {
    if NUMBER.replace_all(first, &b"0"[..]) != NUMBER.replace_all(second, &b"0"[..]) {
        return None;
    }
    let read = |line: &[u8]| -> Vec<Option<u128>> {
        let number =
            |found: regex::bytes::Match<'_>| str::from_utf8(found.as_bytes()).ok()?.parse().ok();
        NUMBER.find_iter(line).map(number).collect()
    };
    let pairs = read(first).into_iter().zip(read(second));
    let pairs: Option<Vec<_>> = pairs.map(|(one, other)| one.zip(other)).collect();
    let differing: Vec<_> = pairs?
        .into_iter()
        .filter(|(one, other)| one != other)
        .collect();
    (!differing.is_empty()).then_some(differing)
}

fn evidence(class: CauseClass, found: String, suspect: Option<Variation>) -> Evidence {
    Evidence {
        class,
        found,
        suspect,
    }
}

fn inode((one, other): (u64, u64), known: Known<'_>) -> Option<Evidence> {
    let (first, second) = known.files;
    let path = first.inodes.get(&one)?;
    (second.inodes.get(&other)? == path).then(|| {
        let found = format!("{one} and {other} are the inode numbers of {path} in the two trees");
        evidence(CauseClass::Inode, found, Some(Variation::ReaddirOrder))
    })
}

fn device(pair: (u64, u64), known: Known<'_>) -> Option<Evidence> {
    let (first, second) = known.files;
    (first.device != 0 && pair == (first.device, second.device)).then(|| {
        let found = format!(
            "{} and {} are the numbers of the devices that the trees are on",
            pair.0, pair.1
        );
        evidence(CauseClass::Device, found, Some(Variation::ReaddirOrder))
    })
}

/// Major and minor number, as `259:1` or apart.
fn device_parts(pairs: &[(u128, u128)], known: Known<'_>) -> Option<Evidence> {
    let (first, second) = known.files;
    let parts = |device| (rustix::fs::major(device), rustix::fs::minor(device));
    let (one, other) = (parts(first.device), parts(second.device));
    let expected: Vec<(u128, u128)> = [(one.0, other.0), (one.1, other.1)]
        .into_iter()
        .filter(|(one, other)| one != other)
        .map(|(one, other)| (one.into(), other.into()))
        .collect();
    (first.device != 0 && !expected.is_empty() && pairs == expected).then(|| {
        let found = format!(
            "{}:{} and {}:{} are the devices that the trees are on",
            one.0, one.1, other.0, other.1
        );
        evidence(CauseClass::Device, found, Some(Variation::ReaddirOrder))
    })
}

fn user((one, other): (u64, u64), known: Known<'_>) -> Option<Evidence> {
    let (one, other) = (u32::try_from(one).ok()?, u32::try_from(other).ok()?);
    let found = explain_owner(known.accounts, (one, one), (other, other))?;
    let order = Some(Variation::InstallationOrder);
    Some(evidence(CauseClass::UserIds, found, order))
}

fn processors((one, other): (u64, u64), known: Known<'_>) -> Option<Evidence> {
    let (first, second) = known.processors;
    let seen = (u64::try_from(first).ok()?, u64::try_from(second).ok()?);
    (first != second && (one, other) == seen).then(|| {
        let found = format!("{one} and {other} are the numbers of processors");
        evidence(CauseClass::Sentinel, found, Some(Variation::Processors))
    })
}

fn year((one, other): (u64, u64), known: Known<'_>) -> Option<Evidence> {
    let pair = (i64::try_from(one).ok()?, i64::try_from(other).ok()?);
    (pair.0 != pair.1 && pair == known.years).then(|| {
        let found = format!("{one} and {other} are the years of the builds");
        evidence(CauseClass::Time, found, Some(Variation::Time))
    })
}

/// One number that is near the other, in lines that are otherwise equal, and that is nothing else: it counts something.
fn counter(pairs: &[(u128, u128)]) -> Option<Evidence> {
    let [(one, other)] = *pairs else { return None };
    (one.abs_diff(other) <= NEAR).then(|| {
        let found =
            format!("{one} and {other} are near each other, and all else in the line is the same");
        evidence(CauseClass::Counter, found, None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproducibility::Contents;

    #[test]
    fn numbers_are_told_apart_by_what_has_them_in_both_trees() {
        let path = |name: &str| RootfsPath::parse(name.as_bytes()).unwrap();
        let numbers = |device, inodes: [(u64, &str); 2]| FileNumbers {
            device,
            inodes: inodes.map(|(inode, name)| (inode, path(name))).into(),
        };
        let files = (
            numbers(
                0x803,
                [(523_001, "etc/ld.so.conf"), (523_002, "lib/libc.so.6")],
            ),
            numbers(0x700, [(12, "etc/ld.so.conf"), (77, "lib/libc.so.6")]),
        );
        let accounts = |number: u32| {
            let passwd = format!("mysql:x:{number}:{number}:::\n").into_bytes();
            let files = BTreeMap::from([(path("etc/passwd"), passwd)]);
            Accounts::read(Contents::Files(&files)).unwrap()
        };
        let accounts = (accounts(101), accounts(107));
        let known = Known {
            files: (&files.0, &files.1),
            years: (2023, 2025),
            processors: (8, 1),
            accounts: (&accounts.0, &accounts.1),
        };
        let told = |first: &str, second: &str| {
            numbers_in_lines(first.as_bytes(), second.as_bytes(), known)
                .map_or_else(String::new, |found| found.to_string())
        };
        insta::assert_snapshot!(told("ino 523002", "ino 77"), @"inode number: 523002 and 77 are the inode numbers of lib/libc.so.6 in the two trees");
        insta::assert_snapshot!(told("dev 2051", "dev 1792"), @"device number: 2051 and 1792 are the numbers of the devices that the trees are on");
        insta::assert_snapshot!(told("on 8:3", "on 7:0"), @"device number: 8:3 and 7:0 are the devices that the trees are on");
        insta::assert_snapshot!(told("uid=101", "uid=107"), @"uid allocation: user `mysql` is number 101 and 107: numbers are given in installation order");
        insta::assert_snapshot!(told("make -j8", "make -j1"), @"sentinel: 8 and 1 are the numbers of processors");
        insta::assert_snapshot!(told("serial 41", "serial 42"), @"counter: 41 and 42 are near each other, and all else in the line is the same");
        insta::assert_snapshot!(told("(c) 2023", "(c) 2025"), @"time: 2023 and 2025 are the years of the builds");
        // The inode of another path, numbers far apart, and words that differ say nothing.
        assert_eq!(told("ino 523002", "ino 912"), "");
        assert_eq!(told("id 1", "id 99999999"), "");
        assert_eq!(told("a 41", "b 42"), "");
        let binary = |number: u32| [b"\0\x01", &number.to_le_bytes()[..], b"\0"].concat();
        let found = inode_in_bytes(&binary(523_002), &binary(77), known).unwrap();
        assert_eq!(found.class, CauseClass::Inode);
        assert_eq!(inode_in_bytes(&binary(523_002), &binary(12), known), None);
    }
}
