//! The usual causes of a differing line, other than charsets.

use super::token::{Known, TokenKind, tokens};
use crate::snapshot::{Zone, moment};

/// Times differ by whole quarters of an hour where the time zone is another.
const QUARTER: i64 = 900;
/// And never by more than this.
const WIDEST_ZONE: i64 = 14 * 3600;

/// Usual causes other than charsets.
pub(super) fn text_cause(expected: &str, actual: &str) -> Option<String> {
    if let Some(cause) = program_message(actual).filter(|_| program_message(expected).is_none()) {
        return Some(cause);
    }
    let (old, new) = (
        expected.trim_end_matches(['\r', '\n']),
        actual.trim_end_matches(['\r', '\n']),
    );
    if old == new && expected.ends_with('\n') != actual.ends_with('\n') {
        return Some("only the line feed at the page's end differs".to_owned());
    }
    if old == new {
        return Some(
            "only the line's end differs: a script or a file was converted between DOS and Unix"
                .to_owned(),
        );
    }
    if old.split_whitespace().eq(new.split_whitespace()) {
        return Some("only blanks differ".to_owned());
    }
    let found = shift_cause(old, new)
        .or_else(|| number_cause(old, new))
        .or_else(|| date_cause(old, new))
        .or_else(|| form_cause(old, new))
        .or_else(|| order_cause(old, new));
    if found.is_some() {
        return found;
    }
    let unescaped = |text: &str| text.replace("\\'", "'").replace("\\\"", "\"");
    if unescaped(old) == unescaped(new) {
        return Some(
            "backslashes before quotes: magic_quotes_gpc in php.ini is not the old server's"
                .to_owned(),
        );
    }
    if old.replace(',', ".") == new.replace(',', ".") {
        return Some(
            "decimal point against decimal comma: setlocale() finds another locale".to_owned(),
        );
    }
    if !new.is_empty() && old.starts_with(new) {
        return Some(
            "the line ends too early: a script stopped, or the body is truncated".to_owned(),
        );
    }
    None
}

/// Recognises what PHP and MySQL say about themselves.
pub(super) fn program_message(text: &str) -> Option<String> {
    let words = [
        "Warning",
        "Notice",
        "Fatal error",
        "Parse error",
        "Deprecated",
        "Strict Standards",
        "Catchable fatal error",
    ];
    let by_php = words.iter().any(|word| {
        text.contains(&format!("<b>{word}</b>:"))
            || text.contains(&format!("PHP {word}:"))
            || text.starts_with(&format!("{word}: "))
    });
    if by_php {
        return Some(
            "PHP reports an error in the page: another version, extension or php.ini".to_owned(),
        );
    }
    if text.contains("<?php") {
        return Some(
            "PHP does not run here, its script is sent: the module is missing, or AddType is"
                .to_owned(),
        );
    }
    [
        "You have an error in your SQL syntax",
        "Access denied for user",
        "Can't connect to",
    ]
    .iter()
    .any(|message| text.contains(message))
    .then(|| "MySQL refuses the application: its account, version or state differs".to_owned())
}

/// Where two lines differ in times only, all by the same quarters of an hour: another time zone.
fn shift_cause(old: &str, new: &str) -> Option<String> {
    const DAY: i64 = 86_400;
    let known = Known {
        authority: "\0",
        secrets: &[],
        written: &[],
    };
    let (before, after) = (tokens(old, &known), tokens(new, &known));
    if before.len() != after.len() {
        return None;
    }
    let mut shift: Option<i64> = None;
    for (one, other) in before.iter().zip(&after) {
        if one.text == other.text {
            continue;
        }
        let TokenKind::Moment(formats) = &one.kind else {
            return None;
        };
        let found = formats.iter().find_map(|format| {
            let first = moment::parse(format, one.text)?;
            let second = moment::parse(format, other.text)?;
            let off = second.distance(0, &Zone::utc())? - first.distance(0, &Zone::utc())?;
            let off = if first.is_complete() {
                off
            } else {
                (off + DAY / 2).rem_euclid(DAY) - DAY / 2
            };
            first.has_time().then_some(off)
        })?;
        let is_zone = found % QUARTER == 0 && found != 0 && found.abs() <= WIDEST_ZONE;
        if !is_zone || shift.is_some_and(|shift| shift != found) {
            return None;
        }
        shift = Some(found);
    }
    let shift = shift?;
    let sign = if shift < 0 { '-' } else { '+' };
    let (hours, minutes) = (shift.abs() / 3600, shift.abs() % 3600 / 60);
    let minutes = if minutes == 0 {
        String::new()
    } else {
        format!(" {minutes} min")
    };
    Some(format!(
        "times are shifted by {sign}{hours} h{minutes}: the candidate's /etc/localtime, TZ or PHP's date.timezone is not the old server's"
    ))
}

/// A date or time, with the formats that fit.
type Written<'t> = (&'t str, Vec<&'static str>);

/// Takes the dates and times out of a line; returns them and what is left.
fn moments(line: &str) -> (Vec<Written<'_>>, String) {
    let known = Known {
        authority: "\0",
        secrets: &[],
        written: &[],
    };
    let (mut moments, mut rest) = (Vec::new(), String::new());
    for token in tokens(line, &known) {
        if let TokenKind::Moment(formats) = token.kind {
            moments.push((token.text, formats));
            rest.push('\0');
        } else {
            rest.push_str(token.text);
        }
    }
    (moments, rest)
}

/// Where two lines differ only in how the same dates and times are written.
fn date_cause(old: &str, new: &str) -> Option<String> {
    let ((before, old_rest), (after, new_rest)) = (moments(old), moments(new));
    let seconds = |(text, formats): &Written<'_>| -> Vec<i64> {
        let second = |format: &&str| moment::parse(format, text)?.distance(0, &Zone::utc());
        formats.iter().filter_map(second).collect()
    };
    let same = |(one, other): (&Written<'_>, &Written<'_>)| {
        let found = seconds(one);
        one.0 == other.0 || seconds(other).iter().any(|second| found.contains(second))
    };
    let is_same = old_rest == new_rest && before.len() == after.len();
    (is_same && before.iter().zip(&after).all(same)).then(|| {
        "the same date in another form: setlocale() finds another locale, or the script's or MySQL's format differs"
            .to_owned()
    })
}

/// Where one line has the pieces of the other, up to a tag each, in another order.
fn order_cause(old: &str, new: &str) -> Option<String> {
    if old.len() != new.len() {
        return None;
    }
    let pieces = |line: &'_ str| -> Vec<String> {
        let mut pieces: Vec<String> = line.split('<').map(str::to_owned).collect();
        pieces.sort_unstable();
        pieces
    };
    (pieces(old) == pieces(new)).then(|| {
        "the same pieces in another order: another collation or locale sorts, or an ORDER BY is missing"
            .to_owned()
    })
}

/// Where two lines differ in one number only: the word size, or the clock's year.
fn number_cause(old: &str, new: &str) -> Option<String> {
    let (first, second) = only_difference(old, new)?;
    if is_later_year(first, second) {
        return Some("a later year: a page that shows the current year (a copyright) was recorded in another one; `record` it again".to_owned());
    }
    let (before, after): (i128, i128) = (first.parse().ok()?, second.parse().ok()?);
    let word = 1_i128 << 32;
    if (before - after).abs() == word {
        return Some(format!(
            "integers of 32 against 64 bits: {before} and {after} are the same 32 bits, with and without sign (crc32(), ip2long(), shifts)"
        ));
    }
    let limit = i128::from(i32::MAX);
    if before == limit && after > limit || after == limit && before > limit {
        return Some("integers of 32 against 64 bits: one side stops at 2147483647".to_owned());
    }
    None
}

/// Whether two texts are equal but for a year at their end, `2003-2026` against `2003-2027`.
fn is_later_year(old: &str, new: &str) -> bool {
    let split = |text: &str| -> Option<(String, u16)> {
        let (head, year) = text.split_at_checked(text.len().checked_sub(4)?)?;
        let is_number = !head.ends_with(|last: char| last.is_ascii_digit());
        Some((head.to_owned(), year.parse().ok().filter(|_| is_number)?))
    };
    let (Some((old_head, before)), Some((new_head, after))) = (split(old), split(new)) else {
        return false;
    };
    old_head == new_head && (1990..2100).contains(&before) && before < after && after < 2100
}

/// Where two lines differ in how the same is written.
fn form_cause(old: &str, new: &str) -> Option<String> {
    let has_mark = |text: &str| {
        text.chars()
            .any(|character| ('\u{300}'..='\u{36f}').contains(&character))
    };
    if has_mark(old) != has_mark(new) {
        return Some(
            "letters with separate accents (NFD) against whole letters (NFC): a file or a name was copied through another system"
                .to_owned(),
        );
    }
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let same_letters = |text: &str| -> String {
        text.chars()
            .filter(|character| character.is_alphabetic())
            .collect()
    };
    let grouping = [' ', '\u{a0}', ',', '.', '\''];
    let (first, second) = only_difference(old, new)?;
    let is_number = |text: &str| {
        text.chars()
            .all(|character| character.is_ascii_digit() || grouping.contains(&character))
    };
    (!digits(first).is_empty()
        && is_number(first)
        && is_number(second)
        && digits(first) == digits(second)
        && same_letters(old) == same_letters(new))
    .then(|| {
        "the same number with other separators: setlocale() finds another locale, or number_format() another one"
            .to_owned()
    })
}

/// Returns the numbers, with their signs and separators, in which two lines differ, where nothing else differs.
fn only_difference<'t>(old: &'t str, new: &'t str) -> Option<(&'t str, &'t str)> {
    let is_part = |character: char| {
        character.is_ascii_digit() || ['-', '.', ',', ' ', '\u{a0}', '\''].contains(&character)
    };
    let same = |first: &mut dyn Iterator<Item = char>, second: &mut dyn Iterator<Item = char>| {
        first
            .zip(second)
            .take_while(|(one, other)| one == other)
            .map(|(one, _)| one)
            .collect::<String>()
    };
    let mut prefix = same(&mut old.chars(), &mut new.chars());
    while prefix.ends_with(is_part) {
        prefix.pop();
    }
    let (old, new) = (&old[prefix.len()..], &new[prefix.len()..]);
    let mut suffix: Vec<char> = same(&mut old.chars().rev(), &mut new.chars().rev())
        .chars()
        .collect();
    while suffix.last().is_some_and(|last| is_part(*last)) {
        suffix.pop();
    }
    let length: usize = suffix.iter().map(|character| character.len_utf8()).sum();
    let (old, new) = (
        old.get(..old.len().checked_sub(length)?)?.trim(),
        new.get(..new.len().checked_sub(length)?)?.trim(),
    );
    (!old.is_empty() && !new.is_empty()).then_some((old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_causes_are_named() {
        let table = [
            (
                "crc: -1098453117;",
                "crc: 3196514179;",
                "32 against 64 bits",
            ),
            ("max 2147483647", "max 9999999999", "stops at 2147483647"),
            ("&copy; 2003-2026 ZŠ", "&copy; 2003-2027 ZŠ", "a later year"),
            ("Žilina", "Z\u{30c}ilina", "NFD"),
            ("<td>1 234 Sk", "<td>1,234 Sk", "other separators"),
            ("priemer 1,57", "priemer 1.57", "other separators"),
            ("a  b", "a b", "only blanks"),
            ("a\r\n", "a\n", "DOS and Unix"),
            ("a\n", "a", "at the page's end"),
            ("<p>x", "<b>Warning</b>: x", "PHP reports"),
            (
                "od 2024/09/03 06:15 a 23:30",
                "od 2024/09/03 04:15 a 21:30",
                "shifted by -2 h:",
            ),
            ("o 8:00", "o 8:30", "shifted by +0 h 30 min"),
            (
                "D\u{148}a 3. novembra 2009",
                "D\u{148}a 3. November 2009",
                "another form",
            ),
            (
                "od 12.03.2009 do 13.03.2009",
                "od 03/12/2009 do 03/13/2009",
                "another form",
            ),
            (
                "<td>Cibula<td>\u{10c}apek",
                "<td>\u{10c}apek<td>Cibula",
                "another order",
            ),
            ("<p>O\\'Hara", "<p>O'Hara", "magic_quotes"),
            ("<p>x", "<b>Strict Standards</b>: x", "PHP reports"),
            ("<p>x", "<?php echo 1;", "PHP does not run"),
        ];
        for (old, new, expected) in table {
            let cause = text_cause(old, new).unwrap_or_default();
            assert!(cause.contains(expected), "{old} / {new}: {cause}");
        }
        for (old, new) in [
            ("5 žiakov", "6 žiakov"),
            ("id 17", "id 4711"),
            ("a", "b"),
            ("<td>a<td>b", "<td>b<td>b"),
            ("od 12.03.2009", "od 04/12/2009"),
            ("o 8:00", "o 8:01"),
            ("8:00 a 9:00", "9:00 a 11:00"),
        ] {
            assert_eq!(text_cause(old, new), None, "{old} / {new}");
        }
    }
}
