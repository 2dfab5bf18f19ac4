//! zip archives, jars among them: the directory at the end names the members, and where each one is.

use std::io::Read;

use flate2::read::DeflateDecoder;

use super::{
    Inside,
    bytes::{little_u16, little_u32},
};
use crate::rootfs::escape;

/// What is decompressed of a member to be compared.
const LARGEST_MEMBER: u64 = 16 << 20;
/// The record at the end, without its comment.
const END_LENGTH: usize = 22;
/// A comment has at most so many bytes.
const LONGEST_COMMENT: usize = 65_535;

/// A member, as the directory describes it.
struct Member<'a> {
    name: &'a [u8],
    method: u16,
    date: u16,
    time: u16,
    attributes: usize,
    /// Its bytes as they are packed.
    data: &'a [u8],
}

/// Says which member of two archives differs, and in what.
pub(in super::super) fn explain_zip(
    first: &[u8],
    second: &[u8],
    inside: Inside<'_>,
) -> Option<String> {
    let (first, second) = (members(first)?, members(second)?);
    let names = |members: &[Member<'_>]| -> Vec<Vec<u8>> {
        members.iter().map(|member| member.name.to_vec()).collect()
    };
    let (mut first_names, mut second_names) = (names(&first), names(&second));
    if first_names != second_names {
        first_names.sort_unstable();
        second_names.sort_unstable();
        if first_names == second_names {
            return Some("zip: the same members in another order".to_owned());
        }
        let lonely = |names: &[Vec<u8>], others: &[Vec<u8>]| {
            let lonely = names.iter().find(|name| !others.contains(name));
            lonely.map(|name| escape(name))
        };
        let (which, name) = match lonely(&first_names, &second_names) {
            Some(name) => ("first", name),
            None => ("second", lonely(&second_names, &first_names)?),
        };
        return Some(format!("zip: member `{name}` is only in the {which}"));
    }
    let differing = first.iter().zip(&second);
    for (one, other) in differing.clone() {
        if one.data != other.data || one.method != other.method {
            let (first, second) = (content(one)?, content(other)?);
            let name = escape(one.name);
            return Some(if first == second {
                format!("zip: member `{name}` has the same content, packed differently")
            } else {
                format!("zip: inside member `{name}`: {}", inside(&first, &second))
            });
        }
    }
    for (one, other) in differing {
        let (name, times) = (escape(one.name), (clock(one), clock(other)));
        if times.0 != times.1 {
            let (first, second) = times;
            return Some(format!(
                "zip: the time of member `{name}` differs: {first} and {second}"
            ));
        }
        if one.attributes != other.attributes {
            return Some(format!("zip: the attributes of member `{name}` differ"));
        }
    }
    Some("zip: the same members with other headers".to_owned())
}

fn members(bytes: &[u8]) -> Option<Vec<Member<'_>>> {
    if !bytes.starts_with(b"PK") {
        return None;
    }
    let last = bytes.len().checked_sub(END_LENGTH)?;
    let end = (last.saturating_sub(LONGEST_COMMENT)..=last)
        .rev()
        .find(|&at| bytes[at..].starts_with(b"PK\x05\x06"))?;
    let count = little_u16(bytes, end + 10)?;
    let mut at = little_u32(bytes, end + 16)?;
    let mut members = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let record = bytes.get(at..)?;
        if !record.starts_with(b"PK\x01\x02") {
            return None;
        }
        let length = |offset| little_u16(record, offset).map(usize::from);
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let header = bytes.get(little_u32(record, 42)?..)?;
        let start =
            30 + usize::from(little_u16(header, 26)?) + usize::from(little_u16(header, 28)?);
        let packed = little_u32(record, 20)?;
        members.push(Member {
            name: record.get(46..46 + name)?,
            method: little_u16(record, 10)?,
            time: little_u16(record, 12)?,
            date: little_u16(record, 14)?,
            attributes: little_u32(record, 38)?,
            data: header.get(start..start.checked_add(packed)?)?,
        });
        at = at.checked_add(46 + name + extra + comment)?;
    }
    Some(members)
}

/// Returns a member's bytes, decompressed where that is known.
fn content(member: &Member<'_>) -> Option<Vec<u8>> {
    match member.method {
        0 => Some(member.data.to_vec()),
        8 => {
            let mut content = Vec::new();
            let decoder = DeflateDecoder::new(member.data);
            decoder
                .take(LARGEST_MEMBER)
                .read_to_end(&mut content)
                .ok()
                .map(|_| content)
        }
        _ => None,
    }
}

/// Returns a member's time, which DOS kept in two numbers.
fn clock(member: &Member<'_>) -> String {
    let (date, time) = (member.date, member.time);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        1980 + (date >> 9),
        date >> 5 & 15,
        date & 31,
        time >> 11,
        time >> 5 & 63,
        (time & 31) * 2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip(members: &[(&str, u16, u16, &[u8])]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        let u16s = |numbers: &[u16]| -> Vec<u8> {
            numbers
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect()
        };
        for (name, method, time, data) in members {
            let offset = u16::try_from(bytes.len()).unwrap();
            let (size, length) = (
                u16::try_from(data.len()).unwrap(),
                u16::try_from(name.len()).unwrap(),
            );
            let common = u16s(&[
                20, 0, *method, *time, 0x3a4e, 0, 0, size, 0, size, 0, length, 0,
            ]);
            bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes(), data].concat());
            let rest = u16s(&[0, 0, 0, 0, 0, offset, 0]);
            directory.extend([b"PK\x01\x02\x14\0", &common[..], &rest, name.as_bytes()].concat());
        }
        let (size, start) = (
            u16::try_from(directory.len()).unwrap(),
            u16::try_from(bytes.len()).unwrap(),
        );
        let count = u16::try_from(members.len()).unwrap();
        bytes.extend(directory);
        bytes.extend(
            [
                b"PK\x05\x06",
                &u16s(&[0, 0, count, count, size, 0, start, 0, 0])[..],
            ]
            .concat(),
        );
        bytes
    }

    #[test]
    fn an_archive_is_told_by_its_member() {
        let stored: [u8; 6] = [1, 1, 0, 0xfe, 0xff, b'a'];
        let plain = zip(&[("a", 0, 0x5165, b"a"), ("b", 0, 1, b"b")]);
        let table = [
            (
                zip(&[("a", 0, 0x5166, b"a"), ("b", 0, 1, b"b")]),
                "zip: the time of member `a` differs: 2009-02-14 10:11:10 and 2009-02-14 10:11:12",
            ),
            (
                zip(&[("a", 0, 0x5165, b"a"), ("b", 0, 1, b"c")]),
                "zip: inside member `b`: …",
            ),
            (
                zip(&[("b", 0, 1, b"b"), ("a", 0, 0x5165, b"a")]),
                "zip: the same members in another order",
            ),
            (
                zip(&[("a", 0, 0x5165, b"a")]),
                "zip: member `b` is only in the first",
            ),
            (
                zip(&[("a", 8, 0x5165, &stored), ("b", 0, 1, b"b")]),
                "zip: member `a` has the same content, packed differently",
            ),
        ];
        for (other, expected) in table {
            let explained = explain_zip(&plain, &other, &|_, _| "…".into());
            assert_eq!(explained.as_deref(), Some(expected));
        }
        assert_eq!(
            explain_zip(&plain[..40], &plain, &|_, _| String::new()),
            None
        );
    }
}
