//! What tells a clock on a page from a fixed date.

use std::collections::BTreeMap;

use super::{
    evidence::{Learner, SLACK, Sight},
    kind::round_offset,
    token::{Token, TokenKind, tokens},
};
use crate::snapshot::{ClockZone, HoleKind, Zone, moment, moment::Moment, weekday};

/// How much of the text before and behind a date says in which place of a list it stands.
const BEFORE: usize = 12;
/// The same behind it.
const BEHIND: usize = 6;

/// Words before a day of the week that make it an appointment: `v piatok`.
const PREPOSITIONS: [&str; 14] = [
    "v", "vo", "ve", "na", "do", "od", "po", "pred", "o", "každý", "on", "every", "am", "bis",
];

/// Where a token stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The text around it.
    around: (String, String),
    /// By which time the date or time goes that stands right beside it, where that is the clock.
    beside_clock: Option<ClockZone>,
    /// Whether the time that stands right beside it is not the clock.
    beside_other: bool,
    /// Whether it is a day of the week that a preposition makes an appointment.
    is_appointment: bool,
}

/// What a page says of days.
#[derive(Clone, Debug, Default)]
pub(super) struct PageDays {
    /// The days of the week that stand alone.
    weekdays: Vec<i64>,
    /// For the surroundings of dates that are not today's: a list of data.
    lists: BTreeMap<(String, String), usize>,
}

impl Place {
    /// Describes the place of a token in its line.
    pub(super) fn of(row: &[Token<'_>], index: usize, now: i64, zone: &Zone) -> Self {
        let join =
            |tokens: &[Token<'_>]| -> String { tokens.iter().map(|token| token.text).collect() };
        let before: Vec<char> = join(&row[..index]).chars().collect();
        let behind: String = join(&row[index + 1..]).chars().take(BEHIND).collect();
        let word = before
            .split(|character| !character.is_alphanumeric())
            .rfind(|word| !word.is_empty());
        let word: String = word.unwrap_or_default().iter().collect();
        let blanks = before
            .iter()
            .rev()
            .take_while(|character| **character == ' ')
            .count();
        Self {
            around: (
                before[before.len().saturating_sub(BEFORE)..]
                    .iter()
                    .collect(),
                behind,
            ),
            beside_clock: beside(row.iter().skip(index + 1), now, zone).max(beside(
                row[..index].iter().rev(),
                now,
                zone,
            )),
            beside_other: is_before_other_time(&row[index + 1..], now, zone),
            is_appointment: blanks == 1 && PREPOSITIONS.contains(&word.to_lowercase().as_str()),
        }
    }
}

/// Tells by which time the next token that is no blank or dot is a date or time of now.
fn beside<'t>(
    tokens: impl Iterator<Item = &'t Token<'t>>,
    now: i64,
    zone: &Zone,
) -> Option<ClockZone> {
    for token in tokens.take(4) {
        match &token.kind {
            TokenKind::Moment(formats) => return clock_of(token.text, formats, now, zone),
            TokenKind::Other if !["<", ">", "\n"].contains(&token.text) => {}
            // A comma and a blank in a link, behind their `%`.
            TokenKind::Word if ["2C", "20"].contains(&token.text) => {}
            TokenKind::Other
            | TokenKind::Decimal
            | TokenKind::Word
            | TokenKind::Server(_)
            | TokenKind::Secret
            | TokenKind::Written(_) => return None,
        }
    }
    None
}

/// Tells by which time a date or time is that of now.
fn clock_of(text: &str, formats: &[&'static str], now: i64, zone: &Zone) -> Option<ClockZone> {
    let agrees = |zone: &Zone| {
        formats.iter().any(|format| {
            moment::parse(format, text)
                .is_some_and(|moment| !moment.is_zone() && moment.agrees(now, zone, 0, SLACK))
        })
    };
    if agrees(zone) {
        Some(ClockZone::Own)
    } else if agrees(&Zone::utc()) {
        Some(ClockZone::Utc)
    } else {
        None
    }
}

/// Tells whether a time that is not the clock comes next, as in `24.11.2026 at 09:00`: both are one moment of the past. A time with a dash
/// behind it is the beginning of something, on whatever day.
fn is_before_other_time(behind: &[Token<'_>], now: i64, zone: &Zone) -> bool {
    let joins = |token: &Token<'_>| [" ", ",", "at", "o", "um", "v"].contains(&token.text);
    let gap = behind
        .iter()
        .take(3)
        .take_while(|token| joins(token))
        .count();
    let Some((time, rest)) = behind.get(gap..).and_then(<[_]>::split_first) else {
        return false;
    };
    let TokenKind::Moment(formats) = &time.kind else {
        return false;
    };
    let is_time = formats.iter().any(|format| {
        moment::parse(format, time.text)
            .is_some_and(|moment| moment.has_time() && !moment.has_day())
    });
    let next = rest
        .iter()
        .map(|token| token.text)
        .find(|text| *text != " ");
    let begins = matches!(next, Some("-" | "–" | "až" | "do" | "to"));
    gap > 0 && is_time && !begins && clock_of(time.text, formats, now, zone).is_none()
}

impl PageDays {
    /// Reads the dates and days of a page.
    pub(super) fn of(sight: &Sight<'_>, zone: &Zone) -> Self {
        let mut days = Self::default();
        for line in sight.text.split_inclusive('\n') {
            let row = tokens(line, &sight.known);
            for (index, token) in row.iter().enumerate() {
                let TokenKind::Moment(formats) = &token.kind else {
                    continue;
                };
                let place = Place::of(&row, index, sight.now, zone);
                if let Some(weekday) = weekday(token.text) {
                    if place.beside_clock.is_none() && !place.is_appointment {
                        days.weekdays.push(weekday);
                    }
                    continue;
                }
                let moments: Vec<Moment> = formats
                    .iter()
                    .filter_map(|format| moment::parse(format, token.text))
                    .collect();
                let is_day = moments.iter().any(is_day);
                // Around midnight another day is today by UTC; only a time beside it tells.
                let by_utc = place.beside_clock == Some(ClockZone::Utc);
                let is_today = moments.iter().any(|moment| {
                    moment.agrees(sight.now, zone, 0, SLACK)
                        || (by_utc && moment.agrees(sight.now, &Zone::utc(), 0, SLACK))
                });
                if is_day && !is_today {
                    *days.lists.entry(place.around).or_default() += 1;
                }
            }
        }
        days.weekdays.sort_unstable();
        days.weekdays.dedup();
        days
    }

    /// Tells whether a date or weekday that did not vary is data of the page, not its clock: one of a list, or an appointment.
    pub(super) fn are_data(&self, formats: &[&'static str], place: &Place) -> bool {
        let is_weekday = formats.iter().any(|format| format.ends_with("-day}"));
        if is_weekday {
            return place.beside_clock.is_none()
                && (self.weekdays.len() > 1 || place.is_appointment);
        }
        formats.iter().all(|format| says_day_only(format))
            && (place.beside_other || self.lists.contains_key(&place.around))
    }
}

/// Whether a moment says a day and no time.
fn is_day(moment: &Moment) -> bool {
    moment.has_day() && !moment.has_time()
}

/// Whether a format says a day and no time.
fn says_day_only(format: &str) -> bool {
    !format.contains('i') || format.contains('{')
}

/// Whether a format says a time of day, which another minute would change.
fn is_short(format: &str) -> bool {
    !says_day_only(format)
}

impl Learner<'_> {
    /// Tells whether moments are the clock, in the server's zone or in UTC.
    fn clock_of_now(
        &mut self,
        formats: &[&'static str],
        texts: &[&str],
        nows: &[i64],
        same: bool,
        place: &Place,
    ) -> Option<HoleKind> {
        for zone in [ClockZone::Own, ClockZone::Utc] {
            let formats = match zone {
                ClockZone::Own => agreeing(formats, texts, nows, self.zone, 0),
                ClockZone::Utc => agreeing(formats, texts, nows, &Zone::utc(), 0),
            };
            let is_day = formats.iter().all(|format| says_day_only(format));
            // Around midnight another day is the clock's of UTC too; only a time beside it tells.
            let is_other = match zone {
                ClockZone::Own => is_day && place.beside_clock == Some(ClockZone::Utc),
                ClockZone::Utc => is_day && same && place.beside_clock != Some(ClockZone::Utc),
            };
            if formats.is_empty() || is_other {
                continue;
            }
            let stood_still = same && nows.len() > 1;
            self.doubt.clock |= stood_still && formats.iter().any(|format| is_short(format));
            return Some(HoleKind::Clock {
                formats,
                offset: 0,
                zone,
            });
        }
        None
    }

    /// Tells whether moments are the server's clock, or lie in the last two days.
    pub(super) fn clock(
        &mut self,
        formats: &[&'static str],
        texts: &[&str],
        nows: &[i64],
        same: bool,
        place: &Place,
    ) -> Option<HoleKind> {
        if let Some(kind) = self.clock_of_now(formats, texts, nows, same, place) {
            return Some(kind);
        }
        if same {
            return None;
        }
        let (format, text, now) = (formats.first()?, texts.first()?, nows.first()?);
        let first = moment::parse(format, text)?;
        let distance = first.distance(*now, self.zone)?;
        // A minute's beginning is up to a minute before the clock.
        let offset = if first.resolution == 60 {
            distance + 30
        } else {
            distance
        };
        let offset = round_offset(offset);
        let formats_later = agreeing(formats, texts, nows, self.zone, offset);
        if first.is_complete() && !formats_later.is_empty() {
            return Some(HoleKind::Clock {
                formats: formats_later,
                offset,
                zone: ClockZone::Own,
            });
        }
        let recent = formats.iter().filter(|format| {
            texts.iter().zip(nows).all(|(text, now)| {
                moment::parse(format, text)
                    .and_then(|moment| moment.distance(*now, self.zone))
                    .is_some_and(|distance| (-2 * 86_400..=SLACK).contains(&distance))
            })
        });
        let formats: Vec<String> = recent.map(|format| (*format).to_owned()).collect();
        (!formats.is_empty()).then_some(HoleKind::Recent { formats })
    }
}

/// Returns the formats in which the texts are the clock of a zone, or later than it by `offset`.
fn agreeing(
    formats: &[&'static str],
    texts: &[&str],
    nows: &[i64],
    zone: &Zone,
    offset: i64,
) -> Vec<String> {
    formats
        .iter()
        .filter(|format| {
            texts.iter().zip(nows).all(|(text, now)| {
                moment::parse(format, text)
                    .is_some_and(|moment| moment.agrees(*now, zone, offset, SLACK))
            })
        })
        .map(|format| (*format).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::token::Known;

    #[test]
    fn lists_and_appointments_are_told_from_the_clock() {
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let known = Known {
            authority: "192.0.2.10",
            secrets: &[],
            written: &[],
        };
        let data_at = |now: i64, text: &str, wanted: &str| {
            let sight = Sight { text, now, known };
            let days = PageDays::of(&sight, &zone);
            let line = text.lines().find(|line| line.contains(wanted)).unwrap();
            let row = tokens(line, &known);
            let index = row.iter().position(|token| token.text == wanted).unwrap();
            let TokenKind::Moment(formats) = &row[index].kind else {
                panic!("{wanted} is no moment");
            };
            days.are_data(formats, &Place::of(&row, index, sight.now, &zone))
        };
        let data = |text: &str, wanted: &str| data_at(1_795_515_753, text, wanted);
        assert!(!data("<p>deň: utorok</p>", "utorok"));
        assert!(data("<td>Pondelok\n<td>Utorok\n<td>Streda\n", "Utorok"));
        assert!(data("stretnutie bude v utorok", "utorok"));
        assert!(!data(
            "Dnes je utorok 24.11.2026, v piatok je zber",
            "utorok"
        ));
        assert!(!data("streda a utorok 24. novembra 2026", "utorok"));
        assert!(!data("Dnes je 24.11.2026", "24.11.2026"));
        for line in [
            "Creation Nov 24, 2026 at 09:27 AM",
            "zapísané Nov 24, 2026, 07:15",
        ] {
            assert!(data(line, "Nov 24, 2026"), "{line}");
        }
        for line in [
            "Nov 24, 2026 at 11:22 AM",
            "Nov 24, 2026 08:00 - 16:00",
            "Nov 24, 2026 08:00–16:00",
            "Nov 24, 2026 (od 08:00)",
        ] {
            assert!(!data(line, "Nov 24, 2026"), "{line}");
        }
        assert!(data(
            "<td right>24.11.2026</td>\n<td right>2.9.2004</td>",
            "24.11.2026"
        ));
        // 26 November, 23:51 UTC: in Bratislava it is the 27th already.
        let late = |text: &str| data_at(1_795_737_060, text, "26. november 2026");
        assert!(!late("od 23:51, 26. november 2026"));
        assert!(!late("from=23%3A51%2C+26. november 2026"));
        assert!(late("od 20:15, 26. november 2026"));
    }
}
