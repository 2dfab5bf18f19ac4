//! Names of tables and columns: bytes, which old servers do not promise to be UTF-8.

use std::fmt::{self, Write as _};

use encoding_rs::WINDOWS_1250;

/// A name as the server spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub(super) Vec<u8>);

impl Name {
    /// Returns the name as SQL takes it: in backticks, backticks doubled.
    pub(super) fn quoted(&self) -> Vec<u8> {
        let mut quoted = vec![b'`'];
        for &byte in &self.0 {
            if byte == b'`' {
                quoted.push(b'`');
            }
            quoted.push(byte);
        }
        quoted.push(b'`');
        quoted
    }

    /// Returns the name as a string literal of SQL, for a session without special modes.
    pub(super) fn literal(&self) -> Vec<u8> {
        let mut literal = vec![b'\''];
        for &byte in &self.0 {
            if byte == b'\'' || byte == b'\\' {
                literal.push(b'\\');
            }
            literal.push(byte);
        }
        literal.push(b'\'');
        literal
    }

    /// Returns the name as part of a case id or a file name; different names stay different.
    pub(super) fn escaped(&self) -> String {
        let mut escaped = String::new();
        let percent = |escaped: &mut String, bytes: &[u8]| {
            for byte in bytes {
                write!(escaped, "%{byte:02X}").expect("a string can be written to");
            }
        };
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                let first = escaped.is_empty() && character == '.';
                if first || character.is_control() || "/%\\\"<>:|?*".contains(character) {
                    percent(&mut escaped, character.encode_utf8(&mut [0; 4]).as_bytes());
                } else {
                    escaped.push(character);
                }
            }
            percent(&mut escaped, chunk.invalid());
        }
        escaped
    }

    /// Reads what [`Name::escaped`] wrote.
    pub(super) fn from_escaped(text: &str) -> Self {
        Self(percent_encoding::percent_decode_str(text).collect())
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&readable(&self.0))
    }
}

/// Returns text of a server's catalogue for people: UTF-8 as it is, anything else as CP1250, controls escaped.
pub(super) fn readable(bytes: &[u8]) -> String {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_not_utf8) => WINDOWS_1250.decode_without_bom_handling(bytes).0,
    };
    let mut readable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' && character != '\t' {
            readable.extend(character.escape_default());
        } else {
            readable.push(character);
        }
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind_are_quoted_and_escaped_without_loss() {
        let table: [(&[u8], &str, &[u8]); 4] = [
            (b"ziaci", "ziaci", b"`ziaci`"),
            (b"a`b/..", "a`b%2F..", b"`a``b/..`"),
            (b"\x9eiaci", "%9Eiaci", b"`\x9eiaci`"),
            (b"..", "%2E.", b"`..`"),
        ];
        for (bytes, escaped, quoted) in table {
            let name = Name(bytes.to_vec());
            assert_eq!(name.escaped(), escaped);
            assert_eq!(name.quoted(), quoted);
            assert_eq!(Name::from_escaped(escaped), name);
        }
        assert_eq!(Name(b"\x9eiaci".to_vec()).to_string(), "žiaci");
    }
}
