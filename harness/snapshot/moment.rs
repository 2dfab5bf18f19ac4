//! Dates and times as pages write them.
//!
//! A format is written in the letters of PHP's `date()`: `d.m.Y H:i:s`. A backslash makes a letter stand for itself, `{sk}`
//! and `{cs}` are the names of months in the genitive.

use jiff::civil::{Date, DateTime, Time};

use super::zone::Zone;

/// The formats that are recognised. Of those that fit, the longest text wins; several may fit the same text.
const FORMATS: [&str; 46] = [
    "D, d M Y H:i:s \\G\\M\\T",
    "D, d-M-Y H:i:s \\G\\M\\T",
    "D, d M Y H:i:s +0000",
    "D M d H:i:s Y",
    "Y-m-d\\TH:i:s",
    "Y-m-d H:i:s",
    "Y-m-d H:i",
    "d.m.Y H:i:s",
    "j.n.Y H:i:s",
    "d.m.Y G:i:s",
    "j.n.Y G:i:s",
    "d. m. Y H:i:s",
    "j. n. Y H:i:s",
    "j. n. Y G:i:s",
    "d.m.Y, H:i:s",
    "j.n.Y, H:i:s",
    "d/m/Y H:i:s",
    "m/d/Y H:i:s",
    "d.m.Y H:i",
    "j.n.Y H:i",
    "j.n.Y G:i",
    "j. n. Y H:i",
    "j. n. Y G:i",
    "d.m.Y, H:i",
    "j.n.Y, H:i",
    "d-M-Y H:i",
    "d/m/Y H:i",
    "m/d/Y H:i",
    "d. {sk} Y",
    "j. {sk} Y",
    "d. {cs} Y",
    "j. {cs} Y",
    "d M Y",
    "d. m. Y",
    "j. n. Y",
    "d.m.Y",
    "j.n.Y",
    "Y-m-d",
    "d/m/Y",
    "m/d/Y",
    "d-m-Y",
    "YmdHis",
    "H:i:s",
    "G:i:s",
    "H:i",
    "G:i",
];

/// Seconds since 1970, which only evidence can tell from any other number.
pub const UNIX: &str = "U";

/// The English short names of months.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// The English short names of days.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// The Slovak names of months, genitive.
const SLOVAK: [&str; 12] = [
    "januára",
    "februára",
    "marca",
    "apríla",
    "mája",
    "júna",
    "júla",
    "augusta",
    "septembra",
    "októbra",
    "novembra",
    "decembra",
];
/// The Czech names of months, genitive.
const CZECH: [&str; 12] = [
    "ledna",
    "února",
    "března",
    "dubna",
    "května",
    "června",
    "července",
    "srpna",
    "září",
    "října",
    "listopadu",
    "prosince",
];

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A date, a time, or both, as read from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    date: Option<Date>,
    time: Option<Time>,
    unix: Option<i64>,
    /// How many seconds one value stands for: 1, 60, or a day.
    pub resolution: i64,
    in_utc: bool,
}

/// Finds the longest date or time at the beginning of `text`: its length in bytes and all formats that fit.
pub fn longest(text: &str) -> Option<(usize, Vec<&'static str>)> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || first.is_ascii_uppercase()) {
        return None;
    }
    let mut best: Option<(usize, Vec<&'static str>)> = None;
    for format in FORMATS {
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
    minute: Option<i64>,
    second: Option<i64>,
    unix: Option<i64>,
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
            'Y' => digits(rest, 4, &mut parts.year)?,
            'U' => digits(rest, 10, &mut parts.unix)?,
            'M' => name(rest, &MONTHS, &mut parts.month)?,
            'D' => name(rest, &DAYS, &mut None)?,
            '{' => {
                let language: String = letters
                    .by_ref()
                    .take_while(|&letter| letter != '}')
                    .collect();
                let names = if language == "sk" { &SLOVAK } else { &CZECH };
                name(rest, names, &mut parts.month)?
            }
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
    let time = match (parts.hour, parts.minute) {
        (Some(hour), Some(minute)) => {
            let second = parts.second.unwrap_or_default().try_into().ok()?;
            Some(Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second, 0).ok()?)
        }
        _ => None,
    };
    let resolution = match (parts.unix, time, parts.second) {
        (Some(_), _, _) | (None, Some(_), Some(_)) => 1,
        (None, Some(_), None) => 60,
        (None, None, _) => DAY,
    };
    Some(Moment {
        date,
        time,
        unix: parts.unix,
        resolution,
        in_utc,
    })
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

fn name<'a>(text: &'a str, names: &[&str], part: &mut Option<i64>) -> Option<&'a str> {
    let (index, found) = names
        .iter()
        .enumerate()
        .find(|(_, name)| text.starts_with(**name))?;
    *part = Some(i64::try_from(index).ok()? + 1);
    text.get(found.len()..)
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

    /// Returns by how many seconds it is later than the clock at `now`. A date alone is as far off as its day is; a time
    /// alone is at most half a day off.
    pub fn distance(&self, now: i64, zone: &Zone) -> Option<i64> {
        let utc = Zone::utc();
        let zone = if self.in_utc { &utc } else { zone };
        if let Some(unix) = self.unix {
            return Some(unix - now);
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
            (None, None) => None,
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
        let table: [(&str, &str); 9] = [
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
    fn moments_are_compared_with_the_clock_of_the_zone() {
        let bratislava = Zone::parse("Europe/Bratislava").unwrap();
        let table = [
            ("d.m.Y H:i:s", "24.11.2026 11:22:33", Some(0)),
            ("d.m.Y H:i:s", "24.11.2026 10:22:33", Some(-3600)),
            ("H:i", "11:22", Some(-33)),
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
