//! What the guest's programs make of the surroundings they are given: asked, not believed.
//!
//! A library of the host that the guest's libc can't load is ignored by its loader; a locale that no one made is "C"; a
//! program may know nothing of time zones. What was ignored was not varied, and must not pass for it.

use std::collections::BTreeSet;

use super::surroundings::{Ignored, ShiftedClock, Surroundings};

/// Answers a question a line; a program that the guest lacks leaves its answer empty.
pub(super) const QUESTIONS: &str = "\
#!/bin/sh
echo \"clock $(date +%s 2>/dev/null)\"
echo \"zone $(date +%Z 2>/dev/null)\"
echo \"charmap $(locale charmap 2>/dev/null)\"
";

/// Returns what of the surroundings the guest ignores; `now` is the host's clock, in seconds since 1970.
pub(super) fn ignored(surroundings: &Surroundings, answers: &str, now: i64) -> BTreeSet<Ignored> {
    let answer = |question: &str| {
        let mut lines = answers.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(asked, _)| *asked == question);
        found.map_or("", |(_, answer)| answer.trim())
    };
    let mut ignored = BTreeSet::new();
    if let Some(clock) = &surroundings.clock
        && !is_ahead(now, answer("clock"), clock)
    {
        ignored.insert(Ignored::Clock);
    }
    if let Some(zone) = zone_name(&surroundings.time_zone)
        && answer("zone") != zone
    {
        ignored.insert(Ignored::TimeZone);
    }
    if let Some((_, map)) = &surroundings.locale.made_of
        && answer("charmap") != map
    {
        ignored.insert(Ignored::Locale);
    }
    ignored
}

/// Tells whether the guest's clock is ahead by what it was set to, to the hour.
fn is_ahead(now: i64, guest: &str, clock: &ShiftedClock) -> bool {
    let guest = guest.parse::<i64>().ok();
    guest.is_some_and(|guest| (guest - now - clock.seconds()).abs() < 3600)
}

/// Returns the name in a time zone as POSIX writes it with a name of any kind: `<name>-14`.
fn zone_name(time_zone: &str) -> Option<&str> {
    let (name, _offset) = time_zone.strip_prefix('<')?.split_once('>')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Locale;

    #[test]
    fn what_the_guest_does_not_follow_is_ignored() {
        let varied = Surroundings {
            clock: Some(ShiftedClock {
                library: "/lib/libfaketime.so.1".into(),
                days: 400,
            }),
            time_zone: "<i-capture>-14".to_owned(),
            locale: Locale {
                name: "sk_SK.CP1250".to_owned(),
                made_of: Some(("sk_SK".to_owned(), "CP1250".to_owned())),
            },
            ..Surroundings::usual("skola")
        };
        let now = 1_700_000_000;
        let follows = format!(
            "clock {}\nzone i-capture\ncharmap CP1250\n",
            now + 400 * 86_400
        );
        let table = [
            (follows.as_str(), vec![]),
            (
                "clock 1700000001\nzone i-capture\ncharmap CP1250\n",
                vec![Ignored::Clock],
            ),
            (
                "clock \nzone UTC\ncharmap ANSI_X3.4-1968\n",
                vec![Ignored::Clock, Ignored::TimeZone, Ignored::Locale],
            ),
            ("", vec![Ignored::Clock, Ignored::TimeZone, Ignored::Locale]),
        ];
        for (answers, expected) in table {
            let expected = BTreeSet::from_iter(expected);
            assert_eq!(ignored(&varied, answers, now), expected, "{answers}");
        }
        let usual = Surroundings::usual("skola");
        assert_eq!(ignored(&usual, "", now), BTreeSet::new());
    }
}
