//! Why bytes that are no characters of their page's charset are others, or gone.

use encoding_rs::{Encoding, ISO_8859_2, WINDOWS_1250, WINDOWS_1252};

use super::{
    label::Charset,
    reading::{byte, decode_stray},
};

/// How many bytes a sentence shows.
const SHOWN: usize = 3;

/// Says in one sentence what became of the stray bytes of `expected`, where that is one of the usual accidents.
pub(super) fn explain(expected: &[u8], actual: &[u8], charset: Charset) -> Option<String> {
    let text = decode_stray(expected, charset)?;
    // A line that is cut off may end in half a character.
    if expected.starts_with(actual) {
        return None;
    }
    let page = Page { text, charset };
    let cause = page
        .converted(actual)
        .or_else(|| page.lost(expected, actual))
        .or_else(|| page.twice(expected, actual))
        .or_else(|| page.exchanged(actual))
        .or_else(|| page.emptied(actual))
        .or_else(|| page.added(actual))?;
    Some(format!("{cause} ({})", page.samples(expected, actual)))
}

/// A text with stray bytes, and what a browser takes it for.
struct Page {
    text: String,
    charset: Charset,
}

impl Page {
    /// Encodes the page with something else for each stray byte.
    fn with(&self, put: impl Fn(u8, &mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len());
        let mut buffer = [0; 4];
        for character in self.text.chars() {
            if let Some(stray) = byte(character) {
                put(stray, &mut bytes);
            } else {
                let encoded = self.charset.0.encode(character.encode_utf8(&mut buffer));
                bytes.extend_from_slice(&encoded.0);
            }
        }
        bytes
    }

    /// They were converted to the page's charset.
    fn converted(&self, actual: &[u8]) -> Option<String> {
        let charsets = [WINDOWS_1250, ISO_8859_2, WINDOWS_1252];
        charsets.into_iter().find_map(|from: &'static Encoding| {
            let letters = self.with(|stray, bytes| {
                let letter = from.decode_without_bom_handling(&[stray]).0.into_owned();
                bytes.extend_from_slice(&self.charset.0.encode(&letter).0);
            });
            (letters == actual).then(|| {
                format!(
                    "bytes that are no {0} were converted to {0} from {1}: the data, the script or a file that it includes was converted, or MySQL's SET NAMES asks for another charset",
                    self.charset,
                    from.name().to_ascii_lowercase()
                )
            })
        })
    }

    /// They are gone, or something else stands for each.
    fn lost(&self, expected: &[u8], actual: &[u8]) -> Option<String> {
        let each = |replacement: &[u8]| {
            self.with(|_, bytes| bytes.extend_from_slice(replacement)) == actual
        };
        let browser = self.charset.0.decode_without_bom_handling(expected).0;
        let (to, by) = if each(b"?") {
            ("lost to `?`", "MySQL, iconv or mbstring converted the text")
        } else if each("\u{fffd}".as_bytes()) || browser.as_bytes() == actual {
            (
                "lost to U+FFFD",
                "the text was read in that charset and written again (htmlspecialchars, json or mbstring)",
            )
        } else if each(b"") {
            (
                "dropped",
                "iconv with //IGNORE, MySQL or htmlspecialchars with ENT_IGNORE took them out",
            )
        } else {
            return None;
        };
        Some(format!(
            "bytes that are no {} were {to}: {by}",
            self.charset
        ))
    }

    /// The whole text was taken for CP1250, what is right in it too.
    fn twice(&self, expected: &[u8], actual: &[u8]) -> Option<String> {
        let letters = WINDOWS_1250.decode_without_bom_handling(expected).0;
        (letters.as_bytes() == actual).then(|| {
            format!(
                "all was taken for windows-1250 and converted to utf-8: what was {} before is encoded twice",
                self.charset
            )
        })
    }

    /// Other stray bytes stand in their places.
    fn exchanged(&self, actual: &[u8]) -> Option<String> {
        let found = decode_stray(actual, self.charset)?;
        let same_length = self.text.chars().count() == found.chars().count();
        let mut pairs = self.text.chars().zip(found.chars());
        let is_exchanged = |(old, new)| old == new || (byte(old).is_some() && byte(new).is_some());
        (same_length && pairs.all(is_exchanged)).then(|| {
            format!(
                "bytes that are no {} are others: the text is in another charset, or was damaged",
                self.charset
            )
        })
    }

    /// The text that holds them is gone, and the markup behind it is left.
    fn emptied(&self, actual: &[u8]) -> Option<String> {
        let old: Vec<char> = self.text.chars().collect();
        let new: Vec<char> = decode_stray(actual, self.charset)?.chars().collect();
        let gone = old.len().checked_sub(new.len())?;
        let same = common(&old, &new);
        let (part, behind) = old[same..].split_at_checked(gone)?;
        let is_cut =
            behind == &new[same..] && behind.first().is_some_and(|one| "<\"'".contains(*one));
        let holds_stray = part.iter().any(|one| byte(*one).is_some());
        (is_cut && holds_stray).then(|| {
            format!(
                "text with bytes that are no {} is gone: htmlspecialchars() and htmlentities() of PHP 5.4 and newer, and json_encode(), give nothing for it",
                self.charset
            )
        })
    }

    /// Bytes that are no characters stand where none stood before.
    fn added(&self, actual: &[u8]) -> Option<String> {
        let found = decode_stray(actual, self.charset)?;
        let mut left = [0_usize; 256];
        for stood in self.text.chars().filter_map(byte) {
            left[usize::from(stood)] += 1;
        }
        let is_new = |one: &u8| match &mut left[usize::from(*one)] {
            0 => true,
            count => {
                *count -= 1;
                false
            }
        };
        let new = found.chars().filter_map(byte).find(is_new)?;
        Some(format!(
            "the byte {new:02X} is no character of {}, and did not stand here{}: the text is in another charset, or was damaged",
            self.charset,
            if self.text.chars().filter_map(byte).any(|stood| stood == new) {
                " so often"
            } else {
                ""
            }
        ))
    }

    /// Shows the first of them, and what stands there now.
    fn samples(&self, expected: &[u8], actual: &[u8]) -> String {
        let mut shown: Vec<String> = Vec::new();
        let mut seen = [false; 256];
        for stray in self.text.chars().filter_map(byte) {
            if shown.len() == SHOWN || std::mem::replace(&mut seen[usize::from(stray)], true) {
                continue;
            }
            let letter = WINDOWS_1250
                .decode_without_bom_handling(&[stray])
                .0
                .into_owned();
            shown.push(format!("{stray:02X}, {letter} in windows-1250"));
        }
        let same = common(expected, actual);
        let found: Vec<String> = actual[same..]
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02X}"))
            .collect();
        format!(
            "old server: {}; candidate from there on: {}",
            shown.join("; "),
            if found.is_empty() {
                "nothing".to_owned()
            } else {
                found.join(" ")
            }
        )
    }
}

/// Counts how much is the same at the beginning.
fn common<T: PartialEq>(old: &[T], new: &[T]) -> usize {
    old.iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_stray_bytes_is_named() {
        let page = b"<b>\xc5\xbeiak</b> <i>u\xe8ite\xbe</i>";
        let table: [(&[u8], &str); 13] = [
            (
                "<b>žiak</b> <i>učiteľ</i>".as_bytes(),
                "were converted to utf-8 from windows-1250",
            ),
            (
                "<b>žiak</b> <i>učitež</i>".as_bytes(),
                "were converted to utf-8 from iso-8859-2",
            ),
            (
                "<b>žiak</b> <i>uèite¾</i>".as_bytes(),
                "were converted to utf-8 from windows-1252",
            ),
            ("<b>žiak</b> <i>u?ite?</i>".as_bytes(), "lost to `?`"),
            (
                "<b>žiak</b> <i>u\u{fffd}ite\u{fffd}</i>".as_bytes(),
                "lost to U+FFFD",
            ),
            ("<b>žiak</b> <i>uite</i>".as_bytes(), "were dropped"),
            (
                "<b>Ĺľiak</b> <i>učiteľ</i>".as_bytes(),
                "what was utf-8 before is encoded twice",
            ),
            (
                b"<b>\xc5\xbeiak</b> <i>u\xe8ite\xb5</i>",
                "no utf-8 are others",
            ),
            (
                "<b>žiak</b> <i></i>".as_bytes(),
                "htmlspecialchars() and htmlentities() of PHP 5.4",
            ),
            (
                b"<b>\xc5\xbeiak\x9a</b> <i>u\xe8ite\xbe</i>",
                "the byte 9A is no character of utf-8",
            ),
            (b"<b>\xc5\xbeiak</b> <i>u\xe8itel</i>", ""),
            (b"<b>\xc5", ""),
            (b"<b>\xc5\xbeiak</b> <i>ite\xbe</i>", ""),
        ];
        for (actual, expected) in table {
            let cause = explain(page, actual, Charset::UTF_8).unwrap_or_default();
            assert_eq!(cause.is_empty(), expected.is_empty(), "{expected}: {cause}");
            assert!(cause.contains(expected), "{expected}: {cause}");
        }
        // What a browser takes for the beginning of one character is one character to it.
        let cause = explain(
            b"\xc5\xbe \xe1\x9a",
            "ž \u{fffd}".as_bytes(),
            Charset::UTF_8,
        );
        insta::assert_snapshot!(cause.unwrap(), @"bytes that are no utf-8 were lost to U+FFFD: the text was read in that charset and written again (htmlspecialchars, json or mbstring) (old server: E1, á in windows-1250; 9A, š in windows-1250; candidate from there on: EF BF BD)");
    }
}
