//! One value of a row: bytes or NULL, and how they are written so that people can read them and no byte is lost.
//!
//! In a recording a number stands bare (`17`), NULL is `NULL`, anything else is in quotes, decoded by the column's
//! charset: `"Novák"`. What does not decode, or does not print, is a byte: `\x81`. A report adds the bytes in hex.

use std::fmt::Write as _;

use encoding_rs::{Encoding, ISO_8859_2, WINDOWS_1250, WINDOWS_1252};
use mysql_async::Value;

/// One value: NULL, or bytes.
pub(super) type Cell = Option<Vec<u8>>;

/// One row.
pub(super) type Row = Vec<Cell>;

/// A report shows at most this many bytes of a value: about two lines of a terminal.
const SHOWN: usize = 120;

/// How a column's bytes are shown; comparing never looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellEncoding {
    /// The charset `cp1250`.
    Windows1250,
    /// The charset `latin1`, which is Windows-1252 in MySQL.
    Windows1252,
    /// The charset `latin2`.
    Latin2,
    /// `utf8` of any width.
    Utf8,
    /// Bytes: binary columns, numbers, any other charset.
    Bytes,
}

impl CellEncoding {
    /// Returns the encoding that a column with this collation is shown in.
    pub(super) fn of_collation(collation: &str) -> Self {
        match collation.split('_').next().unwrap_or_default() {
            "cp1250" => Self::Windows1250,
            "latin1" => Self::Windows1252,
            "latin2" => Self::Latin2,
            "utf8" | "utf8mb3" | "utf8mb4" => Self::Utf8,
            _ => Self::Bytes,
        }
    }

    /// Returns its word in a recording.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Windows1250 => "cp1250",
            Self::Windows1252 => "latin1",
            Self::Latin2 => "latin2",
            Self::Utf8 => "utf8",
            Self::Bytes => "bytes",
        }
    }

    /// Reads its word in a recording.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        [
            Self::Windows1250,
            Self::Windows1252,
            Self::Latin2,
            Self::Utf8,
            Self::Bytes,
        ]
        .into_iter()
        .find(|encoding| encoding.as_str() == word)
    }

    /// Returns the table of a charset with one byte a character.
    fn single_byte(self) -> Option<&'static Encoding> {
        match self {
            Self::Windows1250 => Some(WINDOWS_1250),
            Self::Windows1252 => Some(WINDOWS_1252),
            Self::Latin2 => Some(ISO_8859_2),
            Self::Utf8 | Self::Bytes => None,
        }
    }
}

/// Returns a value as bytes; floating-point numbers in the shortest text that names their every bit.
pub(super) fn of_value(value: Value) -> Cell {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(bytes),
        Value::Int(number) => Some(number.to_string().into_bytes()),
        Value::UInt(number) => Some(number.to_string().into_bytes()),
        Value::Float(number) => Some(format!("{number:?}").into_bytes()),
        Value::Double(number) => Some(format!("{number:?}").into_bytes()),
        Value::Date(..) | Value::Time(..) => Some(value.as_sql(true).into_bytes()),
    }
}

/// Appends a value as it stands in a recording.
pub(super) fn write_cell(text: &mut String, cell: &Cell, encoding: CellEncoding) {
    let Some(bytes) = cell else {
        text.push_str("NULL");
        return;
    };
    let bare = |byte: &u8| byte.is_ascii_digit() || b".+-:e".contains(byte);
    if encoding == CellEncoding::Bytes && !bytes.is_empty() && bytes.iter().all(bare) {
        text.extend(bytes.iter().map(|&byte| char::from(byte)));
        return;
    }
    text.push('"');
    write_quoted(text, bytes, encoding);
    text.push('"');
}

/// Appends decoded text with escapes.
fn write_quoted(text: &mut String, bytes: &[u8], encoding: CellEncoding) {
    match (encoding, encoding.single_byte()) {
        (_, Some(table)) => {
            for byte in bytes {
                let (character, _errors) =
                    table.decode_without_bom_handling(std::slice::from_ref(byte));
                for character in character.chars() {
                    write_character(text, character, &[*byte]);
                }
            }
        }
        (CellEncoding::Utf8, None) => {
            for chunk in bytes.utf8_chunks() {
                for character in chunk.valid().chars() {
                    let mut buffer = [0; 4];
                    let encoded = character.encode_utf8(&mut buffer).as_bytes().to_vec();
                    write_character(text, character, &encoded);
                }
                write_bytes(text, chunk.invalid());
            }
        }
        (_, None) => {
            for &byte in bytes {
                if byte.is_ascii() {
                    write_character(text, char::from(byte), &[byte]);
                } else {
                    write_bytes(text, &[byte]);
                }
            }
        }
    }
}

fn write_character(text: &mut String, character: char, bytes: &[u8]) {
    match character {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        _ if is_visible(character) => text.push(character),
        _ => write_bytes(text, bytes),
    }
}

/// Returns whether a character can be seen: no control, no direction mark, no space of no width.
fn is_visible(character: char) -> bool {
    let hidden = matches!(character,
        '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}');
    !(character.is_control() || hidden)
}

fn write_bytes(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "\\x{byte:02x}").expect("a string can be written to");
    }
}

/// Reads what [`write_cell`] wrote.
pub(super) fn parse_cell(text: &str, encoding: CellEncoding) -> Result<Cell, &'static str> {
    if text == "NULL" {
        return Ok(None);
    }
    let Some(quoted) = text.strip_prefix('"') else {
        return Ok(Some(text.as_bytes().to_vec()));
    };
    let quoted = quoted
        .strip_suffix('"')
        .ok_or("a value does not end with a quote")?;
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some(position) = rest.find('\\') {
        encode(&mut bytes, &rest[..position], encoding)?;
        let escape = &rest[position + 1..];
        let kind = escape.bytes().next().ok_or("a value ends in an escape")?;
        let mut length = 1;
        match kind {
            b'"' | b'\\' => bytes.push(kind),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let digits = escape
                    .get(1..3)
                    .ok_or("\\x is not followed by two digits")?;
                let byte = u8::from_str_radix(digits, 16)
                    .map_err(|_not_hex| "\\x is not followed by two digits")?;
                bytes.push(byte);
                length = 3;
            }
            _ => return Err("a value holds an unknown escape"),
        }
        rest = &escape[length..];
    }
    encode(&mut bytes, rest, encoding)?;
    Ok(Some(bytes))
}

fn encode(bytes: &mut Vec<u8>, text: &str, encoding: CellEncoding) -> Result<(), &'static str> {
    match encoding.single_byte() {
        _ if text.is_ascii() => bytes.extend_from_slice(text.as_bytes()),
        None if encoding == CellEncoding::Bytes => return Err("a value of bytes holds text"),
        None => bytes.extend_from_slice(text.as_bytes()),
        Some(table) => {
            let (encoded, _used, unmappable) = table.encode(text);
            if unmappable {
                return Err("a value holds a character that its charset has not");
            }
            bytes.extend_from_slice(&encoded);
        }
    }
    Ok(())
}

/// Returns a value for a report: decoded, and its bytes in hex where they are not plain ASCII; long ones from where
/// they differ.
pub(super) fn show(cell: &Cell, encoding: CellEncoding, differs_at: usize) -> String {
    let Some(bytes) = cell else {
        return "NULL".to_owned();
    };
    let start = if bytes.len() > SHOWN {
        differs_at.saturating_sub(SHOWN / 4).min(bytes.len())
    } else {
        0
    };
    let end = bytes.len().min(start + SHOWN);
    let part = &bytes[start..end];
    let mut text = String::new();
    if start > 0 {
        write!(text, "… from byte {start}: ").expect("a string can be written to");
    }
    text.push('"');
    write_quoted(&mut text, part, encoding);
    text.push('"');
    if end < bytes.len() {
        write!(text, " … of {} bytes", bytes.len()).expect("a string can be written to");
    }
    if !part.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        let hex: Vec<String> = part.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(text, " (hex {})", hex.join(" ")).expect("a string can be written to");
    }
    text
}

/// Returns two values for a report, long ones from where they differ.
pub(super) fn show_both(
    expected: (&Cell, CellEncoding),
    actual: (&Cell, CellEncoding),
) -> (String, String) {
    let first = expected.0.as_deref().unwrap_or_default();
    let second = actual.0.as_deref().unwrap_or_default();
    let at = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    (
        show(expected.0, expected.1, at),
        show(actual.0, actual.1, at),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_string_survives_writing_and_reading_in_every_encoding() {
        let all: Vec<u8> = (0..=255).collect();
        let values: Vec<Cell> = vec![
            None,
            Some(vec![]),
            Some(b"NULL".to_vec()),
            Some(b"17".to_vec()),
            Some(b"-1.5e+3".to_vec()),
            Some(all.clone()),
            Some("žluťoučký \u{202e}\u{feff}".as_bytes().to_vec()),
            Some(b"\\x41\"".to_vec()),
        ];
        for word in ["cp1250", "latin1", "latin2", "utf8", "bytes"] {
            let encoding = CellEncoding::from_word(word).unwrap();
            for value in &values {
                let mut text = String::new();
                write_cell(&mut text, value, encoding);
                assert!(!text.contains(['\t', '\n', '\r']), "{text}");
                assert_eq!(parse_cell(&text, encoding).as_ref(), Ok(value), "{text}");
            }
        }
    }

    #[test]
    fn a_report_shows_text_and_bytes() {
        let table: [(Cell, &str); 4] = [
            (None, "NULL"),
            (Some(b"abc".to_vec()), "\"abc\""),
            (Some(b"\x9elu\x9d".to_vec()), "\"žluť\" (hex 9e 6c 75 9d)"),
            (Some(b"\x81".to_vec()), "\"\\x81\" (hex 81)"),
        ];
        for (cell, expected) in table {
            assert_eq!(show(&cell, CellEncoding::Windows1250, 0), expected);
        }
        let long = Some(vec![b'a'; 1000]);
        let mut other = vec![b'a'; 1000];
        other[500] = b'b';
        let (first, second) = show_both(
            (&long, CellEncoding::Bytes),
            (&Some(other), CellEncoding::Bytes),
        );
        assert!(first.starts_with("… from byte 470: \"aaa"), "{first}");
        assert!(
            second.contains('b') && second.ends_with(" … of 1000 bytes"),
            "{second}"
        );
    }
}
