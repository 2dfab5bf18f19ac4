//! The old server's time zone, where the project does not name it: found in its own pages.

use std::collections::BTreeMap;

use super::token::Known;
use crate::snapshot::{Zone, moment};

/// Finds the old server's offset from UTC in its own pages: complete times that run with the head's `Date`.
pub(super) fn zone_of(rounds: &[Vec<(String, i64)>]) -> Option<Zone> {
    let mut votes: BTreeMap<i64, usize> = BTreeMap::new();
    for (number, round) in rounds.iter().enumerate() {
        for (text, now) in round {
            let known = Known {
                authority: "\u{0}",
                secrets: &[],
                written: &[],
            };
            for found in text
                .lines()
                .flat_map(|line| super::token::tokens(line, &known))
            {
                let super::token::TokenKind::Moment(formats) = &found.kind else {
                    continue;
                };
                let elsewhere = rounds.iter().enumerate().any(|(other, round)| {
                    other != number && round.iter().any(|(text, _)| text.contains(found.text))
                });
                let Some(offset) = formats
                    .first()
                    .and_then(|format| offset(format, found.text, *now))
                else {
                    continue;
                };
                if !elsewhere {
                    *votes.entry(offset).or_default() += 1;
                }
            }
        }
    }
    let (offset, _) = votes
        .into_iter()
        .max_by_key(|(offset, votes)| (*votes, -offset.abs()))?;
    Zone::fixed(i32::try_from(offset).ok()?)
}

/// Returns the offset from UTC that makes a moment the clock, where one does.
fn offset(format: &str, text: &str, now: i64) -> Option<i64> {
    const QUARTER: i64 = 900;
    let moment = moment::parse(format, text)?;
    if moment.resolution != 1 || format.contains("\\G") || format == moment::UNIX {
        return None;
    }
    let distance = moment.distance(now, &Zone::utc())?;
    let offset = (distance + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
    let is_clock = (distance - offset).abs() <= super::evidence::SLACK && offset.abs() <= 14 * 3600;
    is_clock.then_some(offset)
}
