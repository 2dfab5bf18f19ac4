//! Why one value became another: the mistakes that migrations make, recognised by their bytes.
//!
//! A cause is only named where the bytes leave no doubt: the expected bytes, put through the mistake, give the actual
//! ones.

use encoding_rs::{Encoding, ISO_8859_2, WINDOWS_1250, WINDOWS_1252};
use jiff::civil::DateTime;

use super::{cell::Cell, schema::ColumnKind};

/// How a value changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    /// The kind of difference, as a word of reports.
    pub(super) aspect: &'static str,
    /// The sentence that explains it, where there is evidence for one.
    pub(super) cause: Option<String>,
}

/// Returns how `expected` became `actual`.
pub(super) fn explain(expected: &Cell, actual: &Cell, kind: ColumnKind) -> Change {
    let change = |aspect, cause: &str| Change {
        aspect,
        cause: Some(cause.to_owned()),
    };
    let (expected, actual) = match (expected, actual) {
        (Some(expected), Some(actual)) => (expected.as_slice(), actual.as_slice()),
        (None, Some(actual)) if actual.is_empty() => {
            return change("null", "NULL became the empty string");
        }
        (Some(expected), None) if expected.is_empty() => {
            return change("null", "the empty string became NULL");
        }
        (None, _) => return change("null", "NULL became a value"),
        (_, None) => return change("null", "a value became NULL"),
    };
    let found = match kind {
        ColumnKind::Integer | ColumnKind::Decimal => number(expected, actual),
        ColumnKind::Float => float(expected, actual),
        ColumnKind::Temporal => time(expected, actual),
        ColumnKind::Text
        | ColumnKind::Long
        | ColumnKind::Longest
        | ColumnKind::Enumeration
        | ColumnKind::Other => text(expected, actual),
    };
    found.unwrap_or(Change {
        aspect: "value",
        cause: None,
    })
}

fn named(aspect: &'static str, cause: impl Into<String>) -> Change {
    Change {
        aspect,
        cause: Some(cause.into()),
    }
}

/// The limits of MySQL's whole numbers.
const LIMITS: [i128; 15] = [
    127,
    -128,
    255,
    32_767,
    -32_768,
    65_535,
    8_388_607,
    -8_388_608,
    16_777_215,
    2_147_483_647,
    -2_147_483_648,
    4_294_967_295,
    9_223_372_036_854_775_807,
    -9_223_372_036_854_775_808,
    18_446_744_073_709_551_615,
];

/// Recognises whole numbers that went through 32 bits, or were clipped to their type's range.
fn number(expected: &[u8], actual: &[u8]) -> Option<Change> {
    let parse = |bytes| {
        str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<i128>().ok())
    };
    let (first, second) = (parse(expected)?, parse(actual)?);
    if first == second {
        return Some(named(
            "rendering",
            "the same number is written in another way",
        ));
    }
    if (first - second).abs() == 1 << 32 {
        return Some(named(
            "integer-range",
            "a 32-bit number was read with the wrong sign",
        ));
    }
    if first < 0 && second == 0 {
        return Some(named(
            "integer-range",
            "a negative number was clipped to zero: the column is unsigned",
        ));
    }
    let clipped = LIMITS.contains(&second)
        && (if second > 0 {
            first > second
        } else {
            first < second
        });
    if clipped {
        return Some(named(
            "integer-range",
            format!("the number was clipped to {second}, the limit of a smaller type"),
        ));
    }
    let wrapped =
        first > i128::from(u32::MAX) && first.rem_euclid(1 << 32) == second.rem_euclid(1 << 32);
    if wrapped {
        return Some(named(
            "integer-range",
            "the number lost all but its lowest 32 bits",
        ));
    }
    None
}

/// Recognises rounding.
fn float(expected: &[u8], actual: &[u8]) -> Option<Change> {
    let parse = |bytes| {
        str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<f64>().ok())
    };
    let (first, second) = (parse(expected)?, parse(actual)?);
    let close = (first - second).abs() <= first.abs() * 1e-5;
    if close {
        Some(named("rounding", "the number was rounded"))
    } else {
        None
    }
}

/// Recognises a shifted time zone.
fn time(expected: &[u8], actual: &[u8]) -> Option<Change> {
    let parse = |bytes| {
        str::from_utf8(bytes)
            .ok()
            .and_then(|text: &str| text.parse::<DateTime>().ok())
    };
    if actual.starts_with(b"0000-00-00") {
        return Some(named("time", "the time was lost: it became the zero date"));
    }
    let (first, second) = (parse(expected)?, parse(actual)?);
    let seconds = first.duration_until(second).as_secs();
    let whole = seconds % 900 == 0 && seconds != 0 && seconds.abs() <= 14 * 3600;
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    if whole {
        Some(named(
            "time",
            format!(
                "the time zone is shifted by {sign}{}:{:02}",
                minutes / 60,
                minutes % 60
            ),
        ))
    } else {
        None
    }
}

/// Recognises what happens to text.
fn text(expected: &[u8], actual: &[u8]) -> Option<Change> {
    if trim(expected) == trim(actual) {
        return Some(named(
            "trailing-spaces",
            if expected.len() > actual.len() {
                "spaces at the end were lost"
            } else {
                "spaces were added at the end"
            },
        ));
    }
    if !expected.is_ascii() || !actual.is_ascii() {
        if let Some(cause) = charset(expected, actual) {
            return Some(named("charset", cause));
        }
        if lost(expected, actual) {
            return Some(named(
                "lost-characters",
                "characters that the charset does not have were replaced by ?",
            ));
        }
    }
    if !actual.is_empty() && expected.starts_with(actual) {
        return Some(named(
            "truncation",
            format!("the value was cut off after {} bytes", actual.len()),
        ));
    }
    if actual.is_empty() {
        return Some(named("truncation", "the value was lost"));
    }
    if expected.eq_ignore_ascii_case(actual) {
        return Some(named("letter-case", "the letters' case changed"));
    }
    None
}

fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != b' ')
        .map_or(0, |position| position + 1);
    &bytes[..end]
}

/// The charsets of Central European data, and the one that MySQL assumes when nobody says.
fn charsets() -> [(&'static str, &'static Encoding); 3] {
    [
        ("CP1250", WINDOWS_1250),
        ("ISO 8859-2", ISO_8859_2),
        ("latin1", WINDOWS_1252),
    ]
}

/// Recognises one charset taken for another.
fn charset(expected: &[u8], actual: &[u8]) -> Option<String> {
    let valid = |bytes: &[u8]| !bytes.is_ascii() && str::from_utf8(bytes).is_ok();
    for (name, table) in charsets() {
        if reencoded(table, expected, actual) {
            return Some(if valid(expected) {
                format!("double encoding: UTF-8 was taken for {name} and encoded as UTF-8 again")
            } else {
                format!("{name} text became UTF-8")
            });
        }
        if reencoded(table, actual, expected) {
            return Some(if valid(actual) {
                format!(
                    "a double encoding was undone: UTF-8 that had been taken for {name} is plain UTF-8 now"
                )
            } else {
                format!("UTF-8 text became {name}")
            });
        }
    }
    for (from, first) in charsets() {
        for (to, second) in charsets() {
            let converted = from != to
                && first.decode_without_bom_handling(expected).0
                    == second.decode_without_bom_handling(actual).0;
            if converted {
                return Some(format!("{from} text was converted to {to}"));
            }
        }
    }
    None
}

/// Returns whether `actual` is `expected`, read in a charset and encoded as UTF-8; a server that converts writes `?` for
/// the bytes that its charset leaves undefined.
fn reencoded(table: &'static Encoding, expected: &[u8], actual: &[u8]) -> bool {
    let decoded = table.decode_without_bom_handling(expected).0;
    let undefined = |character: char| ('\u{80}'..='\u{9f}').contains(&character);
    !expected.is_ascii()
        && !actual.is_ascii()
        && (decoded.as_bytes() == actual || decoded.replace(undefined, "?").as_bytes() == actual)
}

/// Returns whether nothing changed but that characters outside of ASCII became question marks.
fn lost(expected: &[u8], actual: &[u8]) -> bool {
    let bytes = expected.len() == actual.len()
        && expected
            .iter()
            .zip(actual)
            .all(|(a, b)| a == b || (!a.is_ascii() && *b == b'?'));
    let characters = match (str::from_utf8(expected), str::from_utf8(actual)) {
        (Ok(first), Ok(second)) => {
            first.chars().count() == second.chars().count()
                && first
                    .chars()
                    .zip(second.chars())
                    .all(|(a, b)| a == b || (!a.is_ascii() && (b == '?' || b == '\u{fffd}')))
        }
        (Ok(_) | Err(_), _) => false,
    };
    bytes || characters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(table: &'static Encoding, text: &str) -> Vec<u8> {
        table.encode(text).0.into_owned()
    }

    #[test]
    fn charset_mistakes_are_recognised_by_their_bytes() {
        let text = "Příliš žluťoučký";
        let cp1250 = encode(WINDOWS_1250, text);
        let latin2 = encode(ISO_8859_2, text);
        let utf8 = text.as_bytes().to_vec();
        let double = WINDOWS_1250
            .decode_without_bom_handling(&utf8)
            .0
            .as_bytes()
            .to_vec();
        let western = WINDOWS_1252
            .decode_without_bom_handling(&cp1250)
            .0
            .as_bytes()
            .to_vec();
        let marks: Vec<u8> = cp1250
            .iter()
            .map(|byte| if byte.is_ascii() { *byte } else { b'?' })
            .collect();
        let table = [
            (&cp1250, &utf8, "CP1250 text became UTF-8"),
            (&utf8, &cp1250, "UTF-8 text became CP1250"),
            (&cp1250, &latin2, "CP1250 text was converted to ISO 8859-2"),
            (&latin2, &cp1250, "ISO 8859-2 text was converted to CP1250"),
            (&cp1250, &western, "latin1 text became UTF-8"),
            (
                &utf8,
                &double,
                "double encoding: UTF-8 was taken for CP1250 and encoded as UTF-8 again",
            ),
            (
                &double,
                &utf8,
                "a double encoding was undone: UTF-8 that had been taken for CP1250 is plain UTF-8 now",
            ),
            (
                &cp1250,
                &marks,
                "characters that the charset does not have were replaced by ?",
            ),
        ];
        for (expected, actual, cause) in table {
            let change = explain(
                &Some(expected.clone()),
                &Some(actual.clone()),
                ColumnKind::Text,
            );
            assert_eq!(change.cause.as_deref(), Some(cause));
        }
    }

    #[test]
    fn other_mistakes_are_recognised() {
        use ColumnKind::{Float, Integer, Temporal, Text};
        let table = [
            (Text, "abc  ", "abc", "trailing-spaces"),
            (Text, "abcdef", "abc", "truncation"),
            (Text, "abc", "ABC", "letter-case"),
            (Text, "abc", "xyz", "value"),
            (Integer, "3000000000", "-1294967296", "integer-range"),
            (Integer, "-1", "4294967295", "integer-range"),
            (Integer, "3000000000", "2147483647", "integer-range"),
            (Integer, "-5", "0", "integer-range"),
            (Integer, "5", "0", "value"),
            (Integer, "8589934593", "1", "integer-range"),
            (Integer, "00042", "42", "rendering"),
            (Integer, "1", "2", "value"),
            (Float, "0.1", "0.10000001", "rounding"),
            (
                Temporal,
                "2009-07-01 10:00:00",
                "2009-07-01 12:00:00",
                "time",
            ),
            (
                Temporal,
                "2009-07-01 10:00:00",
                "0000-00-00 00:00:00",
                "time",
            ),
            (
                Temporal,
                "2009-07-01 10:00:00",
                "2010-07-01 10:00:00",
                "value",
            ),
            (Temporal, "0000-00-00", "2010-07-01", "value"),
        ];
        for (kind, expected, actual, aspect) in table {
            let cell = |text: &str| Some(text.as_bytes().to_vec());
            assert_eq!(
                explain(&cell(expected), &cell(actual), kind).aspect,
                aspect,
                "{expected} {actual}"
            );
        }
        assert_eq!(
            explain(&None, &Some(vec![]), Text).cause.as_deref(),
            Some("NULL became the empty string")
        );
        assert_eq!(
            explain(&Some(vec![]), &None, Text).cause.as_deref(),
            Some("the empty string became NULL")
        );
    }
}
