//! Pages whose bytes are not all valid in the charset that a browser uses for them, read so that every byte comes back.
//!
//! A page that is in another charset altogether, as CP1250 under `charset=utf-8`, is read in that one. In a page of which only some bytes
//! are stray, as a footer in CP1250 that a page in UTF-8 includes, each stray byte is one character of the private use area, as in the
//! standard's `x-user-defined`. Files and reports show it as `\xe8`.

use std::{borrow::Cow, fmt::Write};

use encoding_rs::{DecoderResult, UTF_8};

use super::{detection::meta_charset, label::Charset, text::decode_exactly};

/// The characters of stray bytes are this and the byte: U+F780 to U+F7FF.
const STRAY: u32 = 0xf700;

/// How much is decoded at once.
const BLOCK: usize = 4096;

/// The backslash, where what follows it would make a byte of it.
const BACKSLASH: u8 = b'\\';

/// How the text of a page stands for its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// In the charset that a browser uses: every byte is valid in it.
    #[default]
    Declared,
    /// In another charset, in which most of the page is written.
    Other(Charset),
    /// In the charset that a browser uses; a byte that is not valid in it is a character of the private use area.
    Stray,
}

impl Reading {
    /// Finds how `bytes` are read: in the `declared` charset where all are valid in it; else in the one of the page's own `<meta>`, the
    /// `default` or CP1250, where more bytes are stray than not; else with stray bytes. `None` where no text gives the same bytes back.
    pub fn of(bytes: &[u8], declared: Charset, default: Charset) -> Option<Self> {
        if decode_exactly(bytes, declared).is_ok() {
            return Some(Self::Declared);
        }
        let is_mixed = decode_stray(bytes, declared).is_some_and(|text| {
            let beyond_ascii = text.chars().filter(|one| !one.is_ascii()).count();
            stray_bytes(&text) * 2 <= beyond_ascii
        });
        if is_mixed {
            return Some(Self::Stray);
        }
        let own = meta_charset(bytes).and_then(|label| Charset::for_label(&label));
        own.into_iter()
            .chain([default, Charset::WINDOWS_1250])
            .find(|other| decode_exactly(bytes, *other).is_ok())
            .map(Self::Other)
    }

    /// Returns the charset in which the text is encoded.
    pub fn charset(self, declared: Charset) -> Charset {
        match self {
            Self::Declared | Self::Stray => declared,
            Self::Other(charset) => charset,
        }
    }

    /// Decodes bytes of a page that is read so; `None` where the text would not give them back.
    pub fn decode(self, bytes: &[u8], declared: Charset) -> Option<String> {
        match self {
            Self::Declared | Self::Other(_) => decode_exactly(bytes, self.charset(declared))
                .ok()
                .map(|decoded| decoded.text),
            Self::Stray => decode_stray(bytes, declared),
        }
    }

    /// Encodes text of a page that is read so.
    pub fn encode(self, text: &str, declared: Charset) -> Vec<u8> {
        match self {
            Self::Declared | Self::Other(_) => self.charset(declared).0.encode(text).0.into_owned(),
            Self::Stray => encode_stray(text, declared),
        }
    }

    /// Returns how many bytes of a text are stray.
    pub fn stray_bytes(self, text: &str) -> usize {
        match self {
            Self::Declared | Self::Other(_) => 0,
            Self::Stray => stray_bytes(text),
        }
    }

    /// Writes text for files and people: a stray byte as `\xe8`. [`Self::parse`] reads it.
    pub fn show(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Declared | Self::Other(_) => Cow::Borrowed(text),
            Self::Stray => Cow::Owned(show(text)),
        }
    }

    /// Reads text that [`Self::show`] wrote.
    pub fn parse(self, shown: &str) -> Cow<'_, str> {
        match self {
            Self::Declared | Self::Other(_) => Cow::Borrowed(shown),
            Self::Stray => Cow::Owned(parse(shown)),
        }
    }

    /// Returns text as a browser shows it: U+FFFD for each stray byte.
    pub fn seen(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Declared | Self::Other(_) => Cow::Borrowed(text),
            Self::Stray => Cow::Owned(text.replace(is_stray, "\u{fffd}")),
        }
    }
}

/// Decodes a page as a browser does, which shows U+FFFD for what is no character.
pub fn as_browser(bytes: &[u8], charset: Charset) -> Cow<'_, str> {
    charset.0.decode_without_bom_handling(bytes).0
}

/// Decodes bytes, stray ones too; `None` where the text would not give them back, as of a page that has such a character itself.
pub(super) fn decode_stray(bytes: &[u8], charset: Charset) -> Option<String> {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut decoder = charset.0.new_decoder_without_bom_handling();
    // Not into the text: all that it has room for would be cleared for each stray byte.
    let mut block = [0; BLOCK];
    loop {
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(rest, &mut block, true);
        text.push_str(str::from_utf8(block.get(..written)?).ok()?);
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => rest = &rest[read..],
            DecoderResult::Malformed(length, behind) => {
                let end = read.checked_sub(usize::from(behind))?;
                let start = end.checked_sub(usize::from(length))?;
                let stray = rest.get(start..end)?;
                text.extend(stray.iter().map(|byte| character(*byte)));
                rest = &rest[end..];
                decoder = charset.0.new_decoder_without_bom_handling();
            }
        }
    }
    (encode_stray(&text, charset) == bytes).then_some(text)
}

/// Encodes text with stray bytes.
fn encode_stray(text: &str, charset: Charset) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for piece in text.split_inclusive(is_stray) {
        let stray = piece.chars().next_back().and_then(byte);
        let valid = match stray {
            Some(_) => piece.trim_end_matches(is_stray),
            None => piece,
        };
        if charset.0 == UTF_8 {
            bytes.extend_from_slice(valid.as_bytes());
        } else {
            bytes.extend_from_slice(&charset.0.encode(valid).0);
        }
        bytes.extend(stray);
    }
    bytes
}

/// Returns the stray byte that a character stands for.
pub(super) fn byte(character: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(character).checked_sub(STRAY)?).ok()?;
    (!byte.is_ascii()).then_some(byte)
}

/// Returns the character of a byte; those of ASCII are their own.
fn character(byte: u8) -> char {
    let private = char::from_u32(STRAY + u32::from(byte)).filter(|_| !byte.is_ascii());
    private.unwrap_or(char::from(byte))
}

fn is_stray(character: char) -> bool {
    byte(character).is_some()
}

fn stray_bytes(text: &str) -> usize {
    text.chars().filter(|one| is_stray(*one)).count()
}

fn show(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let hidden = match byte(character) {
            None if character == '\\' && escaped(&text[at..]).is_some() => Some(BACKSLASH),
            stray => stray,
        };
        match hidden {
            Some(byte) => {
                write!(shown, "\\x{byte:02x}").expect("writing to a string can't fail");
            }
            None => shown.push(character),
        }
    }
    shown
}

fn parse(shown: &str) -> String {
    let mut text = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let (character, length) = match escaped(&rest[at..]) {
            Some(byte) => (character(byte), "\\x00".len()),
            None => ('\\', 1),
        };
        text.push(character);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    text
}

/// Returns the byte that `\xe8` at the beginning of a text is, as [`show`] writes it.
fn escaped(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("\\x")?.get(..2)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let byte = u8::from_str_radix(digits, 16).ok()?;
    (digits.bytes().all(is_digit) && (byte == BACKSLASH || !byte.is_ascii())).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_most_of_it_is_written() {
        let latin2 = Charset::for_label("iso-8859-2").unwrap();
        let cp1250 = encoding_rs::WINDOWS_1250
            .encode("Žiaci, učiteľ, ČŠ")
            .0
            .into_owned();
        let meta = [b"<meta charset=iso-8859-2>", cp1250.as_slice()].concat();
        let table: [(&[u8], Option<Reading>); 7] = [
            ("Žiaci".as_bytes(), Some(Reading::Declared)),
            (&cp1250, Some(Reading::Other(Charset::WINDOWS_1250))),
            (&meta, Some(Reading::Other(latin2))),
            (b"u\xe8ite\xbe", Some(Reading::Other(Charset::WINDOWS_1250))),
            (b"\xc5\xbeiak \xc4\x8d \xe8", Some(Reading::Stray)),
            (
                b"\xc5\xbeiak \xe8 \xc4\x8d \xef\x9f\xa8",
                Some(Reading::Other(Charset::WINDOWS_1250)),
            ),
            (b"\xef\x9e\x8a", Some(Reading::Declared)),
        ];
        for (bytes, expected) in table {
            let found = Reading::of(bytes, Charset::UTF_8, Charset::WINDOWS_1250);
            assert_eq!(found, expected, "{}", crate::charset::visible(bytes));
            let text = found.unwrap().decode(bytes, Charset::UTF_8).unwrap();
            assert_eq!(found.unwrap().encode(&text, Charset::UTF_8), bytes);
        }
    }

    #[test]
    fn every_pair_of_bytes_is_a_text_of_its_own_or_none() {
        let charsets = [
            "utf-8",
            "iso-8859-3",
            "windows-1257",
            "shift_jis",
            "gbk",
            "gb18030",
            "big5",
        ];
        for charset in charsets.map(|label| Charset::for_label(label).unwrap()) {
            for first in 0..=u8::MAX {
                for second in 0..=u8::MAX {
                    for bytes in [[b'a', first, second], [first, second, b'0']] {
                        if let Some(text) = decode_stray(&bytes, charset) {
                            assert_eq!(encode_stray(&text, charset), bytes, "{charset}");
                        } else {
                            assert_ne!(charset, Charset::UTF_8, "{bytes:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn stray_bytes_are_read_wherever_they_stand_on_a_long_page() {
        let short = "\u{f7e8}\u{17e}\u{f7e1}\u{f79a}<\u{10d}\u{f7f0}\u{f79f}\u{f798}";
        let bytes = b"\xe8\xc5\xbe\xe1\x9a<\xc4\x8d\xf0\x9f\x98";
        for length in 0..BLOCK + 16 {
            let before = "a".repeat(length);
            let page = [before.as_bytes(), bytes, before.as_bytes()].concat();
            let text = decode_stray(&page, Charset::UTF_8);
            assert_eq!(text, Some(format!("{before}{short}{before}")), "{length}");
        }
        // In one pass: were each byte to cost what the page is long, this would take minutes.
        let page = vec![0xff; 1 << 20];
        assert!(decode_stray(&page, Charset::UTF_8).is_some());
    }

    #[test]
    fn a_character_of_the_page_itself_is_no_stray_byte() {
        for bytes in ["\u{f7e8}".as_bytes(), b"\xef\x9f\xa8 \xe8", b"\xef\x9e\x80"] {
            assert_eq!(decode_stray(bytes, Charset::UTF_8), None);
        }
        let others = "\u{f77f}\u{f800}";
        assert_eq!(
            decode_stray(others.as_bytes(), Charset::UTF_8).as_deref(),
            Some(others)
        );
    }

    #[test]
    fn stray_bytes_are_shown_as_bytes_and_read_again() {
        let stray = Reading::Stray;
        let table = [
            ("u\u{f7e8}ite\u{f7be}", "u\\xe8ite\\xbe"),
            (
                "\\n \\xe8 \\x5c \\x41 \\xE8",
                "\\n \\x5cxe8 \\x5cx5c \\x41 \\xE8",
            ),
            (
                "\\\u{f7e8} \\x\u{f7e8} \\xe\u{f7e8}",
                "\\\\xe8 \\x\\xe8 \\xe\\xe8",
            ),
            ("\\x5cxe8", "\\x5cx5cxe8"),
        ];
        for (text, shown) in table {
            assert_eq!(stray.show(text), shown);
            assert_eq!(stray.parse(shown), text);
        }
        // Whatever stands beside each other.
        let parts = ["\\", "x", "e", "8", "5", "c", "\u{f7e8}", "{{a}}"];
        for number in 0..parts.len().pow(5) {
            let text: String = (0..5)
                .map(|place| parts[number / parts.len().pow(place) % parts.len()])
                .collect();
            assert_eq!(stray.parse(&stray.show(&text)), text);
        }
        assert_eq!(stray.seen("u\u{f7e8}"), "u\u{fffd}");
        assert_eq!(Reading::Declared.show("\u{f7e8} \\xe8"), "\u{f7e8} \\xe8");
    }
}
