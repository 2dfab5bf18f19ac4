//! Rounds over the old server: far enough apart that clocks move, and slow enough that nobody notices.

use std::time::Duration;

use super::{
    evidence::{Doubt, SLACK},
    options::Options,
    run::{ScenarioRun, run},
};
use crate::{
    exchange::Server,
    progress::{Event, Observer},
    scenario::Scenario,
};

/// How far apart rounds are at least: every clock with seconds shows another value.
pub(super) const APART: Duration = Duration::from_millis(2_100);

/// How often the clock is asked whether the minute is over.
const POLL: Duration = Duration::from_millis(200);

/// Runs every scenario so many times, the rounds apart from each other.
pub(super) async fn rounds<'a>(
    scenarios: &[&'a Scenario],
    server: &Server,
    rounds: u8,
    options: &Options,
    observer: &dyn Observer,
) -> Vec<(&'a Scenario, Vec<ScenarioRun>)> {
    let mut runs: Vec<(&Scenario, Vec<ScenarioRun>)> = scenarios
        .iter()
        .map(|scenario| (*scenario, Vec::new()))
        .collect();
    if runs.is_empty() {
        return runs;
    }
    let total = u64::from(rounds) * runs.len() as u64;
    let mut done = 0;
    for round in 0..rounds {
        if round > 0 {
            tokio::time::sleep(APART).await;
        }
        for (scenario, runs) in &mut runs {
            runs.push(run(scenario, server, options).await);
            done += 1;
            observer.observe(Event::Counted {
                what: "record".to_owned(),
                done,
                total,
            });
        }
    }
    runs
}

/// How often a page is asked again whether its decimal moves: an old server that takes 1.6 ms shows the same four decimals in
/// one round of five, so that this many agree by chance once in 100,000 times.
const MORE_ROUNDS: u8 = 6;

/// Runs the scenarios of which `doubt` says that a decimal may be a duration more often, until it moves.
pub(super) async fn more_rounds(
    runs: &mut [(&Scenario, Vec<ScenarioRun>)],
    server: &Server,
    options: &Options,
    observer: &dyn Observer,
    doubt: impl Fn(&Scenario, &[ScenarioRun]) -> Doubt,
) {
    let mut open = vec![true; runs.len()];
    for _ in 0..MORE_ROUNDS {
        // What is settled stays so: more rounds show more variation, never less.
        let still_open = self::open(runs, &open, |scenario, runs| doubt(scenario, runs).duration);
        open = still_open;
        let what = "record: a duration that stands still";
        if !again(runs, &open, server, options, observer, what).await {
            return;
        }
    }
}

/// Returns which scenarios a further round may tell more of: those that change nothing.
fn open(
    runs: &[(&Scenario, Vec<ScenarioRun>)],
    open: &[bool],
    is_open: impl Fn(&Scenario, &[ScenarioRun]) -> bool,
) -> Vec<bool> {
    runs.iter()
        .zip(open)
        .map(|((scenario, runs), open)| {
            *open && !scenario.mutates && runs.len() > 1 && is_open(scenario, runs)
        })
        .collect()
}

/// Runs the open scenarios once more; returns whether there were any.
async fn again(
    runs: &mut [(&Scenario, Vec<ScenarioRun>)],
    open: &[bool],
    server: &Server,
    options: &Options,
    observer: &dyn Observer,
    what: &str,
) -> bool {
    let total = open.iter().filter(|open| **open).count() as u64;
    let again = runs.iter_mut().zip(open).filter(|(_, open)| **open);
    for (((scenario, runs), _), done) in again.zip(1..) {
        runs.push(run(scenario, server, options).await);
        observer.observe(Event::Counted {
            what: what.to_owned(),
            done,
            total,
        });
    }
    total > 0
}

/// Runs the scenarios of which `doubt` says that a time may be the clock once more, in another minute: a page that says `16:30` at half past four may
/// show its clock or the time of a meeting.
pub(super) async fn another_minute(
    runs: &mut [(&Scenario, Vec<ScenarioRun>)],
    server: &Server,
    options: &Options,
    observer: &dyn Observer,
    doubt: impl Fn(&Scenario, &[ScenarioRun]) -> Doubt,
) {
    let all = vec![true; runs.len()];
    let open = open(runs, &all, |scenario, runs| doubt(scenario, runs).clock);
    if !open.contains(&true) {
        return;
    }
    let then = options.clock.now() + 60 + 2 * SLACK;
    while options.clock.now() < then {
        tokio::time::sleep(POLL).await;
    }
    let what = "record: another minute";
    again(runs, &open, server, options, observer, what).await;
}
