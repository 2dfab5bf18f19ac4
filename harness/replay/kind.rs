//! Which kind of hole values of several rounds make.

use super::{
    evidence::SLACK,
    token::{Token, TokenKind},
};
use crate::snapshot::{Alphabet, HoleKind, different, token_length};

/// Durations are measured to so many decimals or more; prices and averages have fewer.
pub(super) const FINE_DECIMALS: usize = 4;

/// A time of zero with so many decimals was measured; with fewer it may have been written.
const UNMEASURABLE_DECIMALS: usize = 3;

/// What stands behind measured times.
const UNITS_OF_TIME: [&str; 10] = [
    "s", "ms", "sec", "secs", "second", "seconds", "sekúnd", "sekundy", "sekund", "Sekunden",
];

/// Rounds an offset so that it is the same in every recording: expiries are whole minutes or hours.
pub(super) fn round_offset(offset: i64) -> i64 {
    let minute = (offset + 30).div_euclid(60) * 60;
    if (offset - minute).abs() <= SLACK {
        minute
    } else {
        offset
    }
}

/// Returns the formats that fit the moments of all rounds.
pub(super) fn common_formats(column: &[&Token<'_>]) -> Option<Vec<&'static str>> {
    let mut common: Option<Vec<&'static str>> = None;
    for token in column {
        let TokenKind::Moment(formats) = &token.kind else {
            return None;
        };
        common = Some(match common {
            None => formats.clone(),
            Some(known) => known
                .into_iter()
                .filter(|format| formats.contains(format))
                .collect(),
        });
    }
    common.filter(|formats| !formats.is_empty())
}

/// Returns the kind of values that are measured durations.
pub(super) fn duration(texts: &[&str]) -> Option<HoleKind> {
    let mut separators = Vec::new();
    let (mut most, mut largest) = (0, 0_u64);
    for text in texts {
        let separator = text.find(['.', ','])?;
        let (whole, decimals) = (
            text[..separator].parse::<u64>().ok()?,
            &text[separator + 1..],
        );
        if decimals.is_empty() || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        separators.push(text.as_bytes()[separator]);
        most = most.max(decimals.len());
        largest = largest.max(whole);
    }
    separators.dedup();
    let [separator] = separators.as_slice() else {
        return None;
    };
    Some(HoleKind::Duration {
        separator: char::from(*separator),
        // PHP drops zeros at the end, so that the number of decimals varies by itself.
        least: 1,
        most: most + 1,
        below: if largest < 60 {
            60
        } else {
            largest.checked_mul(10)?
        },
    })
}

/// Whether a number that stood still looks like the time that a page took: less than a minute, finely measured.
pub(super) fn may_be_duration(token: &Token<'_>) -> bool {
    let text = [token.text];
    token.kind == TokenKind::Decimal
        && matches!(duration(&text), Some(HoleKind::Duration { most, below: 60, .. }) if most > FINE_DECIMALS)
}

/// Whether a number is a time too short for its decimals, `0.000 seconds`: it was measured, however often it is seen.
pub(super) fn is_unmeasurable(row: &[Token<'_>], index: usize) -> bool {
    let Some((token, rest)) = row.get(index..).and_then(<[_]>::split_first) else {
        return false;
    };
    let decimals = token.text.split(['.', ',']).nth(1).unwrap_or_default();
    let unit: String = rest
        .iter()
        .flat_map(|token| token.text.chars())
        .skip_while(|character| character.is_whitespace())
        .take_while(|character| character.is_alphabetic())
        .collect();
    token.kind == TokenKind::Decimal
        && decimals.len() >= UNMEASURABLE_DECIMALS
        && !token
            .text
            .contains(|character: char| matches!(character, '1'..='9'))
        && UNITS_OF_TIME.contains(&unit.as_str())
}

/// Words that differ in one number only: `row_17_open` and `row_18_open`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered<'t> {
    /// What they share before it.
    pub(super) stem: &'t str,
    /// The numbers.
    pub(super) numbers: Vec<&'t str>,
    /// What they share behind it.
    pub(super) tail: &'t str,
}

/// Finds the number in which words differ.
pub(super) fn numbered<'t>(texts: &[&'t str]) -> Option<Numbered<'t>> {
    let first = *texts.first()?;
    let same =
        |length: usize, text: &&str| text.as_bytes().get(length) == first.as_bytes().get(length);
    let shared = (0..first.len())
        .take_while(|length| texts.iter().all(|text| same(*length, text)))
        .count();
    let stem = first
        .get(..shared)?
        .trim_end_matches(|last: char| last.is_ascii_digit());
    let number = |text: &'t str| {
        let rest = text.strip_prefix(stem)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        Some(rest.split_at(digits))
    };
    let parts: Vec<(&str, &str)> = texts
        .iter()
        .map(|text| number(text))
        .collect::<Option<_>>()?;
    let (_, tail) = *parts.first()?;
    let numbers: Vec<&str> = parts.iter().map(|(number, _)| *number).collect();
    let is_stem = stem.ends_with(|last: char| last.is_alphabetic() || last == '_');
    let is_tail = tail.is_empty() || tail.starts_with('_');
    let are_numbers = self::number(&numbers).is_some() && numbers.iter().all(|one| !one.is_empty());
    let is_same = parts.iter().all(|(_, other)| *other == tail);
    (is_stem && is_tail && is_same && are_numbers).then_some(Numbered {
        stem,
        numbers,
        tail,
    })
}

/// Returns the kind of a cookie's `Max-Age`, which PHP counts from its expiry: it is one less where a second ends in between.
pub(super) fn age(row: &[Token<'_>], index: usize, texts: &[&str]) -> Option<HoleKind> {
    let before: Vec<&str> = row[index.checked_sub(4)?..index]
        .iter()
        .map(|token| token.text)
        .collect();
    let ages: Vec<u64> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let most = *ages.iter().max()?;
    let are_near = ages.len() == texts.len() && ages.iter().all(|age| *age > 0 && most - age <= 1);
    (before == ["Max", "-", "Age", "="] && are_near).then_some(HoleKind::Age { value: most })
}

/// A number with so many digits less than any that was seen is another one.
const LOST_DIGITS: usize = 3;

/// Returns the kind of values that are numbers.
pub(super) fn number(texts: &[&str]) -> Option<HoleKind> {
    let all = texts.iter().all(|text| {
        (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    // A busy server takes a hundred times as long, not more.
    let most = texts.iter().map(|text| text.len()).max()? + 2;
    // A number that is drawn has three digits less once in a thousand times.
    let least = texts.iter().map(|text| text.len()).min()?;
    let least = match least.saturating_sub(LOST_DIGITS) {
        0 | 1 => 0,
        least => least,
    };
    all.then_some(HoleKind::Number { least, most })
}

/// How many hexadecimal digits write the second since 1970.
const STAMP: usize = 8;

/// Whether tokens of all rounds hold the server's clock in hexadecimal or decimal digits: they are drawn anew every second, so that two of them
/// are the same where two pages were made in one second, and only there.
pub(super) fn is_stamped(texts: &[&str], nows: &[i64]) -> bool {
    let is_now = |second: i64, now: i64| (now - SLACK..=now + SLACK).contains(&second);
    let holds = |text: &str, now: i64| {
        let bytes = text.as_bytes();
        let number = |window: &[u8], radix: u32| {
            let digits = std::str::from_utf8(window).ok()?;
            i64::from_str_radix(digits, radix).ok()
        };
        let found = |length: usize, radix: u32| {
            let mut windows = bytes.windows(length).take(128);
            windows.any(|window| number(window, radix).is_some_and(|second| is_now(second, now)))
        };
        found(STAMP, 16) || found(10, 10)
    };
    texts.iter().zip(nows).all(|(text, now)| holds(text, *now))
}

/// Returns the kind of values that are tokens: long enough, of one alphabet, and not plain words.
pub(super) fn token(texts: &[&str], shortest: usize) -> Option<HoleKind> {
    let least = texts.iter().map(|text| token_length(text)).min()?;
    let most = texts.iter().map(|text| token_length(text)).max()?;
    let has_digit = texts
        .iter()
        .any(|text| text.bytes().any(|byte| byte.is_ascii_digit()));
    if least < shortest || most > 1024 || (!has_digit && least < 16) {
        return None;
    }
    let alphabet = Alphabet::ALL
        .into_iter()
        .find(|alphabet| texts.iter().all(|text| alphabet.holds(text)))?;
    Some(HoleKind::Token {
        alphabet,
        least,
        most,
        variety: match texts.iter().map(|text| different(text)).min()? {
            8.. if least >= 24 => 4,
            3.. => 2,
            _ => 0,
        },
    })
}
