//! What a page says of date, time or time zone, checked against the clock.

use super::{
    hole::{HoleKind, Misfit, Surroundings},
    moment::{self, Moment},
    zone::Zone,
};

/// Checks the text of a clock hole.
pub(super) fn check(
    kind: &HoleKind,
    formats: &[String],
    offset: i64,
    value: &str,
    surroundings: &Surroundings<'_>,
) -> Result<(), Misfit> {
    let moments: Vec<Moment> = formats
        .iter()
        .filter_map(|format| moment::parse(format, value))
        .collect();
    let Surroundings {
        now,
        zone,
        tolerance,
        ..
    } = *surroundings;
    if moments
        .iter()
        .any(|moment| moment.agrees(now, zone, offset, tolerance))
    {
        return Ok(());
    }
    let is_zone = moments.iter().any(Moment::is_zone);
    let in_utc = moments.iter().any(Moment::is_in_utc);
    let off = moments
        .iter()
        .filter_map(|moment| Some((moment.distance(now, zone)? - offset, moment.has_time())))
        .min_by_key(|(off, _)| off.abs());
    let cause = match off {
        _ if is_zone => Some(format!(
            "time zone: the old server's clock is {} now; the candidate's /etc/localtime, TZ or PHP's date.timezone is another",
            zone_now(surroundings)
        )),
        Some((off, true)) if in_utc => Some(format!(
            "the time is {off} s off, in GMT, whatever the time zone: the candidate's clock is wrong, or how long a page or cookie lives"
        )),
        Some((off, has_time)) => Some(cause(off, has_time, tolerance)),
        None => None,
    };
    let utc = Zone::utc();
    let shown = Surroundings {
        zone: if in_utc { &utc } else { zone },
        ..*surroundings
    };
    Err(Misfit {
        aspect: if is_zone { "time zone" } else { "time" },
        expected: kind.describe(&shown),
        cause,
    })
}

/// Says what the old server's clock would write for the zone.
fn zone_now(surroundings: &Surroundings<'_>) -> String {
    let Surroundings { now, zone, .. } = *surroundings;
    let seconds = zone.offset(now).unwrap_or_default();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!(
        "{} {sign}{:02}{:02}",
        zone.abbreviation(now).unwrap_or_default(),
        minutes / 60,
        minutes % 60
    )
}

fn cause(off: i64, has_time: bool, tolerance: i64) -> String {
    const QUARTER: i64 = 900;
    if !has_time {
        return format!(
            "the date is {} days off; if it is a fixed text that named the day of recording, recording again on another day settles it",
            off / 86_400
        );
    }
    let quarters = (off + QUARTER / 2).div_euclid(QUARTER);
    let rest = off - quarters * QUARTER;
    if quarters != 0 && quarters.abs() <= 56 && rest.abs() <= tolerance + 60 {
        let (sign, quarters) = (if quarters < 0 { '-' } else { '+' }, quarters.abs());
        let minutes = match quarters % 4 {
            0 => String::new(),
            quarters => format!(" {} min", quarters * 15),
        };
        return format!(
            "time zone shifted by {sign}{} h{minutes}: the candidate's /etc/localtime, TZ or PHP's date.timezone is not the old server's",
            quarters / 4
        );
    }
    format!("the candidate's clock is {off} s off, or the time stands still")
}
