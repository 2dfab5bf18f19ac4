//! Where two files' bytes differ, in the smallest useful words.

use std::{io::Read, ops::RangeInclusive};

use flate2::read::MultiGzDecoder;

use super::format::{
    explain_dpkg, explain_elf, explain_gettext, explain_key, explain_mysql, explain_png,
    explain_python, explain_zip,
};
use crate::rootfs::escape;

/// What is decompressed to be compared; more says nothing more.
const LARGEST_INNER: u64 = 64 << 20;
/// Bytes of a line, or of a name, that are shown.
const SHOWN: usize = 60;
/// Archives inside archives that are looked into.
const DEEPEST: usize = 3;

/// Returns in what two files differ; `window` is when they were built, in seconds since 1970.
pub(super) fn explain_bytes(
    first: &[u8],
    second: &[u8],
    window: Option<&RangeInclusive<i64>>,
) -> String {
    explain_at(first, second, window, 0)
}

fn explain_at(
    first: &[u8],
    second: &[u8],
    window: Option<&RangeInclusive<i64>>,
    depth: usize,
) -> String {
    let inside = |first: &[u8], second: &[u8]| explain_at(first, second, window, depth + 1);
    // Whatever else a file is: with a key in it, none of its bytes are shown.
    let known = explain_key(first, second).or_else(|| explain_python(first, second));
    let packed = || {
        explain_gzip(first, second, window, depth)
            .or_else(|| explain_archive(first, second, window, depth))
            .or_else(|| explain_png(first, second, &inside))
            .or_else(|| explain_zip(first, second, &inside))
            .or_else(|| explain_elf(first, second, &inside))
    };
    known
        .or_else(|| if depth < DEEPEST { packed() } else { None })
        .or_else(|| explain_gettext(first, second))
        .or_else(|| explain_mysql(first, second))
        .or_else(|| explain_dpkg(first, second))
        .or_else(|| explain_text(first, second, window))
        .unwrap_or_else(|| explain_binary(first, second, window))
}

fn explain_gzip(
    first: &[u8],
    second: &[u8],
    window: Option<&RangeInclusive<i64>>,
    depth: usize,
) -> Option<String> {
    let is_gzip = |bytes: &[u8]| bytes.len() > 18 && bytes.starts_with(&[0x1f, 0x8b, 8]);
    if !is_gzip(first) || !is_gzip(second) {
        return None;
    }
    let time = |bytes: &[u8]| u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let (first_time, second_time) = (time(first), time(second));
    if first_time != second_time && first[..4] == second[..4] && first[8..] == second[8..] {
        return Some(format!(
            "gzip: only the time in its header differs: {first_time} and {second_time}"
        ));
    }
    let inner = |bytes: &[u8]| {
        let mut inner = Vec::new();
        let decoder = MultiGzDecoder::new(bytes);
        decoder
            .take(LARGEST_INNER)
            .read_to_end(&mut inner)
            .ok()
            .map(|_| inner)
    };
    let (first_inner, second_inner) = (inner(first)?, inner(second)?);
    if first_inner == second_inner {
        return Some("gzip: the same content, packed differently".to_owned());
    }
    let inside = explain_at(&first_inner, &second_inner, window, depth + 1);
    Some(format!("inside gzip: {inside}"))
}

/// A member of an `ar` archive, as `.a` and `.deb` files are.
struct ArMember<'a> {
    header: &'a [u8],
    data: &'a [u8],
}

fn ar_members(bytes: &[u8]) -> Option<Vec<ArMember<'_>>> {
    let mut rest = bytes.strip_prefix(b"!<arch>\n")?;
    let mut members = Vec::new();
    while rest.len() >= 60 {
        let (header, data) = rest.split_at(60);
        let size = str::from_utf8(&header[48..58]).ok()?;
        let size: usize = size.trim_end().parse().ok()?;
        let data_bytes = data.get(..size)?;
        members.push(ArMember {
            header,
            data: data_bytes,
        });
        rest = data.get(size + size % 2..).unwrap_or_default();
    }
    Some(members)
}

fn explain_archive(
    first: &[u8],
    second: &[u8],
    window: Option<&RangeInclusive<i64>>,
    depth: usize,
) -> Option<String> {
    const FIELDS: [(&str, std::ops::Range<usize>); 5] = [
        ("name", 0..16),
        ("time", 16..28),
        ("user", 28..34),
        ("group", 34..40),
        ("mode", 40..48),
    ];
    let (first, second) = (ar_members(first)?, ar_members(second)?);
    for (one, other) in first.iter().zip(&second) {
        let name = escape(one.header[..16].trim_ascii_end());
        for (field, range) in FIELDS {
            let values = (&one.header[range.clone()], &other.header[range]);
            if values.0 != values.1 {
                return Some(format!(
                    "ar: the {field} of member `{name}` differs: {} and {}",
                    escape(values.0.trim_ascii()),
                    escape(values.1.trim_ascii())
                ));
            }
        }
        if one.data != other.data {
            let inside = explain_at(one.data, other.data, window, depth + 1);
            return Some(format!("ar: inside member `{name}`: {inside}"));
        }
    }
    Some(format!("ar: {} and {} members", first.len(), second.len()))
}

fn explain_text(
    first: &[u8],
    second: &[u8],
    window: Option<&RangeInclusive<i64>>,
) -> Option<String> {
    if first.contains(&0) || second.contains(&0) {
        return None;
    }
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes
            .split(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    };
    let (first_lines, second_lines) = (lines(first), lines(second));
    let (mut first_sorted, mut second_sorted) = (first_lines.clone(), second_lines.clone());
    first_sorted.sort_unstable();
    second_sorted.sort_unstable();
    if first_sorted == second_sorted {
        return Some("order: the same lines in another order".to_owned());
    }
    let at = first_lines
        .iter()
        .zip(&second_lines)
        .position(|(one, other)| one != other)
        .unwrap_or_else(|| first_lines.len().min(second_lines.len()));
    let line = |lines: &[Vec<u8>]| match lines.get(at) {
        Some(line) => format!("`{}`", shortened(line)),
        None => "nothing".to_owned(),
    };
    let time = match (first_lines.get(at), second_lines.get(at)) {
        (Some(one), Some(other)) => text_time(one, other, window),
        (None, _) | (_, None) => "",
    };
    Some(format!(
        "line {}: {} became {}{time}",
        at + 1,
        line(&first_lines),
        line(&second_lines)
    ))
}

fn shortened(line: &[u8]) -> String {
    let text = escape(&line[..line.len().min(SHOWN)]);
    if line.len() > SHOWN {
        format!("{text}…")
    } else {
        text
    }
}

/// Returns what is to be said of two lines that differ in digits alone, or in times of the build.
fn text_time(first: &[u8], second: &[u8], window: Option<&RangeInclusive<i64>>) -> &'static str {
    let inside = |line: &[u8]| {
        let Some(window) = window else { return false };
        let numbers = line.split(|byte| !byte.is_ascii_digit());
        numbers
            .filter_map(|digits| str::from_utf8(digits).ok()?.parse().ok())
            .any(|number: i64| window.contains(&number))
    };
    if inside(first) && inside(second) {
        return ", a time of the build";
    }
    let masked = |line: &[u8]| -> Vec<u8> {
        line.iter()
            .map(|&byte| if byte.is_ascii_digit() { b'0' } else { byte })
            .collect()
    };
    let is_clock = |line: &[u8]| masked(line).windows(5).any(|part| part == b"00:00");
    if is_clock(first) && masked(first) == masked(second) {
        ", a time in words"
    } else {
        ""
    }
}

fn explain_binary(first: &[u8], second: &[u8], window: Option<&RangeInclusive<i64>>) -> String {
    let common = first.len().min(second.len());
    let at = first
        .iter()
        .zip(second)
        .position(|(one, other)| one != other)
        .unwrap_or(common);
    let bytes = |bytes: &[u8]| {
        let end = bytes.len().min(at + 8);
        let part: Vec<String> = bytes[at.min(end)..end]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if part.is_empty() {
            "nothing".to_owned()
        } else {
            part.join(" ")
        }
    };
    let differing = first
        .iter()
        .zip(second)
        .filter(|(one, other)| one != other)
        .count()
        + first.len().abs_diff(second.len());
    let time = binary_time(first, second, at, window).unwrap_or_default();
    format!(
        "byte {at}: {} became {}, {differing} bytes differ{time}",
        bytes(first),
        bytes(second)
    )
}

/// Looks for a time of the build, in seconds since 1970, around the first difference.
fn binary_time(
    first: &[u8],
    second: &[u8],
    at: usize,
    window: Option<&RangeInclusive<i64>>,
) -> Option<String> {
    let window = window?;
    for start in at.saturating_sub(3)..=at {
        let read =
            |bytes: &[u8]| -> Option<[u8; 4]> { bytes.get(start..start + 4)?.try_into().ok() };
        let (one, other) = (read(first)?, read(second)?);
        for (order, parse) in [
            ("little-endian", u32::from_le_bytes as fn([u8; 4]) -> u32),
            ("big-endian", u32::from_be_bytes),
        ] {
            let times = (i64::from(parse(one)), i64::from(parse(other)));
            if window.contains(&times.0) && window.contains(&times.1) {
                return Some(format!(
                    ", a time of the build at byte {start}, {order}: {} and {}",
                    times.0, times.1
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: RangeInclusive<i64> = 1_700_000_000..=1_700_001_000;

    fn gzip(time: u32, level: u32) -> Vec<u8> {
        let content = b"same content, again and again and again and again";
        let mut bytes = Vec::new();
        flate2::GzBuilder::new()
            .mtime(time)
            .buf_read(&content[..], flate2::Compression::new(level))
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    fn little(time: u32) -> Vec<u8> {
        [b"\0\0\x7f", &time.to_le_bytes()[..], b"\0"].concat()
    }

    fn archive(time: &str) -> String {
        format!(
            "!<arch>\n{:16}{time:12}0     0     100644  4         `\nabcd",
            "a.o/"
        )
    }

    #[test]
    fn texts_are_compared_by_lines() {
        let table = [
            ("a\nb\n", "b\na\n", "order: the same lines in another order"),
            ("a\nb\n", "a\nc\n", "line 2: `b` became `c`"),
            ("a", "a\nc", "line 2: nothing became `c`"),
            (
                "at 1700000001",
                "at 1700000900",
                "line 1: `at 1700000001` became `at 1700000900`, a time of the build",
            ),
            (
                "May  1 10:11:12",
                "May  1 10:12:13",
                "line 1: `May  1 10:11:12` became `May  1 10:12:13`, a time in words",
            ),
        ];
        for (first, second, expected) in table {
            let explained = explain_bytes(first.as_bytes(), second.as_bytes(), Some(&WINDOW));
            assert_eq!(explained, expected);
        }
    }

    #[test]
    fn binaries_and_archives_are_told_by_what_differs_in_them() {
        let table: [(Vec<u8>, Vec<u8>, &str); 6] = [
            (
                b"\xb3\xf2\r\n\x01\0\0\0code".into(),
                b"\xb3\xf2\r\n\x02\0\0\0code".into(),
                "compiled python: only its source's time differs: 1 and 2",
            ),
            (
                b"\0\x01\x02".into(),
                b"\0\x01\x03".into(),
                "byte 2: 02 became 03, 1 bytes differ",
            ),
            (
                little(1_700_000_001),
                little(1_700_000_002),
                "byte 3: 01 f1 53 65 00 became 02 f1 53 65 00, 1 bytes differ, a time of the build at byte 3, little-endian: 1700000001 and 1700000002",
            ),
            (
                gzip(1, 6),
                gzip(2, 6),
                "gzip: only the time in its header differs: 1 and 2",
            ),
            (
                gzip(1, 0),
                gzip(1, 6),
                "gzip: the same content, packed differently",
            ),
            (
                archive("1").into(),
                archive("2").into(),
                "ar: the time of member `a.o/` differs: 1 and 2",
            ),
        ];
        for (first, second, expected) in table {
            assert_eq!(explain_bytes(&first, &second, Some(&WINDOW)), expected);
        }
    }
}
