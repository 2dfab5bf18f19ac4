//! What can be said about bytes that are no text.

use crate::{charset::visible, exchange::Answer, outcome::Difference};

/// How a gzip stream begins (RFC 1952, 2.3.1).
const GZIP: &[u8] = b"\x1f\x8b";

/// How many bytes around the first difference are shown.
const WINDOW: usize = 16;

/// Returns whether a browser is shown compressed bytes: a content coding that can't be undone, or one below the announced one.
pub(super) fn is_compressed(answer: &Answer) -> bool {
    answer.is_coded() || answer.body.starts_with(GZIP)
}

/// Tells of compressed bytes in the place of a text.
pub(super) fn unreadable(answer: &Answer) -> Difference {
    let difference = Difference::new("body", "bytes", "a text", describe(&answer.body));
    difference.because(if answer.coded.is_some() {
        "the page is compressed twice: of mod_deflate, mod_gzip and PHP's zlib.output_compression, two are on"
    } else {
        "browsers can't read this: it is cut off, text was printed into the compressed stream, or Content-Encoding is wrong or missing"
    })
}

/// Compares two bodies by their bytes.
pub(super) fn compare(expected: &[u8], actual: &[u8]) -> Vec<Difference> {
    if expected == actual {
        return Vec::new();
    }
    let offset = expected
        .iter()
        .zip(actual)
        .take_while(|(old, new)| old == new)
        .count();
    let difference = Difference::new(
        format!("body byte {offset}"),
        "bytes",
        format!(
            "{}, from there {}",
            describe(expected),
            window(expected, offset)
        ),
        format!(
            "{}, from there {}",
            describe(actual),
            window(actual, offset)
        ),
    );
    vec![match cause(expected, actual, offset) {
        Some(cause) => difference.because(cause),
        None => difference,
    }]
}

fn cause(expected: &[u8], actual: &[u8], offset: usize) -> Option<String> {
    let (old, new) = (kind(expected), kind(actual));
    if actual.is_empty() {
        Some("the body is empty".to_owned())
    } else if offset == actual.len() {
        Some(format!(
            "the body ends {} bytes too early",
            expected.len() - actual.len()
        ))
    } else if offset == expected.len() {
        Some(format!(
            "{} bytes follow the recorded body",
            actual.len() - expected.len()
        ))
    } else if old != new {
        Some(format!("a {new} is sent instead of a {old}"))
    } else if size(expected) != size(actual) {
        Some("the image has another size".to_owned())
    } else {
        None
    }
}

/// Describes bytes: type, dimensions, length.
pub(super) fn describe(bytes: &[u8]) -> String {
    let size = size(bytes).map_or(String::new(), |(width, height)| {
        format!(" of {width} × {height}")
    });
    format!("{}{size}, {} bytes", kind(bytes), bytes.len())
}

fn kind(bytes: &[u8]) -> &'static str {
    let table: [(&[u8], &str); 8] = [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF8", "GIF"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"%PDF", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (GZIP, "gzip stream"),
        (b"\x00\x00\x01\x00", "icon"),
        (b"<", "HTML or XML text"),
    ];
    table
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map_or("body of unknown type", |(_, name)| name)
}

fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = |at: usize, count: usize| -> Option<u32> {
        let part = bytes.get(at..at + count)?;
        Some(part.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    };
    match kind(bytes) {
        "PNG" => Some((big(16, 4)?, big(20, 4)?)),
        "GIF" => {
            let little =
                |at: usize| Some(u32::from(*bytes.get(at)?) | u32::from(*bytes.get(at + 1)?) << 8);
            Some((little(6)?, little(8)?))
        }
        "JPEG" => {
            let mut at = 2;
            while *bytes.get(at)? == 0xff {
                let marker = *bytes.get(at + 1)?;
                if matches!(marker, 0xc0..=0xc3) {
                    return Some((big(at + 7, 2)?, big(at + 5, 2)?));
                }
                at += 2 + usize::try_from(big(at + 2, 2)?).ok()?;
            }
            None
        }
        _ => None,
    }
}

fn window(bytes: &[u8], offset: usize) -> String {
    let rest = bytes.get(offset..).unwrap_or_default();
    let shown = visible(&rest[..rest.len().min(WINDOW)]);
    if shown.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`{shown}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_described_and_their_first_difference_is_named() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x20rest".to_vec();
        assert_eq!(describe(&png), "PNG of 16 × 32, 28 bytes");
        assert_eq!(
            describe(b"GIF89a\x01\x00\x02\x01"),
            "GIF of 1 × 258, 10 bytes"
        );
        assert_eq!(
            describe(b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x05\0\x06"),
            "JPEG of 6 × 5, 17 bytes"
        );
        let old = png.clone();
        assert_eq!(compare(&old, &png), []);
        png.truncate(20);
        assert_eq!(
            compare(&old, &png)[0].cause.as_deref(),
            Some("the body ends 8 bytes too early")
        );
        assert_eq!(compare(&old, &png)[0].locus, "body byte 20");
        assert_eq!(
            compare(&old, b"<html>")[0].cause.as_deref(),
            Some("a HTML or XML text is sent instead of a PNG")
        );
    }
}
