//! Dates and times as pages write them.
//!
//! A format is written in the letters of PHP's `date()`: `d.m.Y H:i:s`. A backslash makes a letter stand for itself, `{sk}`
//! and `{cs}` are the names of months in the genitive.

use jiff::civil::{Date, DateTime, Time};

use super::{
    moment_format::{FORMATS, OFFSET_FORMATS, WORD_FORMATS},
    names::{self, Named},
    partial_day::PartialDay,
    zone::Zone,
};

/// Seconds since 1970, which only evidence can tell from any other number.
pub const UNIX: &str = "U";

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// A date, a time, or a part of them, as read from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    date: Option<Date>,
    time: Option<Time>,
    unix: Option<i64>,
    /// A day that is no complete date.
    partial: Option<PartialDay>,
    zone: Option<ZoneSign>,
    /// How many seconds one value stands for: 1, 60, or a day.
    pub resolution: i64,
    in_utc: bool,
}

/// What is said of the time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ZoneSign {
    /// `+0100`, in seconds.
    Offset(i64),
    /// `CET`.
    Abbreviation(&'static str),
}

/// Finds the longest date, time or weekday at the beginning of `text`: its length in bytes and all formats that fit.
pub fn longest(text: &str) -> Option<(usize, Vec<&'static str>)> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return may_begin(text)
            .then(|| longest_of(&FORMATS, text))
            .flatten();
    }
    let end = text
        .find(|character: char| !character.is_alphabetic())
        .unwrap_or(text.len());
    names::is_known(&text[..end])
        .then(|| longest_of(&WORD_FORMATS, text))
        .flatten()
}

/// Finds an offset from UTC at the beginning of `text`. Only beside a time or a zone's name is it one.
pub fn offset(text: &str) -> Option<(usize, Vec<&'static str>)> {
    longest_of(&OFFSET_FORMATS, text)
}

/// Returns the formats of a weekday's short name. Only beside a date or time is it one.
pub fn short_weekday(word: &str) -> Vec<&'static str> {
    if word.len() > names::LONGEST_SHORT {
        return Vec::new();
    }
    names::SHORT_WEEKDAYS
        .into_iter()
        .filter(|format| parse(format, word).is_some())
        .collect()
}

/// Returns whether a number may begin a date or time, by how many digits it has and what stands behind them: most numbers of a page
/// can't, and trying all formats on them takes most of the time of a recording.
fn may_begin(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let behind = text.as_bytes().get(digits).copied().unwrap_or_default();
    match digits {
        1 | 2 => b". /-:%\\".contains(&behind),
        4 => b"-/\\".contains(&behind),
        // The only format without anything in between.
        14 => true,
        _ => false,
    }
}

fn longest_of(candidates: &[&'static str], text: &str) -> Option<(usize, Vec<&'static str>)> {
    let mut best: Option<(usize, Vec<&'static str>)> = None;
    for format in candidates {
        let Some((_, length)) = prefix(format, text) else {
            continue;
        };
        if !ends_well(&text[length..]) {
            continue;
        }
        match &mut best {
            Some((longest, formats)) if *longest == length => formats.push(format),
            Some((longest, _)) if *longest > length => {}
            Some(_) | None => best = Some((length, vec![format])),
        }
    }
    best
}

/// Reads all of `text` in a format.
pub fn parse(format: &str, text: &str) -> Option<Moment> {
    let (moment, length) = prefix(format, text)?;
    (length == text.len()).then_some(moment)
}

fn ends_well(rest: &str) -> bool {
    let mut after = rest.chars();
    match after.next() {
        Some('.' | ':' | ',') => !after.next().is_some_and(|next| next.is_ascii_digit()),
        Some(next) => !next.is_alphanumeric(),
        None => true,
    }
}

/// The parts of a moment while it is read.
#[derive(Default)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: Option<i64>,
    /// The hour of a half day, which only `AM` or `PM` makes one of a day.
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    unix: Option<i64>,
    weekday: Option<i64>,
    zone: Option<ZoneSign>,
}

fn prefix(format: &str, text: &str) -> Option<(Moment, usize)> {
    let mut parts = Parts::default();
    let mut rest = text;
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        rest = match letter {
            'd' => two_digits(rest, &mut parts.day)?,
            'm' => two_digits(rest, &mut parts.month)?,
            'H' => two_digits(rest, &mut parts.hour)?,
            'i' => two_digits(rest, &mut parts.minute)?,
            's' => two_digits(rest, &mut parts.second)?,
            'j' => short_digits(rest, &mut parts.day)?,
            'n' => short_digits(rest, &mut parts.month)?,
            'G' => short_digits(rest, &mut parts.hour)?,
            'h' => two_digits(rest, &mut parts.half_hour)?,
            'g' => short_digits(rest, &mut parts.half_hour)?,
            'A' => half_of_day(rest, ["AM", "PM"], &mut parts.afternoon)?,
            'a' => half_of_day(rest, ["am", "pm"], &mut parts.afternoon)?,
            'Y' => digits(rest, 4, &mut parts.year)?,
            'U' => digits(rest, 10, &mut parts.unix)?,
            'M' => name(rest, "En-mon", &mut parts)?,
            'D' => name(rest, "En-short", &mut parts)?,
            '{' => {
                let key: String = letters
                    .by_ref()
                    .take_while(|&letter| letter != '}')
                    .collect();
                name(rest, &key, &mut parts)?
            }
            'T' => {
                let (zone, rest) = names::read_zone(rest)?;
                parts.zone = Some(ZoneSign::Abbreviation(zone));
                rest
            }
            'O' => utc_offset(rest, "", &mut parts.zone)?,
            'P' => utc_offset(rest, ":", &mut parts.zone)?,
            '\\' => rest.strip_prefix(letters.next()?)?,
            literal => rest.strip_prefix(literal)?,
        };
    }
    let moment = assemble(
        &parts,
        format.contains("\\G\\M\\T") || format.ends_with("+0000"),
    )?;
    Some((moment, text.len() - rest.len()))
}

fn assemble(parts: &Parts, in_utc: bool) -> Option<Moment> {
    let date = match (parts.year, parts.month, parts.day) {
        (Some(year), Some(month), Some(day)) => {
            let (year, month, day) = (
                year.try_into().ok()?,
                month.try_into().ok()?,
                day.try_into().ok()?,
            );
            Some(Date::new(year, month, day).ok()?)
        }
        _ => None,
    };
    let time = match (parts.hour.or_else(|| hour_of_day(parts)), parts.minute) {
        (Some(hour), Some(minute)) => {
            let second = parts.second.unwrap_or_default().try_into().ok()?;
            Some(Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second, 0).ok()?)
        }
        _ => None,
    };
    if let (Some(date), Some(weekday)) = (date, parts.weekday)
        && i64::from(date.weekday().to_monday_one_offset()) != weekday
    {
        return None;
    }
    let says_day = parts.month.is_some() || parts.weekday.is_some();
    let partial = (date.is_none() && says_day).then_some(PartialDay {
        year: parts.year,
        month: parts.month,
        day: parts.day,
        weekday: parts.weekday,
    });
    if let Some(partial) = partial
        && !partial.exists()
    {
        return None;
    }
    let resolution = match (parts.unix, time, parts.second) {
        (Some(_), _, _) | (None, Some(_), Some(_)) => 1,
        (None, Some(_), None) => 60,
        (None, None, _) => DAY,
    };
    Some(Moment {
        date,
        time,
        unix: parts.unix,
        partial,
        zone: parts.zone,
        resolution,
        in_utc,
    })
}

/// Reads `AM` or `PM`.
fn half_of_day<'a>(
    text: &'a str,
    words: [&str; 2],
    afternoon: &mut Option<bool>,
) -> Option<&'a str> {
    let [before, after] = words;
    let (is_afternoon, rest) = match text.strip_prefix(before) {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix(after)?),
    };
    *afternoon = Some(is_afternoon);
    Some(rest)
}

/// Makes `12:51 AM` ten to one at night.
fn hour_of_day(parts: &Parts) -> Option<i64> {
    let hour = parts.half_hour.filter(|hour| (1..=12).contains(hour))?;
    Some(hour % 12 + if parts.afternoon? { 12 } else { 0 })
}

fn digits<'a>(text: &'a str, count: usize, part: &mut Option<i64>) -> Option<&'a str> {
    let number = text.get(..count)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *part = Some(number.parse().ok()?);
    text.get(count..)
}

fn two_digits<'a>(text: &'a str, part: &mut Option<i64>) -> Option<&'a str> {
    digits(text, 2, part)
}

/// One or two digits, without a leading zero.
fn short_digits<'a>(text: &'a str, part: &mut Option<i64>) -> Option<&'a str> {
    let count = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if count == 0 || (count == 2 && text.starts_with('0')) {
        return None;
    }
    digits(text, count, part)
}

fn name<'a>(text: &'a str, key: &str, parts: &mut Parts) -> Option<&'a str> {
    let (number, named, rest) = names::read(key, text)?;
    match named {
        Named::Month => parts.month = Some(number),
        Named::Weekday => parts.weekday = Some(number),
    }
    Some(rest)
}

/// Reads `+0100`, or `+01:00`.
fn utc_offset<'a>(text: &'a str, separator: &str, zone: &mut Option<ZoneSign>) -> Option<&'a str> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (mut hours, mut minutes) = (None, None);
    let rest = two_digits(rest, &mut hours)?.strip_prefix(separator)?;
    let rest = two_digits(rest, &mut minutes)?;
    let (hours, minutes) = (hours?, minutes?);
    if hours > 14 || ![0, 30, 45].contains(&minutes) {
        return None;
    }
    *zone = Some(ZoneSign::Offset(sign * (hours * 3600 + minutes * 60)));
    Some(rest)
}

impl Moment {
    /// Returns whether it says a time, not only a date.
    pub fn has_time(&self) -> bool {
        self.time.is_some() || self.unix.is_some()
    }

    /// Returns whether it names one second, whatever the day.
    pub fn is_complete(&self) -> bool {
        self.unix.is_some() || (self.time.is_some() && self.date.is_some())
    }

    /// Returns whether it says which day it is.
    pub fn has_day(&self) -> bool {
        self.date.is_some() || self.partial.is_some() || self.unix.is_some()
    }

    /// Returns whether its text says that it is in UTC.
    pub fn is_in_utc(&self) -> bool {
        self.in_utc
    }

    /// Returns whether it says a time zone and nothing else.
    pub fn is_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// Returns by how many seconds it is later than the clock at `now`. A day is as far off as its date is; a time alone is
    /// at most half a day off, a weekday half a week. A zone's offset is as far off as the clock of that zone would be.
    pub fn distance(&self, now: i64, zone: &Zone) -> Option<i64> {
        let utc = Zone::utc();
        let zone = if self.in_utc { &utc } else { zone };
        if let Some(unix) = self.unix {
            return Some(unix - now);
        }
        if let Some(sign) = self.zone {
            return match sign {
                ZoneSign::Offset(seconds) => Some(seconds - zone.offset(now)?),
                ZoneSign::Abbreviation(name) => (zone.abbreviation(now)? == name).then_some(0),
            };
        }
        match (self.date, self.time) {
            (Some(date), Some(time)) => Some(zone.second(DateTime::from_parts(date, time))? - now),
            (Some(date), None) => {
                let today = zone.date(now)?;
                Some(date.duration_since(today).as_secs())
            }
            (None, Some(time)) => {
                let clock = zone.local(now)?.time();
                let difference = time.duration_since(clock).as_secs();
                Some((difference + DAY / 2).rem_euclid(DAY) - DAY / 2)
            }
            (None, None) => self.partial?.distance(zone.date(now)?),
        }
    }

    /// Returns whether it is what the clock shows within `early` seconds before and `late` seconds after `now`.
    pub fn agrees(&self, now: i64, zone: &Zone, offset: i64, tolerance: i64) -> bool {
        if self.resolution == DAY {
            return [now + offset - tolerance, now + offset + tolerance]
                .into_iter()
                .any(|second| self.distance(second, zone) == Some(0));
        }
        self.distance(now, zone).is_some_and(|distance| {
            let off = distance - offset;
            (-(tolerance + self.resolution - 1)..=tolerance).contains(&off)
        })
    }
}

/// Writes the clock at `now` in a format, for messages.
pub fn describe(now: i64, zone: &Zone) -> String {
    match zone.local(now) {
        Some(local) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} {zone}",
            local.year(),
            local.month(),
            local.day(),
            local.hour(),
            local.minute(),
            local.second()
        ),
        None => format!("second {now}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 10:22:33 UTC.
    const NOW: i64 = 1_795_515_753;

    #[test]
    fn the_longest_format_is_found_and_all_that_fit_it() {
        let table: [(&str, &str); 16] = [
            (
                "24.11.2026 11:22:33 x",
                "24.11.2026 11:22:33|d.m.Y H:i:s j.n.Y H:i:s d.m.Y G:i:s j.n.Y G:i:s",
            ),
            ("4.11.2026", "4.11.2026|j.n.Y"),
            ("04.11.2026", "04.11.2026|d.m.Y"),
            (
                "Tue, 24 Nov 2026 10:22:33 GMT",
                "Tue, 24 Nov 2026 10:22:33 GMT|D, d M Y H:i:s \\G\\M\\T",
            ),
            ("24. novembra 2026", "24. novembra 2026|d. {sk} Y j. {sk} Y"),
            ("9:05 ", "9:05|G:i"),
            ("192.168.1.1", ""),
            ("12:51 AM<", "12:51 AM|h:i A g:i A"),
            ("9:05pm", "9:05pm|g:ia"),
            ("23%3A48%2C", "23%3A48|H%3\\Ai"),
            ("25.+november+2026", "25.+november+2026|j.+{sk-month}+Y"),
            (
                r"2026\/11\/26 05:22\/\/",
                r"2026\/11\/26 05:22|Y\\/m\\/d H:i",
            ),
            (r"26\/11\/2026\n", r"26\/11\/2026|d\\/m\\/Y"),
            ("26. nov. 2026 04:22", "26. nov. 2026|j. {sk-mon}. Y"),
            ("99.99.2026", ""),
            (
                "2026-11-24T11:22:33+01:00",
                "2026-11-24T11:22:33|Y-m-d\\TH:i:s",
            ),
        ];
        for (text, expected) in table {
            let found = longest(text).map_or(String::new(), |(length, formats)| {
                format!("{}|{}", &text[..length], formats.join(" "))
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_begins_a_format_is_never_passed_over() {
        for format in FORMATS {
            let mut sample = String::new();
            let mut letters = format.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    'd' | 'm' | 'H' | 'i' | 's' | 'h' => sample.push_str("11"),
                    'j' | 'n' | 'G' | 'g' => sample.push('9'),
                    'Y' => sample.push_str("2026"),
                    '\\' => sample.extend(letters.next()),
                    other => sample.push(other),
                }
            }
            assert!(may_begin(&sample), "{format}: {sample}");
        }
        for number in ["100", "5</p>", "3,5", "2026.", "192.168", "12345-6"] {
            assert_eq!(longest(number), None, "{number}");
        }
    }

    #[test]
    fn moments_are_compared_with_the_clock_of_the_zone() {
        let bratislava = Zone::parse("Europe/Bratislava").unwrap();
        let table = [
            ("d.m.Y H:i:s", "24.11.2026 11:22:33", Some(0)),
            ("d.m.Y H:i:s", "24.11.2026 10:22:33", Some(-3600)),
            ("H:i", "11:22", Some(-33)),
            ("g:i A", "11:22 AM", Some(-33)),
            ("g:i A", "12:22 AM", Some(-39_633)),
            ("h:i a", "11:22 pm", Some(43_167)),
            ("d.m.Y", "24.11.2026", Some(0)),
            ("d.m.Y", "23.11.2026", Some(-86_400)),
            ("U", "1795515753", Some(0)),
            (
                "D, d M Y H:i:s \\G\\M\\T",
                "Tue, 24 Nov 2026 10:22:33 GMT",
                Some(0),
            ),
        ];
        for (format, text, expected) in table {
            let moment = parse(format, text).unwrap();
            assert_eq!(moment.distance(NOW, &bratislava), expected, "{text}");
        }
        let minute = parse("H:i", "11:22").unwrap();
        assert!(minute.agrees(NOW, &bratislava, 0, 0));
        assert!(!minute.agrees(NOW + 60, &bratislava, 0, 0));
        assert!(minute.agrees(NOW + 60, &bratislava, 0, 120));
        let yesterday = parse("d.m.Y", "23.11.2026").unwrap();
        assert!(!yesterday.agrees(NOW, &bratislava, 0, 120));
        assert_eq!(
            describe(NOW, &bratislava),
            "2026-11-24 11:22:33 Europe/Bratislava"
        );
    }
}
