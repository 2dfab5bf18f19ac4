//! Rounds over the old server: far enough apart that clocks move, and slow enough that nobody notices.

use std::time::Duration;

use super::{
    evidence::SLACK,
    options::Options,
    run::{ScenarioRun, run},
};
use crate::{
    exchange::Server,
    progress::{Event, Observer},
    scenario::Scenario,
};

/// How far apart rounds are at least: every clock with seconds shows another value.
const PAUSE: Duration = Duration::from_millis(2_100);

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
            tokio::time::sleep(PAUSE).await;
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

/// Runs the scenarios of which `undecided` says so once more, in another minute: a page that says `16:30` at half past four may
/// show its clock or the time of a meeting.
pub(super) async fn another_minute(
    runs: &mut [(&Scenario, Vec<ScenarioRun>)],
    server: &Server,
    options: &Options,
    observer: &dyn Observer,
    undecided: impl Fn(&Scenario, &[ScenarioRun]) -> bool,
) {
    let open: Vec<bool> = runs
        .iter()
        .map(|(scenario, runs)| !scenario.mutates && runs.len() > 1 && undecided(scenario, runs))
        .collect();
    let total = open.iter().filter(|open| **open).count() as u64;
    if total == 0 {
        return;
    }
    let then = options.clock.now() + 60 + 2 * SLACK;
    while options.clock.now() < then {
        tokio::time::sleep(POLL).await;
    }
    let again = runs.iter_mut().zip(open).filter(|(_, open)| *open);
    for (((scenario, runs), _), done) in again.zip(1..) {
        runs.push(run(scenario, server, options).await);
        observer.observe(Event::Counted {
            what: "record: another minute".to_owned(),
            done,
            total,
        });
    }
}
