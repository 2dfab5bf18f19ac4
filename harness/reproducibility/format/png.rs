//! PNG images: eight bytes of signature, then chunks of length, type, data and CRC.

use super::{
    Inside,
    bytes::{at, big_u32},
};
use crate::rootfs::escape;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// One chunk.
#[derive(PartialEq, Eq)]
struct Chunk<'a> {
    kind: &'a [u8],
    data: &'a [u8],
}

/// Says which chunk of two images differs, and of a time, which times they are.
pub(in super::super) fn explain_png(
    first: &[u8],
    second: &[u8],
    inside: Inside<'_>,
) -> Option<String> {
    let (first, second) = (chunks(first)?, chunks(second)?);
    let is_time = |chunk: &&Chunk<'_>| chunk.kind == b"tIME";
    let without_time = |chunks: &[Chunk<'_>]| -> Vec<(Vec<u8>, Vec<u8>)> {
        let others = chunks.iter().filter(|chunk| !is_time(chunk));
        others
            .map(|chunk| (chunk.kind.to_vec(), chunk.data.to_vec()))
            .collect()
    };
    if first != second && without_time(&first) == without_time(&second) {
        let time = |chunks: &[Chunk<'_>]| {
            let chunk = chunks.iter().find(is_time);
            chunk.map_or_else(|| Some("none".to_owned()), |chunk| time(chunk.data))
        };
        let (first, second) = (time(&first)?, time(&second)?);
        return Some(format!(
            "PNG: only its time (tIME) differs: {first} and {second}"
        ));
    }
    let pair = first.iter().zip(&second).enumerate();
    for (index, (one, other)) in pair {
        let number = index + 1;
        let kind = escape(one.kind);
        if one.kind != other.kind {
            let other = escape(other.kind);
            return Some(format!("PNG: chunk {number} is {kind} and {other}"));
        }
        if one.data != other.data {
            let inside = inside(one.data, other.data);
            return Some(format!("PNG: chunk {number}, {kind}: {inside}"));
        }
    }
    (first.len() != second.len())
        .then(|| format!("PNG: {} and {} chunks", first.len(), second.len()))
}

fn chunks(bytes: &[u8]) -> Option<Vec<Chunk<'_>>> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let length = big_u32(rest, 0)?;
        let end = length.checked_add(8)?;
        chunks.push(Chunk {
            kind: rest.get(4..8)?,
            data: rest.get(8..end)?,
        });
        rest = rest.get(end.checked_add(4)?..)?;
    }
    Some(chunks)
}

/// Returns a chunk's time: year, month, day, hour, minute, second.
fn time(data: &[u8]) -> Option<String> {
    let year = u16::from_be_bytes(at(data, 0)?);
    let [month, day, hour, minute, second] = at(data, 2)?;
    Some(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(chunks: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        for (kind, data) in chunks {
            bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(kind.as_bytes());
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(b"crc!");
        }
        bytes
    }

    #[test]
    fn an_image_is_told_by_its_chunk_or_its_time() {
        let explain = |first: &[u8], second: &[u8]| explain_png(first, second, &|_, _| "…".into());
        let plain = png(&[("IHDR", b"1"), ("IDAT", b"2")]);
        let timed = |second| {
            png(&[
                ("IHDR", b"1"),
                ("tIME", &[7, 217, 2, 14, 10, 11, second]),
                ("IDAT", b"2"),
            ])
        };
        let other = png(&[("IHDR", b"1"), ("IDAT", b"3")]);
        let table: [(&[u8], &[u8], Option<&str>); 5] = [
            (
                &timed(12),
                &timed(13),
                Some(
                    "PNG: only its time (tIME) differs: 2009-02-14 10:11:12 and 2009-02-14 10:11:13",
                ),
            ),
            (
                &plain,
                &timed(13),
                Some("PNG: only its time (tIME) differs: none and 2009-02-14 10:11:13"),
            ),
            (&plain, &other, Some("PNG: chunk 2, IDAT: …")),
            (&other, &timed(1), Some("PNG: chunk 2 is IDAT and tIME")),
            (&plain[..20], &plain, None),
        ];
        for (first, second, expected) in table {
            assert_eq!(explain(first, second).as_deref(), expected);
        }
    }
}
