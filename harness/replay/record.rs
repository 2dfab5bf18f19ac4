//! Records what the old server answers.

use std::{cell::RefCell, collections::BTreeMap, path::Path, time::Duration};

use rayon::prelude::*;

use super::{
    error::ReplayError,
    evidence::Doubt,
    learn::{server_clock, text_of},
    options::Options,
    recorder::Recorder,
    rounds::{another_minute, more_rounds, rounds},
    run::ScenarioRun,
    varied::Varied,
    zone_evidence::zone_of,
};
use crate::{
    charset::Reading,
    exchange::Server,
    outcome::{Carried, Case, CaseId},
    progress::Observer,
    scenario::Scenario,
    snapshot::{Snapshot, Zone, store},
};

/// How the old server is recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordManner {
    /// How often every scenario is run.
    pub rounds: u8,
    /// Whether scenarios that change data may run.
    pub allow_writes: bool,
    /// Whether answers that differ from what is recorded are kept beside it, for a person to decide.
    pub pending: bool,
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
    /// How many answers wait for a decision.
    pub pending: usize,
    /// What a person should know: a deduced time zone, removed snapshots.
    pub notes: Vec<String>,
    /// Values that one answer gave and a later request used.
    pub carried: Vec<Carried>,
    /// How long the answers took that were learnt, from the request to their end: the shortest of all rounds.
    pub times: Vec<(CaseId, Duration)>,
    /// The pages that are not in the charset that browsers use for them, by what is done about it.
    wrong_charset: BTreeMap<String, Vec<CaseId>>,
}

impl RecordResult {
    /// Notes a page that is not in the charset that browsers use for it.
    pub(super) fn note_charset(&mut self, snapshot: &Snapshot, id: &CaseId) {
        let Some(declared) = snapshot.charset else {
            return;
        };
        let what = match snapshot.reading {
            Reading::Declared => return,
            Reading::Other(charset) => format!(
                "are not in {declared}, which browsers take them for, and are read as {charset}"
            ),
            Reading::Stray => format!("hold bytes that are no characters of {declared}"),
        };
        self.wrong_charset.entry(what).or_default().push(id.clone());
    }
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
        result.notes.extend(unseen_changes(scenarios));
        runs.extend(rounds(&mutating, &server, manner.rounds, options, observer).await);
    } else {
        for scenario in mutating {
            refused(scenario, snapshots, &mut result)?;
        }
    }
    let zone = zone(&runs, options, &mut result);
    let mut varied = all_varied(&runs, snapshots, &server, &zone, options);
    let asked = |runs: &[(&Scenario, Vec<ScenarioRun>)]| -> usize {
        runs.iter().map(|(_, runs)| runs.len()).sum()
    };
    let before = asked(&runs);
    // What is known of a scenario after so many rounds is found out once: it is all work of this host.
    let known: RefCell<BTreeMap<(String, usize), Doubt>> = RefCell::default();
    let doubt = |scenario: &Scenario, runs: &[ScenarioRun]| {
        let key = (scenario.name.clone(), runs.len());
        let found = known.borrow().get(&key).copied();
        found.unwrap_or_else(|| {
            let recorder = Recorder::new(scenario, snapshots, &server, &zone, options);
            let doubt = recorder.learnt(runs, &varied).0;
            known.borrow_mut().insert(key, doubt);
            doubt
        })
    };
    more_rounds(&mut runs, &server, options, observer, doubt).await;
    another_minute(&mut runs, &server, options, observer, doubt).await;
    if asked(&runs) > before {
        varied = all_varied(&runs, snapshots, &server, &zone, options);
    }
    for (scenario, runs) in runs {
        Recorder::new(scenario, snapshots, &server, &zone, options)
            .record(&runs, &varied, manner.pending, &mut result)
            .map_err(ReplayError::Snapshots)?;
    }
    for (what, pages) in std::mem::take(&mut result.wrong_charset) {
        let first = pages
            .iter()
            .min()
            .map_or_else(String::new, ToString::to_string);
        let note = format!(
            "pages that {what}: {}, of which the first is {first}",
            pages.len()
        );
        result.notes.push(note);
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
    let each: Vec<Varied> = runs
        .par_iter()
        .map(|(scenario, runs)| {
            let recorder = Recorder::new(scenario, snapshots, server, zone, options);
            recorder.learnt(runs, &Varied::default()).1
        })
        .collect();
    let mut varied = Varied::default();
    for one in each {
        varied.merge(one);
    }
    varied.without_still()
}

/// Names what scenarios saw on the old server, which is not reset between them, and will not see on the candidate.
fn unseen_changes(scenarios: &[Scenario]) -> impl Iterator<Item = String> + '_ {
    scenarios.iter().filter_map(|scenario| {
        let unseen = scenario.unseen_changes(scenarios).join(", ");
        (!unseen.is_empty()).then(|| {
            format!(
                "{}: was recorded after {unseen} had changed the old server's data, and runs in another state of the candidate (`state`): a page that shows such a change will differ",
                scenario.name
            )
        })
    })
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
