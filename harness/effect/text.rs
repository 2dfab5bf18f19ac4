//! A value with holes: `"{{clock Ymd-His}}-{{id-1}}.dat"`.
//!
//! `{{clock FORMAT}}` is the server's clock in `legacy.timezone`, with ` UTC` at its end in UTC; `{{id-N}}` is a number that the
//! server counted, the same in all places of a scenario; `{{token-N}}` is so many letters and digits that are drawn anew.

use std::{collections::BTreeMap, ops::RangeInclusive};

use jiff::civil::DateTime;

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

/// How a clock is written: letters as in PHP's `date`.
const FORMATS: [&str; 6] = ["Y-m-d H:i:s", "Ymd-His", "YmdHis", "U", "Y-m-d", "Ymd"];

/// Writes holes where the text shows the clock or, where `numbers` are given, a counted number.
pub(super) fn with_holes(text: &str, time: &Time<'_>, numbers: Option<&Numbers>) -> String {
    let mut written = String::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let begins = first.is_ascii_digit() && !before.is_ascii_digit();
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

/// Makes one hole of a text of letters and digits, if it is long enough to have been drawn.
pub(super) fn token(texts: &[&str]) -> Option<String> {
    const LEAST: usize = 16;
    let inside = |text: &str| {
        let inside = text.strip_prefix('"')?.strip_suffix('"')?;
        inside
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric())
            .then_some(inside.len())
    };
    let length = inside(texts.first()?).filter(|length| *length >= LEAST)?;
    texts
        .iter()
        .all(|text| inside(text) == Some(length))
        .then(|| format!("\"{{{{token-{length}}}}}\""))
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
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let time = time(&zone);
        let numbers = Numbers::from([("id-1".to_owned(), "17".to_owned())]);
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
        for (text, holes, right, wrong) in table {
            assert_eq!(with_holes(text, &time, Some(&numbers)), holes);
            for fits in [text, right] {
                assert_eq!(
                    misfit(holes, fits, &time, &mut numbers.clone()),
                    None,
                    "{holes} {fits}"
                );
            }
            assert!(
                misfit(holes, wrong, &time, &mut numbers.clone()).is_some(),
                "{holes} {wrong}"
            );
        }
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
        assert_eq!(token(&["\"abc\"", "\"abd\""]), None);
        assert_eq!(
            token(&["\"0123456789abcdef\"", "\"0123456789abcde\""]),
            None
        );
    }
}
