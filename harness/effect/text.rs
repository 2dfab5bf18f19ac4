//! A value with holes: `"{{clock Ymd-His}}-{{id-1}}.dat"`.
//!
//! `{{clock FORMAT}}` is the server's clock in `legacy.timezone`, with ` UTC` at its end in UTC; `{{id-N}}` is a number that the
//! server counted, the same in all places of a scenario; `{{token-N}}` is so many letters and digits that are drawn anew; `{{open}}`
//! is two braces.

use std::{collections::BTreeMap, ops::RangeInclusive};

use jiff::{civil::DateTime, fmt::rfc2822::DateTimeParser};

use crate::snapshot::Zone;

/// The numbers that the server has counted, by their names.
pub(super) type Numbers = BTreeMap<String, String>;

/// What a moment is judged by.
#[derive(Clone, Debug)]
pub(super) struct Time<'a> {
    /// When the step ran, in seconds since 1970, with some tolerance.
    pub(super) window: RangeInclusive<i64>,
    /// The old server's zone.
    pub(super) zone: &'a Zone,
}

/// What begins a hole; where it stands in a value, it is the hole `{{open}}`.
const OPEN: &str = "{{";

/// How a clock is written: letters as in PHP's `date`.
const FORMATS: [&str; 7] = ["r", "Y-m-d H:i:s", "Ymd-His", "YmdHis", "U", "Y-m-d", "Ymd"];

/// Writes holes where the text shows the clock or, where `numbers` are given, a counted number.
pub(super) fn with_holes(text: &str, time: &Time<'_>, numbers: Option<&Numbers>) -> String {
    let mut written = String::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(OPEN) {
            written.push_str("{{open}}");
            (before, rest) = ('}', after);
            continue;
        }
        let begins = (first.is_ascii_digit() && !before.is_ascii_digit())
            || (first.is_ascii_uppercase() && !before.is_alphanumeric());
        let hole = || clock(rest, time).or_else(|| number(rest, numbers?));
        if let Some((hole, length)) = begins.then(hole).flatten() {
            written.push_str(&hole);
            before = '}';
            rest = &rest[length..];
            continue;
        }
        written.push(first);
        before = first;
        rest = &rest[first.len_utf8()..];
    }
    written
}

fn number(text: &str, numbers: &Numbers) -> Option<(String, usize)> {
    let length = digits(text);
    if length == 0 {
        return None;
    }
    let (name, _) = numbers
        .iter()
        .find(|(_, value)| **value == text[..length])?;
    Some((format!("{{{{{name}}}}}"), length))
}

fn digits(text: &str) -> usize {
    text.find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len())
}

fn clock(text: &str, time: &Time<'_>) -> Option<(String, usize)> {
    FORMATS.iter().find_map(|format| {
        let length = width(format);
        let part = text.get(..length)?;
        if text[length..].starts_with(|next: char| next.is_ascii_digit()) {
            return None;
        }
        [false, true].into_iter().find_map(|utc| {
            let mark = if utc { " UTC" } else { "" };
            shows_time(part, format, utc, time)
                .then(|| (format!("{{{{clock {format}{mark}}}}}"), length))
        })
    })
}

fn width(format: &str) -> usize {
    match format {
        "U" => 10,
        // Wed, 01 Jul 2009 12:00:00 +0200
        "r" => 31,
        _ => format
            .chars()
            .map(|letter| match letter {
                'Y' => 4,
                'm' | 'd' | 'H' | 'i' | 's' => 2,
                _ => 1,
            })
            .sum(),
    }
}

/// Returns whether a text in a format is a moment of the step.
fn shows_time(text: &str, format: &str, utc: bool, time: &Time<'_>) -> bool {
    let zone = if utc { &Zone::utc() } else { time.zone };
    if format == "U" {
        return !utc
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text
                .parse()
                .is_ok_and(|second| time.window.contains(&second));
    }
    if format == "r" {
        return !utc && shows_mail_time(text, time);
    }
    let Some(shown) = civil(text, format) else {
        return false;
    };
    if format.contains('H') {
        return zone
            .second(shown)
            .is_some_and(|second| time.window.contains(&second));
    }
    // A date alone says little: only the day of the step, in the zone of its clock.
    !utc && [time.window.start(), time.window.end()]
        .into_iter()
        .any(|second| zone.date(*second) == Some(shown.date()))
}

/// Returns whether the date of a mail is a moment of the step, told in the server's zone.
fn shows_mail_time(text: &str, time: &Time<'_>) -> bool {
    let Ok(shown) = DateTimeParser::new().parse_zoned_datetime(text) else {
        return false;
    };
    let second = shown.timestamp().as_second();
    time.window.contains(&second)
        && time.zone.offset(second) == Some(i64::from(shown.offset().seconds()))
}

fn civil(text: &str, format: &str) -> Option<DateTime> {
    let (mut year, mut parts) = (0_i16, [1_i8, 1, 0, 0, 0]);
    let mut rest = text;
    for letter in format.chars() {
        let place = match letter {
            'Y' => {
                year = rest.get(..4)?.parse().ok()?;
                rest = &rest[4..];
                continue;
            }
            'm' => 0,
            'd' => 1,
            'H' => 2,
            'i' => 3,
            's' => 4,
            other => {
                rest = rest.strip_prefix(other)?;
                continue;
            }
        };
        parts[place] = rest
            .get(..2)
            .filter(|two| two.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()?;
        rest = &rest[2..];
    }
    DateTime::new(year, parts[0], parts[1], parts[2], parts[3], parts[4], 0).ok()
}

/// Makes a hole of letters and digits that differ in texts which are the same around them, if they are long enough to have been
/// drawn. What stands in no quotes is a number or a digest, which can't be drawn.
pub(super) fn token(texts: &[&str]) -> Option<String> {
    const LEAST: usize = 16;
    let first = *texts.first()?;
    let bytes = first.as_bytes();
    if !first.ends_with('"') || texts.iter().any(|text| text.len() != first.len()) {
        return None;
    }
    let varies = |place: &usize| {
        texts
            .iter()
            .any(|text| text.as_bytes()[*place] != bytes[*place])
    };
    let (from, to) = (
        (0..bytes.len()).find(varies)?,
        (0..bytes.len()).rfind(varies)?,
    );
    let is_drawn = |place: &usize| bytes[*place].is_ascii_alphanumeric();
    let start = (0..from).rev().take_while(is_drawn).last().unwrap_or(from);
    let end = (to + 1..bytes.len())
        .take_while(is_drawn)
        .last()
        .unwrap_or(to)
        + 1;
    let drawn = |text: &&str| {
        let part = text.as_bytes()[start..end].iter();
        part.copied().all(|byte| byte.is_ascii_alphanumeric())
    };
    let length = end - start;
    (length >= LEAST && texts.iter().all(drawn)).then(|| {
        let around = |text: &str| text.replace(OPEN, "{{open}}");
        format!(
            "{}{{{{token-{length}}}}}{}",
            around(&first[..start]),
            around(&first[end..])
        )
    })
}

/// Returns what is wrong with a value where it should fit; numbers that are seen first are kept in `numbers`.
pub(super) fn misfit(
    template: &str,
    found: &str,
    time: &Time<'_>,
    numbers: &mut Numbers,
) -> Option<&'static str> {
    let (mut template, mut found) = (template, found);
    while let Some(start) = template.find("{{") {
        let Some(rest) = found.strip_prefix(&template[..start]) else {
            return Some("another value");
        };
        let Some((hole, after)) = template[start + 2..].split_once("}}") else {
            return Some("the recorded value has a hole without end");
        };
        let length = match fill(hole, rest, time, numbers) {
            Ok(length) => length,
            Err(reason) => return Some(reason),
        };
        (template, found) = (after, &rest[length..]);
    }
    (template != found).then_some("another value")
}

/// Returns how much of the text a hole takes.
fn fill(
    hole: &str,
    text: &str,
    time: &Time<'_>,
    numbers: &mut Numbers,
) -> Result<usize, &'static str> {
    if hole == "open" {
        let stands = text.starts_with(OPEN).then_some(OPEN.len());
        return stands.ok_or("no two braces stand there");
    }
    if let Some(format) = hole.strip_prefix("clock ") {
        let (format, utc) = format
            .strip_suffix(" UTC")
            .map_or((format, false), |format| (format, true));
        let length = width(format);
        let shown = text.get(..length).ok_or("no time stands there")?;
        return if shows_time(shown, format, utc, time) {
            Ok(length)
        } else {
            Err("it is not the server's clock, in the old server's time zone")
        };
    }
    if let Some(length) = hole
        .strip_prefix("token-")
        .and_then(|length| length.parse().ok())
    {
        let fits = text
            .get(..length)
            .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        return if fits {
            Ok(length)
        } else {
            Err("it is no text of that many letters and digits")
        };
    }
    let length = digits(text);
    if length == 0 {
        return Err("no number stands there");
    }
    let known = numbers
        .entry(hole.to_owned())
        .or_insert_with(|| text[..length].to_owned());
    if *known == text[..length] {
        Ok(length)
    } else {
        Err("it is not the number that the server counted before")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(zone: &Zone) -> Time<'_> {
        // 2009-07-01 10:00:00 UTC, noon in Bratislava.
        Time {
            window: 1_246_442_390..=1_246_442_410,
            zone,
        }
    }

    #[test]
    fn clocks_and_counted_numbers_become_holes_that_only_the_right_ones_fit() {
        let table = [
            (
                "\"2009-07-01 12:00:00\"",
                "\"{{clock Y-m-d H:i:s}}\"",
                "\"2009-07-01 12:00:05\"",
                "\"2009-07-01 10:00:00\"",
            ),
            (
                "\"2009-07-01 10:00:00\"",
                "\"{{clock Y-m-d H:i:s UTC}}\"",
                "\"2009-07-01 10:00:05\"",
                "\"2009-07-01 12:00:00\"",
            ),
            (
                "\"20090701-120000-17.dat\"",
                "\"{{clock Ymd-His}}-{{id-1}}.dat\"",
                "\"20090701-120001-17.dat\"",
                "\"20090701-120000-18.dat\"",
            ),
            ("1246442400", "{{clock U}}", "1246442401", "1246449600"),
            (
                "\"2009-07-01\"",
                "\"{{clock Y-m-d}}\"",
                "\"2009-07-01\"",
                "\"2009-07-02\"",
            ),
            (
                "\"žiak č. 17: x\"",
                "\"žiak č. {{id-1}}: x\"",
                "\"žiak č. 17: x\"",
                "\"žiak č. 17: y\"",
            ),
            (
                "\"2004-01-01 12:00:00\"",
                "\"2004-01-01 12:00:00\"",
                "\"2004-01-01 12:00:00\"",
                "\"2009-07-01 12:00:00\"",
            ),
            ("170", "170", "170", "171"),
            ("NULL", "NULL", "NULL", "\"\""),
        ];
        table.into_iter().for_each(fits);
    }

    #[test]
    fn braces_and_the_date_of_a_mail_become_holes() {
        let table = [
            (
                "\"{{id-1}} {{x\"",
                "\"{{open}}id-1}} {{open}}x\"",
                "\"{{id-1}} {{x\"",
                "\"17 {{x\"",
            ),
            (
                "\"Date: Wed, 01 Jul 2009 12:00:00 +0200\\n\"",
                "\"Date: {{clock r}}\\n\"",
                "\"Date: Wed, 01 Jul 2009 12:00:05 +0200\\n\"",
                "\"Date: Wed, 01 Jul 2009 10:00:00 +0000\\n\"",
            ),
        ];
        table.into_iter().for_each(fits);
    }

    /// Checks that a text becomes these holes, that the right one fits them and the wrong one does not.
    fn fits((text, holes, right, wrong): (&str, &str, &str, &str)) {
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let time = time(&zone);
        let numbers = Numbers::from([("id-1".to_owned(), "17".to_owned())]);
        assert_eq!(with_holes(text, &time, Some(&numbers)), holes);
        for fits in [text, right] {
            let reason = misfit(holes, fits, &time, &mut numbers.clone());
            assert_eq!(reason, None, "{holes} {fits}");
        }
        let reason = misfit(holes, wrong, &time, &mut numbers.clone());
        assert!(reason.is_some(), "{holes} {wrong}");
    }

    #[test]
    fn a_number_is_the_same_wherever_it_was_the_same() {
        let zone = Zone::utc();
        let mut numbers = Numbers::new();
        assert_eq!(misfit("{{id-1}}", "5", &time(&zone), &mut numbers), None);
        assert_eq!(
            misfit("\"a{{id-1}}\"", "\"a5\"", &time(&zone), &mut numbers),
            None
        );
        assert!(misfit("{{id-1}}", "6", &time(&zone), &mut numbers).is_some());
        assert!(misfit("{{id-2}}", "x", &time(&zone), &mut numbers).is_some());
    }

    #[test]
    fn what_was_drawn_is_a_token() {
        let hole = token(&["\"0123456789abcdef\"", "\"f123456789abcdef\""]).unwrap();
        let zone = Zone::utc();
        assert_eq!(
            misfit(
                &hole,
                "\"aaaaaaaaaaaaaaaa\"",
                &time(&zone),
                &mut Numbers::new()
            ),
            None
        );
        assert!(
            misfit(
                &hole,
                "\"aaaaaaaaaaaaaaa\"",
                &time(&zone),
                &mut Numbers::new()
            )
            .is_some()
        );
        let boundary = |drawn: &str| format!("\"--b1_{drawn}--\\\\n\"");
        let [one, other] = ["0123456789abcdef", "0123456789abcdee"].map(boundary);
        assert_eq!(
            token(&[&one, &other]).as_deref(),
            Some("\"--b1_{{token-16}}--\\\\n\"")
        );
        // A digest is never drawn: what has another digest each time would be compared with nothing.
        assert_eq!(token(&["0123456789abcdef", "f123456789abcdef"]), None);
        assert_eq!(token(&["\"abc\"", "\"abd\""]), None);
        assert_eq!(
            token(&["\"0123456789abcdef\"", "\"0123456789abcde\""]),
            None
        );
    }
}
