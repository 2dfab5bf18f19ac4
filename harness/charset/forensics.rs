//! Why bytes that should be the same text are not: the usual accidents of charsets, recognised by doing them again.

use encoding_rs::{Encoding, ISO_8859_2, UTF_8, WINDOWS_1252};

use super::{
    detection::{Detection, Source},
    label::Charset,
    stray,
    text::{DecodeError, UNDEFINED_IN_CP1250, decode, visible},
};

/// How many characters a sentence shows.
const SHOWN: usize = 3;

/// Says in one sentence why `actual` is not `expected`, where that is one of the usual accidents; `None` where it isn't.
///
/// Both are the bytes of the same place, such as a line. The detections say how each side's page is read.
pub fn explain(
    expected: &[u8],
    actual: &[u8],
    expected_as: Detection,
    actual_as: Detection,
) -> Option<String> {
    if expected == actual {
        return declaration(expected_as, actual_as);
    }
    if actual.strip_prefix(&[0xef, 0xbb, 0xbf]) == Some(expected) {
        return Some("a byte order mark was added: a file was saved as UTF-8 with BOM".to_owned());
    }
    let text = expected_as
        .charset
        .0
        .decode_without_bom_handling_and_without_replacement(expected);
    let Some(text) = text else {
        return stray::explain(expected, actual, expected_as.charset);
    };
    // Where nothing but ASCII is left, what was lost cannot tell how it was misread before.
    let nothing_left = actual.is_ascii();
    let accident = || {
        transcoded(&text, actual, expected_as)
            .or_else(|| lost(&text, actual, expected_as).filter(|_| nothing_left))
            .or_else(|| misread(&text, actual, expected_as))
            .or_else(|| lost(&text, actual, expected_as))
    };
    let cause = keeps_ascii(&text, actual, expected_as)
        .then(accident)
        .flatten()
        .or_else(|| entities(&text, actual, expected_as))
        .or_else(|| undefined(expected, actual, expected_as))
        .or_else(|| invalid(expected, actual, expected_as.charset))?;
    Some(format!(
        "{cause}{}",
        samples(&text, expected, actual, expected_as.charset)
    ))
}

/// Tells whether the ASCII characters are the same but for question marks, as they are after each of the accidents: most
/// lines differ in a word, and need no accident done again to be told apart.
fn keeps_ascii(text: &str, actual: &[u8], expected_as: Detection) -> bool {
    let own = expected_as.charset.0;
    // In other charsets a byte of ASCII may be a part of a character; what a charset lacks may have become `&#N;`.
    if !(own.is_single_byte() || own == UTF_8) || actual.windows(2).any(|pair| pair == b"&#") {
        return true;
    }
    let is_kept = |byte: &u8| byte.is_ascii() && *byte != b'?';
    text.bytes()
        .filter(is_kept)
        .eq(actual.iter().copied().filter(is_kept))
}

/// Explains a page whose bytes agree and whose declaration does not.
fn declaration(expected: Detection, actual: Detection) -> Option<String> {
    if expected == actual {
        return None;
    }
    let setting = match (expected.source, actual.source) {
        (Source::Header, Source::Header) => {
            "Apache's AddDefaultCharset or PHP's default_charset has another value"
        }
        (_, Source::Header) => {
            "the server adds a charset to Content-Type, which overrides the page's own: Apache's AddDefaultCharset or PHP's default_charset is set"
        }
        (Source::Header, _) => {
            "the server no longer declares the charset: Apache's AddDefaultCharset or PHP's default_charset is missing"
        }
        (_, Source::ByteOrderMark) => {
            "a byte order mark was added, which overrides what the page declares"
        }
        (Source::ByteOrderMark, _) => "the byte order mark is missing",
        (_, Source::Default) => "the page no longer declares its charset, or another one came",
        _ => "the page declares another charset",
    };
    Some(format!(
        "{setting}; browsers read {actual} instead of {expected}"
    ))
}

/// The same characters, sent in another charset.
fn transcoded(text: &str, actual: &[u8], expected_as: Detection) -> Option<String> {
    let candidates = [UTF_8, ISO_8859_2, WINDOWS_1252, encoding_rs::WINDOWS_1250];
    for encoding in candidates {
        if encoding == expected_as.charset.0 {
            continue;
        }
        let (bytes, _, unmappable) = encoding.encode(text);
        if !unmappable && bytes.as_ref() == actual {
            return Some(format!(
                "the same characters are sent as {} instead of {}: the data or the script was converted, or MySQL's SET NAMES asks for another charset",
                encoding.name().to_ascii_lowercase(),
                expected_as.charset
            ));
        }
    }
    None
}

/// The bytes were read in a wrong charset and written again in another.
fn misread(text: &str, actual: &[u8], expected_as: Detection) -> Option<String> {
    let own = expected_as.charset.0;
    let (utf8, original) = (text.as_bytes(), own.encode(text).0.into_owned());
    let pairs: [(&[u8], &'static Encoding, &'static Encoding, &str); 6] = [
        (
            utf8,
            own,
            UTF_8,
            "UTF-8 was taken for the page's charset and converted to UTF-8 once more (double encoding): a dump was loaded or a connection opened with the wrong SET NAMES",
        ),
        (
            utf8,
            WINDOWS_1252,
            UTF_8,
            "UTF-8 was taken for windows-1252 and converted to UTF-8 once more (double encoding): MySQL's latin1 default was used for UTF-8 data",
        ),
        (
            &original,
            ISO_8859_2,
            UTF_8,
            "CP1250 was taken for ISO 8859-2 and converted to UTF-8: a conversion named latin2 instead of cp1250",
        ),
        (
            &original,
            ISO_8859_2,
            own,
            "CP1250 was taken for ISO 8859-2: MySQL's SET NAMES or a table says latin2 instead of cp1250",
        ),
        (
            &original,
            WINDOWS_1252,
            UTF_8,
            "CP1250 was taken for windows-1252 and converted to UTF-8: MySQL's latin1 default was used instead of cp1250",
        ),
        (
            &original,
            WINDOWS_1252,
            own,
            "CP1250 was taken for windows-1252: MySQL's latin1 default was used instead of SET NAMES cp1250",
        ),
    ];
    pairs
        .into_iter()
        .find_map(|(bytes, read_as, written_as, cause)| {
            let (misread, _) = read_as.decode_without_bom_handling(bytes);
            let (again, _, _) = written_as.encode(&misread);
            let lossy = with_question_marks(&misread, written_as);
            (again.as_ref() == actual || lossy == actual).then(|| cause.to_owned())
        })
        .or_else(|| encoded_by_php(utf8, &original, actual))
}

/// The bytes were read as ISO 8859-1 and written again in UTF-8. What pages call ISO 8859-1 is windows-1252; PHP's own is not.
fn encoded_by_php(utf8: &[u8], original: &[u8], actual: &[u8]) -> Option<String> {
    let again = |bytes: &[u8]| -> String { bytes.iter().map(|byte| char::from(*byte)).collect() };
    let cause = if again(original).as_bytes() == actual {
        "CP1250 was taken for ISO 8859-1 and converted to UTF-8: PHP's utf8_encode(), or a conversion named latin1 instead of cp1250"
    } else if again(utf8).as_bytes() == actual {
        "UTF-8 was taken for ISO 8859-1 and converted to UTF-8 once more (double encoding): PHP's utf8_encode() on text that was UTF-8"
    } else {
        return None;
    };
    Some(cause.to_owned())
}

/// Bytes that the charset leaves undefined stand where they did not stand before.
fn undefined(expected: &[u8], actual: &[u8], expected_as: Detection) -> Option<String> {
    let is_undefined = |byte: &&u8| UNDEFINED_IN_CP1250.contains(byte);
    let byte = actual.iter().find(is_undefined)?;
    let is_new = expected_as.charset == Charset::WINDOWS_1250 && !expected.contains(byte);
    is_new.then(|| {
        format!(
            "the byte {byte:02X} is no character of windows-1250: the text is in another charset, or was damaged"
        )
    })
}

/// Bytes that are no characters stand in what was a text.
fn invalid(expected: &[u8], actual: &[u8], charset: Charset) -> Option<String> {
    let own = charset.0;
    let text = own.decode_without_bom_handling_and_without_replacement(actual);
    // Most bytes are characters, and a line that is cut off may end in half of one.
    if text.is_some() || expected.starts_with(actual) {
        return None;
    }
    match decode(actual, charset) {
        Err(DecodeError::Invalid { byte, .. }) => Some(format!(
            "the byte {byte:02X} is no character of {charset}: the text is in another charset, or was damaged"
        )),
        Err(DecodeError::NotReversible { .. }) | Ok(_) => None,
    }
}

/// Characters became `?` or U+FFFD.
fn lost(text: &str, actual: &[u8], expected_as: Detection) -> Option<String> {
    let replaced = |replacement: &[u8], count: fn(char) -> usize| -> Vec<u8> {
        let mut bytes = Vec::new();
        for character in text.chars() {
            if character.is_ascii() {
                bytes.push(u8::try_from(character).unwrap_or(b'?'));
            } else {
                (0..count(character)).for_each(|_| bytes.extend_from_slice(replacement));
            }
        }
        bytes
    };
    if replaced(b"?", |_| 1) == actual
        || replaced(b"?", char::len_utf8) == actual
        || with_question_marks(text, WINDOWS_1252) == actual
        || with_question_marks(text, ISO_8859_2) == actual
        || lost_some(text, actual, expected_as)
    {
        return Some("characters were lost to `?`: MySQL or iconv converted to a charset that lacks them (SET NAMES, character_set_client, table charset)".to_owned());
    }
    let fffd = "\u{fffd}".as_bytes();
    (replaced(fffd, |_| 1) == actual).then(|| {
        "characters were lost to U+FFFD: bytes in the old charset were read as UTF-8 (htmlspecialchars, json or mbstring with UTF-8)".to_owned()
    })
}

/// Whether `actual` is the text with only some of its non-ASCII characters turned to `?`.
fn lost_some(text: &str, actual: &[u8], expected_as: Detection) -> bool {
    let Some(found) = expected_as
        .charset
        .0
        .decode_without_bom_handling_and_without_replacement(actual)
    else {
        return false;
    };
    let mut lost = false;
    text.chars().count() == found.chars().count()
        && text.chars().zip(found.chars()).all(|(old, new)| {
            let gone = !old.is_ascii() && new == '?';
            lost |= gone;
            old == new || gone
        })
        && lost
}

/// Characters became entities, or the other way round.
fn entities(text: &str, actual: &[u8], expected_as: Detection) -> Option<String> {
    let found = expected_as
        .charset
        .0
        .decode_without_bom_handling_and_without_replacement(actual)?;
    let (old, new) = (resolve_entities(text), resolve_entities(&found));
    (old == new).then(|| {
        "characters and entities were exchanged: htmlentities() or htmlspecialchars() works with another charset".to_owned()
    })
}

/// Replaces numeric entities and the named ones of letters that PHP knows in Latin 1.
fn resolve_entities(text: &str) -> String {
    const NAMED: [(&str, &str); 22] = [
        ("&aacute;", "á"),
        ("&Aacute;", "Á"),
        ("&eacute;", "é"),
        ("&Eacute;", "É"),
        ("&iacute;", "í"),
        ("&Iacute;", "Í"),
        ("&oacute;", "ó"),
        ("&Oacute;", "Ó"),
        ("&uacute;", "ú"),
        ("&Uacute;", "Ú"),
        ("&yacute;", "ý"),
        ("&Yacute;", "Ý"),
        ("&ocirc;", "ô"),
        ("&Ocirc;", "Ô"),
        ("&auml;", "ä"),
        ("&Auml;", "Ä"),
        ("&scaron;", "š"),
        ("&Scaron;", "Š"),
        ("&nbsp;", "\u{a0}"),
        ("&zcaron;", "ž"),
        ("&ccaron;", "č"),
        ("&rcaron;", "ř"),
    ];
    let mut resolved = text.to_owned();
    for (entity, character) in NAMED {
        resolved = resolved.replace(entity, character);
    }
    let mut output = String::with_capacity(resolved.len());
    let mut rest = resolved.as_str();
    while let Some((before, after)) = rest.split_once("&#") {
        output.push_str(before);
        let character = after.split_once(';').and_then(|(number, after)| {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            Some((char::from_u32(code)?, after))
        });
        if let Some((character, after)) = character {
            output.push(character);
            rest = after;
        } else {
            output.push_str("&#");
            rest = after;
        }
    }
    output.push_str(rest);
    output
}

/// Encodes text with `?` for what the charset lacks, as MySQL and iconv do.
fn with_question_marks(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for character in text.chars() {
        let (encoded, _, unmappable) = encoding.encode(character.encode_utf8(&mut buffer));
        if unmappable {
            bytes.push(b'?');
        } else {
            bytes.extend_from_slice(&encoded);
        }
    }
    bytes
}

/// Shows the first affected characters with their bytes on both sides.
fn samples(text: &str, expected: &[u8], actual: &[u8], charset: Charset) -> String {
    let same = expected
        .iter()
        .zip(actual)
        .take_while(|(old, new)| old == new)
        .count();
    let tail = expected[same..]
        .iter()
        .rev()
        .zip(actual[same..].iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let mut affected: Vec<String> = Vec::new();
    for character in text.chars().filter(|character| !character.is_ascii()) {
        let bytes = charset.0.encode(&character.to_string()).0.into_owned();
        let shown = format!("{character} = {}", hex(&bytes));
        if !affected.contains(&shown) {
            affected.push(shown);
        }
        if affected.len() == SHOWN {
            break;
        }
    }
    let found = &actual[same..actual.len() - tail];
    let excerpt = found.get(..found.len().min(12)).unwrap_or_default();
    if affected.is_empty() {
        return format!(" (candidate has {})", visible(excerpt));
    }
    format!(
        " (old server: {}; candidate from there on: {})",
        affected.join(", "),
        hex(excerpt)
    )
}

fn hex(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Příliš žluťoučký kůň";

    fn cp1250() -> Detection {
        Detection {
            charset: Charset::WINDOWS_1250,
            source: Source::Meta,
        }
    }

    #[test]
    fn the_usual_accidents_are_named() {
        let bytes = encoding_rs::WINDOWS_1250.encode(TEXT).0.into_owned();
        let decode = |encoding: &'static Encoding, bytes: &[u8]| {
            encoding.decode_without_bom_handling(bytes).0.into_owned()
        };
        let as_latin1 = decode(WINDOWS_1252, &bytes);
        let table: Vec<(Vec<u8>, &str)> = vec![
            (TEXT.as_bytes().to_vec(), "sent as utf-8 instead of windows-1250"),
            (ISO_8859_2.encode(TEXT).0.into_owned(), "sent as iso-8859-2 instead of windows-1250"),
            (decode(encoding_rs::WINDOWS_1250, TEXT.as_bytes()).into_bytes(), "double encoding"),
            (as_latin1.clone().into_bytes(), "taken for windows-1252"),
            (with_question_marks(&as_latin1, encoding_rs::WINDOWS_1250), "taken for windows-1252"),
            (decode(ISO_8859_2, &bytes).into_bytes(), "taken for ISO 8859-2"),
            (b"P??li? ?lu?ou?k? k??".to_vec(), "lost to `?`"),
            (b"P\xf8\xedli? \x9elu?ou\xe8k\xfd k\xf9\xf2".to_vec(), "lost to `?`"),
            ("P\u{fffd}\u{fffd}li\u{fffd} \u{fffd}lu\u{fffd}ou\u{fffd}k\u{fffd} k\u{fffd}\u{fffd}".as_bytes().to_vec(), "lost to U+FFFD"),
            (b"P&#345;&iacute;li\x9a \x9elu\x9dou\xe8k\xfd k\xf9\xf2".to_vec(), "entities were exchanged"),
            ([b"\xef\xbb\xbf", bytes.as_slice()].concat(), "byte order mark"),
            (bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes(), "taken for ISO 8859-1"),
            (TEXT.bytes().map(char::from).collect::<String>().into_bytes(), "UTF-8 was taken for ISO 8859-1"),
            (b"P\x98\xedli\x9a \x9elu\x9dou\xe8k\xfd k\xf9\xf2".to_vec(), "the byte 98 is no character"),
        ];
        for (actual, expected) in table {
            let cause = explain(&bytes, &actual, cp1250(), cp1250()).unwrap_or_default();
            assert!(cause.contains(expected), "{expected}: {cause}");
        }
        assert_eq!(explain(&bytes, b"something else", cp1250(), cp1250()), None);
    }

    #[test]
    fn bytes_that_are_no_characters_are_named_where_a_text_stood() {
        let utf8 = Detection {
            charset: Charset::UTF_8,
            source: Source::Header,
        };
        let table: [(&[u8], &str); 4] = [
            (
                b"\xc5\xbeiak u\x8aite",
                "the byte 8A is no character of utf-8",
            ),
            (b"\xbe\x9e", "the byte BE is no character of utf-8"),
            (b"\xc5\xbeiak \xc4", ""),
            (b"\x9eiak \xe8", "sent as windows-1250 instead of utf-8"),
        ];
        for (actual, expected) in table {
            let cause = explain("žiak č".as_bytes(), actual, utf8, utf8).unwrap_or_default();
            assert_eq!(cause.is_empty(), expected.is_empty(), "{cause}");
            assert!(cause.contains(expected), "{expected}: {cause}");
        }
    }

    #[test]
    fn a_declared_charset_that_was_added_is_named_with_its_setting() {
        let header = Detection {
            charset: Charset::UTF_8,
            source: Source::Header,
        };
        let with = |source| explain(b"x", b"x", cp1250(), Detection { source, ..cp1250() });
        assert!(
            with(Source::Default)
                .unwrap()
                .starts_with("the page no longer declares")
        );
        assert!(
            with(Source::ByteOrderMark)
                .unwrap()
                .starts_with("a byte order mark was added")
        );
        insta::assert_snapshot!(explain(b"x", b"x", cp1250(), header).unwrap(), @"the server adds a charset to Content-Type, which overrides the page's own: Apache's AddDefaultCharset or PHP's default_charset is set; browsers read utf-8 (header) instead of windows-1250 (meta)");
    }
}
