//! Records what the old server answers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    browser::Correlation,
    compare::{Manner, compare},
    error::ReplayError,
    evidence::Doubt,
    learn::{Ground, learn, server_clock, text_of},
    names::Names,
    options::Options,
    rounds::{another_minute, more_rounds, rounds},
    run::{Observation, ScenarioRun},
    varied::Varied,
    zone_evidence::zone_of,
};
use crate::{
    exchange::Server,
    outcome::{Case, CaseId},
    progress::Observer,
    scenario::Scenario,
    snapshot::{Snapshot, SnapshotError, Zone, store},
};

/// How the old server is recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordManner {
    /// How often every scenario is run.
    pub rounds: u8,
    /// Whether scenarios that change data may run.
    pub allow_writes: bool,
}

/// What was recorded.
#[derive(Clone, Debug, Default)]
pub struct RecordResult {
    /// One case a step: the same (recorded), broken (unstable or without an answer) or not run.
    pub cases: Vec<Case>,
    /// How many snapshot files were written.
    pub written: usize,
    /// How many were kept, because they still hold.
    pub unchanged: usize,
    /// What a person should know: a deduced time zone, removed snapshots.
    pub notes: Vec<String>,
    /// Values that one answer gave and a later request used.
    pub correlations: Vec<Correlation>,
}

/// Runs `scenarios` against the old server and writes what it answers below `snapshots`.
///
/// Scenarios that change data come last; what they show after their own change is taken from the first round, as a replay
/// will see it. Without leave to write they are kept as they were recorded before, or reported as not recorded.
pub async fn record(
    scenarios: &[Scenario],
    snapshots: &Path,
    server_url: &str,
    manner: RecordManner,
    options: &Options,
    observer: &dyn Observer,
) -> Result<RecordResult, ReplayError> {
    let server = Server::parse(server_url).map_err(ReplayError::Server)?;
    let mut result = RecordResult::default();
    let (mutating, reading): (Vec<&Scenario>, Vec<&Scenario>) =
        scenarios.iter().partition(|scenario| scenario.mutates);
    let mut runs = rounds(&reading, &server, manner.rounds, options, observer).await;
    if manner.allow_writes {
        runs.extend(rounds(&mutating, &server, manner.rounds, options, observer).await);
    } else {
        for scenario in mutating {
            refused(scenario, snapshots, &mut result)?;
        }
    }
    let zone = zone(&runs, options, &mut result);
    let varied = all_varied(&runs, snapshots, &server, &zone, options);
    let doubt = |scenario: &Scenario, runs: &[ScenarioRun]| {
        let recorder = Recorder::new(scenario, snapshots, &server, &zone, options);
        recorder.learnt(runs, &varied).0
    };
    more_rounds(&mut runs, &server, options, observer, doubt).await;
    another_minute(&mut runs, &server, options, observer, doubt).await;
    let varied = all_varied(&runs, snapshots, &server, &zone, options);
    for (scenario, runs) in runs {
        Recorder::new(scenario, snapshots, &server, &zone, options)
            .record(&runs, &varied, &mut result)
            .map_err(ReplayError::Snapshots)?;
    }
    result
        .cases
        .sort_by(|first, second| first.id.cmp(&second.id));
    Ok(result)
}

/// Returns where numbers vary on the pages of all scenarios.
fn all_varied(
    runs: &[(&Scenario, Vec<ScenarioRun>)],
    snapshots: &Path,
    server: &Server,
    zone: &Zone,
    options: &Options,
) -> Varied {
    let mut varied = Varied::default();
    for (scenario, runs) in runs {
        let recorder = Recorder::new(scenario, snapshots, server, zone, options);
        varied.merge(recorder.learnt(runs, &Varied::default()).1);
    }
    varied.without_still()
}

fn refused(
    scenario: &Scenario,
    snapshots: &Path,
    result: &mut RecordResult,
) -> Result<(), ReplayError> {
    let recorded = store::list(&snapshots.join(&scenario.name)).map_err(ReplayError::Snapshots)?;
    let mut missing = false;
    for (index, step) in scenario.steps.iter().enumerate() {
        if !recorded.contains(&store::file_name(index + 1, &step.name, 0)) {
            missing = true;
            result.cases.push(Case::not_run(
                id(scenario, index, 0),
                "the scenario changes data (mutates = true) and was not recorded: --allow-writes lets it run against the old server",
            ));
        }
    }
    if !missing {
        result.notes.push(format!(
            "{}: changes data and was kept as recorded before; --allow-writes records it again",
            scenario.name
        ));
    }
    Ok(())
}

fn zone(
    runs: &[(&Scenario, Vec<ScenarioRun>)],
    options: &Options,
    result: &mut RecordResult,
) -> Zone {
    if let Some(zone) = &options.zone {
        return zone.clone();
    }
    let mut texts: Vec<Vec<(String, i64)>> = Vec::new();
    for (_, runs) in runs {
        for (round, run) in runs.iter().enumerate() {
            texts.resize_with(texts.len().max(round + 1), Vec::new);
            for observation in run.steps.iter().flatten() {
                if let Some(text) = text_of(&observation.answer, options.charset) {
                    texts[round].push((text, server_clock(observation)));
                }
            }
        }
    }
    let Some(zone) = zone_of(&texts) else {
        let note =
            "no page shows a running clock and legacy.timezone is not set: dates are taken for UTC";
        result.notes.push(note.to_owned());
        return Zone::utc();
    };
    result.notes.push(format!(
        "the old server's clock is {zone} from UTC by its own pages; set legacy.timezone, or summer time will look like a difference"
    ));
    zone
}

/// Names the case of a step.
pub(super) fn id(scenario: &Scenario, index: usize, hop: usize) -> CaseId {
    let step = scenario
        .steps
        .get(index)
        .map_or("", |step| step.name.as_str());
    let file = store::file_name(index + 1, step, hop);
    CaseId::new(&["replay", &scenario.name, file.trim_end_matches(".snap")])
}

/// One answer that was understood, and what it was learnt from.
struct Learned<'a> {
    hop: usize,
    snapshot: Snapshot,
    observations: Vec<&'a Observation>,
}

/// Records one scenario.
struct Recorder<'a> {
    scenario: &'a Scenario,
    folder: PathBuf,
    server: &'a Server,
    zone: &'a Zone,
    options: &'a Options,
}

impl<'a> Recorder<'a> {
    fn new(
        scenario: &'a Scenario,
        snapshots: &Path,
        server: &'a Server,
        zone: &'a Zone,
        options: &'a Options,
    ) -> Self {
        Self {
            scenario,
            folder: snapshots.join(&scenario.name),
            server,
            zone,
            options,
        }
    }

    fn ground<'g>(&'g self, elsewhere: &'g Varied) -> Ground<'g> {
        Ground {
            scenario: self.scenario,
            authority: &self.server.authority,
            zone: self.zone,
            charset: self.options.charset,
            names: Names::default(),
            doubt: Doubt::default(),
            elsewhere,
            varied: Varied::default(),
        }
    }

    /// Returns what these rounds leave open, and where numbers vary.
    fn learnt(&self, runs: &[ScenarioRun], elsewhere: &Varied) -> (Doubt, Varied) {
        let mut ground = self.ground(elsewhere);
        for index in 0..self.scenario.steps.len() {
            // What can't be learnt is reported when it is recorded.
            drop(self.step(index, runs, &mut ground));
        }
        (ground.doubt, ground.varied)
    }

    fn record(
        &self,
        runs: &[ScenarioRun],
        varied: &Varied,
        result: &mut RecordResult,
    ) -> Result<(), SnapshotError> {
        let mut ground = self.ground(varied);
        let mut snapshots: Vec<(String, Snapshot, Vec<&Observation>)> = Vec::new();
        let mut complete = true;
        for index in 0..self.scenario.steps.len() {
            match self.step(index, runs, &mut ground) {
                Ok(step) => {
                    for Learned {
                        hop,
                        snapshot,
                        observations,
                    } in step
                    {
                        let file =
                            store::file_name(index + 1, &self.scenario.steps[index].name, hop);
                        let holes = snapshot.holes().count();
                        let evidence =
                            format!("recorded with {holes} holes from {} rounds", runs.len());
                        result
                            .cases
                            .push(Case::same(id(self.scenario, index, hop), evidence));
                        snapshots.push((file, snapshot, observations));
                    }
                }
                Err(case) => {
                    complete = false;
                    result.cases.push(case);
                }
            }
        }
        if complete && self.still_holds(&snapshots)? {
            result.unchanged += snapshots.len();
        } else {
            for (file, snapshot, _) in &snapshots {
                let changed = store::write(&self.folder.join(file), snapshot)?;
                *(if changed {
                    &mut result.written
                } else {
                    &mut result.unchanged
                }) += 1;
            }
        }
        if complete {
            self.prune(&snapshots, result)?;
        }
        if let Some(run) = runs.first() {
            result.correlations.extend(run.correlations.iter().cloned());
        }
        Ok(())
    }

    /// Removes snapshots that no step has any more.
    fn prune(
        &self,
        snapshots: &[(String, Snapshot, Vec<&Observation>)],
        result: &mut RecordResult,
    ) -> Result<(), SnapshotError> {
        for stale in store::list(&self.folder)? {
            if !snapshots.iter().any(|(file, _, _)| *file == stale) {
                store::remove(&self.folder.join(&stale))?;
                let name = &self.scenario.name;
                result.notes.push(format!(
                    "{name}: removed {stale}, which no step has any more"
                ));
            }
        }
        Ok(())
    }

    /// Makes the snapshots of one step: the final answer's and those on the way of redirects.
    fn step<'r>(
        &self,
        index: usize,
        runs: &'r [ScenarioRun],
        ground: &mut Ground<'_>,
    ) -> Result<Vec<Learned<'r>>, Case> {
        let mut chains: Vec<&Vec<Observation>> = Vec::new();
        for run in runs {
            let Some(chain) = run.steps.get(index) else {
                return Err(Case::not_run(
                    id(self.scenario, index, 0),
                    "a step before it failed",
                ));
            };
            if let (Some(error), true) = (&run.failure, run.steps.len() == index + 1) {
                return Err(Case::broken(id(self.scenario, index, 0), error));
            }
            chains.push(chain);
        }
        let length = chains.first().map_or(0, |chain| chain.len());
        let unstable = |hop: usize, what: String| {
            Case::broken(
                id(self.scenario, index, hop),
                &ReplayError::Unstable { what },
            )
        };
        if length == 0 || chains.iter().any(|chain| chain.len() != length) {
            return Err(unstable(0, "the number of redirects varies".to_owned()));
        }
        let mut recorded = Vec::new();
        for place in 0..length {
            let hop = if place + 1 == length { 0 } else { place + 1 };
            let observations: Vec<&Observation> =
                chains.iter().map(|chain| &chain[place]).collect();
            let snapshot = learn(ground, &self.scenario.steps[index], &observations)
                .map_err(|what| unstable(hop, what))?;
            recorded.push(Learned {
                hop,
                snapshot,
                observations,
            });
        }
        Ok(recorded)
    }

    /// Whether what was recorded before says the same: then it stays, and recording again changes no file.
    fn still_holds(
        &self,
        snapshots: &[(String, Snapshot, Vec<&Observation>)],
    ) -> Result<bool, SnapshotError> {
        let manner = Manner {
            authority: &self.server.authority,
            charset: self.options.charset,
            tolerance: super::evidence::SLACK,
        };
        let rounds = snapshots
            .first()
            .map_or(0, |(_, _, observations)| observations.len());
        let mut bound: Vec<BTreeMap<String, String>> = vec![BTreeMap::new(); rounds];
        for (file, new, observations) in snapshots {
            let old = match store::read(&self.folder.join(file)) {
                Ok(Some(old)) => old,
                Ok(None) | Err(SnapshotError::Format { .. }) => return Ok(false),
                Err(error) => return Err(error),
            };
            let same_frame = old.description == new.description
                && old.request == new.request
                && old.sent == new.sent
                && old.asked == new.asked
                && old.charset == new.charset
                && old.zone == new.zone;
            if !same_frame {
                return Ok(false);
            }
            for (observation, bound) in observations.iter().zip(&mut bound) {
                let observation = Observation {
                    at: server_clock(observation),
                    ..(*observation).clone()
                };
                if !compare(&old, &observation, manner, bound)
                    .differences
                    .is_empty()
                {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
