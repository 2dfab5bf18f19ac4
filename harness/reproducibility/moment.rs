//! Times in files, in the forms in which programs write them; and whether they lie in the window of a build.
//!
//! A text rarely says its time zone: what has no seconds since 1970 may be of any zone, that is, any whole number of hours
//! away. A day alone fits more loosely, a time of day alone is compared by minute and second.

use std::{ops::RangeInclusive, sync::LazyLock};

use regex::bytes::{Captures, Regex};

use crate::rootfs::escape;

/// When a build ran, in seconds since 1970 by the clock that its programs saw.
pub(super) type Window = RangeInclusive<i64>;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// The time zones of the world: whole hours east and west, generously.
const ZONES: RangeInclusive<i64> = -14..=14;
/// The number of months, by their names' first letters.
const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";

/// A time that stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    text: String,
    when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Seconds since 1970.
    Exact(i64),
    /// The same of a clock in some zone.
    Local(i64),
    /// Days since 1970, in some zone.
    Day(i64),
    /// Month, day and second of the day, in some year and zone.
    Yearless(i64, i64, i64),
    /// Seconds of the day, in some zone.
    OfDay(i64),
}

/// The usual forms, the longest first: what one has read, the next does not read again.
static FORMS: LazyLock<[(Form, Regex); 6]> = LazyLock::new(|| {
    let compile = |form, pattern: &str| {
        let pattern = format!("(?i-u){pattern}");
        (form, Regex::new(&pattern).expect("a constant pattern"))
    };
    let time = r"(?P<H>\d{2}):(?P<M>\d{2}):(?P<S>\d{2})";
    let month = r"(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}";
    let year = r"(?P<y>(?:19|20)\d{2})";
    [
        // 2026-11-24T19:15:00, 2026/11/24, 20261124191500, 20261124
        compile(
            Form::Date,
            &format!(
                r"\b{year}[-/.]?(?P<m>\d{{2}})[-/.]?(?P<d>\d{{2}})(?:[t _-]{{0,2}}(?P<H>\d{{2}}):?(?P<M>\d{{2}}):?(?P<S>\d{{2}}))?(?:\D|$)"
            ),
        ),
        // Tue, 24 Nov 2026 19:15:00, 24/Nov/2026:19:15:00
        compile(
            Form::Date,
            &format!(r"\b(?P<d>\d{{1,2}})[ /-]{month}[ /-]{year}(?:[: ]{time})?"),
        ),
        // Nov 24 19:15:00 2026, Nov 24 19:15:00 CET 2026, Nov 24 19:15:00, Nov 24 2026
        compile(
            Form::Date,
            &format!(
                r"\b{month} +(?P<d>\d{{1,2}}),? +(?:{time}(?: (?:\S+ )?{year})?|(?P<z>(?:19|20)\d{{2}})\b)"
            ),
        ),
        // 24.11.2026 19:15:00, 24. 11. 2026
        compile(
            Form::Date,
            &format!(r"\b(?P<d>\d{{1,2}})\. ?(?P<m>\d{{1,2}})\. ?{year}(?:,? {time})?"),
        ),
        compile(Form::Epoch, r"\b(?P<e>\d{9,10})(?P<f>\d{3})?\b"),
        compile(Form::Date, time),
    ]
});

#[derive(Clone, Copy, Debug)]
enum Form {
    Date,
    Epoch,
}

/// Returns two times, one of each text, that lie in the windows of their builds and differ.
pub(super) fn times_in_texts(
    first: &[u8],
    second: &[u8],
    windows: (&Window, &Window),
) -> Option<(String, String)> {
    let seconds = moments(second);
    moments(first)
        .into_iter()
        .filter(|moment| moment.when.is_in(windows.0))
        .find_map(|moment| {
            let fits = |other: &&Moment| {
                std::mem::discriminant(&other.when) == std::mem::discriminant(&moment.when)
                    && other.text != moment.text
                    && other.when.is_in(windows.1)
            };
            let other = seconds.iter().find(fits)?;
            Some((moment.text, other.text.clone()))
        })
}

/// Returns where two files of bytes hold times that lie in the windows of their builds: the form, the offset, both times.
pub(super) fn times_in_bytes(
    first: &[u8],
    second: &[u8],
    windows: (&Window, &Window),
) -> Option<(&'static str, usize, (i64, i64))> {
    let common = first.len().min(second.len());
    // What is longer may have grown before or behind the time.
    [0, 1].into_iter().find_map(|from_the_end| {
        let cut = |bytes: &[u8]| (bytes.len() - common) * from_the_end;
        let (one, other) = (&first[cut(first)..], &second[cut(second)..]);
        one.windows(4)
            .zip(other.windows(4))
            .enumerate()
            .filter(|(_, (one, other))| one != other)
            .find_map(|(at, (one, other))| {
                let bytes = |four: &[u8]| <[u8; 4]>::try_from(four).ok();
                let (one, other) = (bytes(one)?, bytes(other)?);
                let found = |form, times: (When, When)| {
                    let inside = times.0.is_in(windows.0) && times.1.is_in(windows.1);
                    inside.then(|| (form, at + cut(first), (times.0.second(), times.1.second())))
                };
                let exact = |read: fn([u8; 4]) -> u32| {
                    let time = |four| When::Exact(i64::from(read(four)));
                    (time(one), time(other))
                };
                found(
                    "seconds since 1970, little-endian",
                    exact(u32::from_le_bytes),
                )
                .or_else(|| found("seconds since 1970, big-endian", exact(u32::from_be_bytes)))
                .or_else(|| found("a DOS time", (dos(one)?, dos(other)?)))
            })
    })
}

/// Returns the year in which a window begins, in UTC.
pub(super) fn year_of(window: &Window) -> i64 {
    civil(window.start().div_euclid(DAY)).0
}

impl When {
    fn is_in(self, window: &Window) -> bool {
        let (start, end) = (*window.start(), *window.end());
        let zones = || ZONES.map(|zone| zone * HOUR);
        match self {
            Self::Exact(second) => window.contains(&second),
            // DOS and some libraries cut an odd second off.
            Self::Local(second) => zones().any(|zone| (start - 1..=end).contains(&(second - zone))),
            Self::Day(day) => {
                let first = (start + ZONES.start() * HOUR).div_euclid(DAY);
                let last = (end + ZONES.end() * HOUR).div_euclid(DAY);
                (first..=last).contains(&day)
            }
            Self::Yearless(month, day, second) => {
                let (year, _, _) = civil(start.div_euclid(DAY));
                [year, year + 1]
                    .into_iter()
                    .any(|year| Self::Local(days(year, month, day) * DAY + second).is_in(window))
            }
            Self::OfDay(second) => (second - start).rem_euclid(HOUR) <= end - start,
        }
    }

    fn second(self) -> i64 {
        match self {
            Self::Exact(second)
            | Self::Local(second)
            | Self::OfDay(second)
            | Self::Yearless(_, _, second) => second,
            Self::Day(day) => day * DAY,
        }
    }
}

/// Reads the times of a text, in the order of their forms.
fn moments(text: &[u8]) -> Vec<Moment> {
    let mut rest = text.to_vec();
    let mut found = Vec::new();
    for (form, regex) in FORMS.iter() {
        let mut taken = Vec::new();
        for captures in regex.captures_iter(&rest) {
            let (Some(when), Some(all)) = (read(*form, &captures), captures.get(0)) else {
                continue;
            };
            let text = escape(all.as_bytes().trim_ascii());
            found.push(Moment { text, when });
            taken.push(all.range());
        }
        for range in taken {
            rest[range].fill(b' ');
        }
    }
    found
}

fn read(form: Form, captures: &Captures<'_>) -> Option<When> {
    let number = |name: &str| -> Option<i64> {
        str::from_utf8(captures.name(name)?.as_bytes())
            .ok()?
            .parse()
            .ok()
    };
    match form {
        Form::Epoch => return Some(When::Exact(number("e")?)),
        Form::Date => {}
    }
    let second = || {
        let (hour, minute, second) = (number("H")?, number("M")?, number("S")?);
        (hour < 24 && minute < 60 && second < 61).then_some(hour * HOUR + minute * 60 + second)
    };
    let month = || match captures.name("b") {
        None => number("m"),
        Some(name) => {
            let start = name.as_bytes().get(..3)?.to_ascii_lowercase();
            let at = MONTHS.as_bytes().chunks(3).position(|one| one == start)?;
            i64::try_from(at + 1).ok()
        }
    };
    let day = || Some((month()?, number("d")?));
    let is_day = |(month, day): &(i64, i64)| (1..=12).contains(month) && (1..=31).contains(day);
    let year = number("y").or_else(|| number("z"));
    match (year, day().filter(is_day), second()) {
        (Some(year), Some((month, day)), Some(second)) => {
            Some(When::Local(days(year, month, day) * DAY + second))
        }
        (Some(year), Some((month, day)), None) => Some(When::Day(days(year, month, day))),
        (None, Some((month, day)), Some(second)) => Some(When::Yearless(month, day, second)),
        (None, None, Some(second)) => Some(When::OfDay(second)),
        (Some(_), None, _) | (None, _, None) => None,
    }
}

/// Reads a time of DOS: two words, seconds by two first (as in zip files).
fn dos(bytes: [u8; 4]) -> Option<When> {
    let word = |low: u8, high: u8| i64::from(u16::from_le_bytes([low, high]));
    let (time, date) = (word(bytes[0], bytes[1]), word(bytes[2], bytes[3]));
    let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
    let second = (time >> 11) * HOUR + (time >> 5 & 63) * 60 + (time & 31) * 2;
    let is_date = (1..=12).contains(&month) && day > 0 && second < DAY;
    is_date.then(|| When::Local(days(year, month, day) * DAY + second))
}

/// Returns the days from 1970 to a date (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns year, month and day of a number of days since 1970.
fn civil(days_since: i64) -> (i64, i64, i64) {
    // A year has 365.2425 days; New Year may be a day off.
    let guess = 1970 + (days_since * 10_000).div_euclid(3_652_425);
    let is_over = |year: &i64| days(year + 1, 1, 1) <= days_since;
    let year = if is_over(&guess) { guess + 1 } else { guess };
    let year = if days(year, 1, 1) > days_since {
        year - 1
    } else {
        year
    };
    let month = (1..=12)
        .rev()
        .find(|month| days(year, *month, 1) <= days_since)
        .unwrap_or(1);
    (year, month, days_since - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both begin on 14 November: 2023 and 2025, at 22:13:20 UTC.
    const WINDOWS: (Window, Window) =
        (1_700_000_000..=1_700_000_060, 1_763_158_400..=1_763_158_460);

    #[test]
    fn the_usual_forms_of_a_time_of_the_build_are_known() {
        let table = [
            ("at 1700000001", "at 1763158402"),
            ("1700000001123", "1763158402123"),
            ("2023-11-14T22:13:21Z", "2025-11-14T22:13:22Z"),
            ("2023-11-14 23:13:21", "2025-11-15 12:13:22"),
            (
                "Tue, 14 Nov 2023 22:13:21 +0000",
                "Fri, 14 Nov 2025 22:13:22 +0000",
            ),
            (
                "[14/Nov/2023:22:13:21 +0000]",
                "[14/Nov/2025:22:13:22 +0000]",
            ),
            ("Tue Nov 14 22:13:21 2023", "Fri Nov 14 22:13:22 2025"),
            (
                "Tue Nov 14 22:13:21 UTC 2023",
                "Fri Nov 14 22:13:22 <x> 2025",
            ),
            ("Nov 14 22:13:21 skola cron", "Nov 14 22:13:22 skola cron"),
            ("built Nov 14 2023", "built Nov 14 2025"),
            ("20231114221321", "20251114221322"),
            ("20231114", "20251115"),
            ("14.11.2023 22:13:21", "14. 11. 2025 22:13:22"),
            ("22:13:21", "10:13:23"),
        ];
        for (first, second) in table {
            let found = times_in_texts(
                first.as_bytes(),
                second.as_bytes(),
                (&WINDOWS.0, &WINDOWS.1),
            );
            assert!(
                found.is_some(),
                "{first}: {:?} {:?}",
                moments(first.as_bytes()),
                moments(second.as_bytes())
            );
        }
        let none = [
            ("2004-09-03 06:15:00", "2004-09-03 06:15:01"),
            ("at 1700000001", "at 1700000002"),
            ("version 2023-11-14", "version 2023-11-14"),
            ("17000000019", "17631584029"),
            ("22:14:21", "22:15:21"),
            ("99.99.2023", "no time"),
        ];
        for (first, second) in none {
            let found = times_in_texts(
                first.as_bytes(),
                second.as_bytes(),
                (&WINDOWS.0, &WINDOWS.1),
            );
            assert_eq!(found, None, "{first}");
        }
    }

    #[test]
    fn times_in_bytes_are_little_or_big_endian_or_of_dos() {
        // 22:13:20, 14 November 2023 and 2025.
        let dos = |year: u16| {
            let time = (22_u16 << 11) + (13 << 5) + 10;
            let date = ((year - 1980) << 9) + (11 << 5) + 14;
            [time.to_le_bytes(), date.to_le_bytes()].concat()
        };
        let table = [
            (
                1_700_000_001_u32.to_le_bytes().to_vec(),
                1_763_158_402_u32.to_le_bytes().to_vec(),
                "seconds since 1970, little-endian",
            ),
            (
                1_700_000_001_u32.to_be_bytes().to_vec(),
                1_763_158_402_u32.to_be_bytes().to_vec(),
                "seconds since 1970, big-endian",
            ),
            (dos(2023), dos(2025), "a DOS time"),
        ];
        for (first, second, expected) in table {
            let file = |time: &[u8]| [b"\0\x01\x02", time, b"tail"].concat();
            let found = times_in_bytes(&file(&first), &file(&second), (&WINDOWS.0, &WINDOWS.1));
            assert_eq!(found.map(|(form, at, _)| (form, at)), Some((expected, 3)));
            let grown = [b"more", &file(&second)[..]].concat();
            assert!(times_in_bytes(&file(&first), &grown, (&WINDOWS.0, &WINDOWS.1)).is_some());
            assert_eq!(
                times_in_bytes(&file(&first), &file(&first), (&WINDOWS.0, &WINDOWS.1)),
                None
            );
        }
    }

    #[test]
    fn days_and_dates_lead_to_each_other() {
        for (date, since) in [
            ((1970, 1, 1), 0),
            ((2000, 2, 29), 11_016),
            ((2023, 11, 14), 19_675),
        ] {
            assert_eq!(days(date.0, date.1, date.2), since);
            assert_eq!(civil(since), date);
        }
    }
}
