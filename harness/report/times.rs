//! How long answers took on both servers: never a part of the verdict.

use std::{cmp::Reverse, time::Duration};

use crate::outcome::Timed;

/// So many answers are shown.
const MOST: usize = 20;

/// Returns the answers for which the candidate took longer, those by most time first.
pub(super) fn slower(timed: &[Timed]) -> Vec<&Timed> {
    // The old server's are whole milliseconds.
    let is_slower = |one: &&Timed| one.longer() >= Duration::from_millis(1);
    let mut slower: Vec<&Timed> = timed.iter().filter(is_slower).collect();
    slower.sort_by_key(|one| Reverse(one.longer()));
    slower.truncate(MOST);
    slower
}

/// Says in one line how long all answers took; nothing where nothing is known of it.
pub(super) fn line(timed: &[Timed]) -> Option<String> {
    let sum = |of: fn(&Timed) -> Duration| timed.iter().map(of).sum::<Duration>().as_secs_f64();
    let (legacy, candidate) = (sum(|one| one.legacy), sum(|one| one.candidate));
    let count = timed.len();
    let all = format!(
        "{count} answers took {legacy:.1} s on the old server when they were recorded, and {candidate:.1} s now"
    );
    Some(match slower(timed).first() {
        _ if timed.is_empty() => return None,
        None => all,
        Some(slowest) => format!(
            "{all}; longer by most: {} ({} ms then, {} ms now)",
            slowest.case,
            slowest.legacy.as_millis(),
            slowest.candidate.as_millis()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::CaseId;

    #[test]
    fn what_became_slower_is_named_by_how_much_longer_it_took() {
        let one = |name: &str, legacy, candidate| Timed {
            case: CaseId::new(&["replay", name]),
            legacy: Duration::from_millis(legacy),
            candidate: Duration::from_millis(candidate),
        };
        let timed = [one("a", 10, 40), one("b", 900, 1400), one("c", 90, 60)];
        let names: Vec<&str> = slower(&timed).iter().map(|one| one.case.as_str()).collect();
        assert_eq!(names, ["replay/b", "replay/a"]);
        assert_eq!(
            line(&timed).as_deref(),
            Some(
                "3 answers took 1.0 s on the old server when they were recorded, and 1.5 s now; longer by most: replay/b (900 ms then, 1400 ms now)"
            )
        );
        assert_eq!(line(&[]), None);
        let as_fast = Timed {
            candidate: Duration::from_micros(90_700),
            ..timed[2].clone()
        };
        for same in [&timed[2..], &[as_fast]] {
            assert!(line(same).is_some_and(|line| line.ends_with("0.1 s now")));
        }
    }
}
