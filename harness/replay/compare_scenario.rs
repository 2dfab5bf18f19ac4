//! One scenario, run against the candidate and compared with its snapshots.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    asked::{asked, first_line},
    checks::Uncompared,
    compare::{Manner, compare},
    error::ReplayError,
    options::Options,
    record::id,
    run::{Observation, run_with},
    secrets::{masked, passwords},
    span::Span,
};
use crate::{
    charset::visible,
    exchange::{Again, HttpVersion, Limits, Server},
    outcome::{Carried, Case, CaseId, Difference, chain},
    scenario::Scenario,
    snapshot::{Snapshot, SnapshotError, store, store::Folder},
};

/// What came of one scenario.
#[derive(Debug, Default)]
pub(super) struct ScenarioResult {
    pub(super) cases: Vec<Case>,
    pub(super) uncompared: Uncompared,
    pub(super) carried: Vec<Carried>,
    /// The session ids that this run was given, with the name of their hole.
    pub(super) sessions: BTreeMap<String, String>,
    /// The answers that a person accepted, with the reasons.
    pub(super) accepted: Vec<String>,
    /// The answers that came at the second asking.
    pub(super) repeated: Vec<String>,
    /// How long its answers took.
    pub(super) times: Vec<(CaseId, Duration)>,
    /// When its steps ran.
    pub(super) spans: Vec<Span>,
}

/// Runs and compares a scenario.
pub(super) async fn replay_scenario(
    scenario: &Scenario,
    folder: &Path,
    server: &Server,
    options: &Options,
) -> ScenarioResult {
    let recorded = match store::list(folder) {
        Ok(recorded) => recorded,
        Err(error) => return everything(scenario, |id| Case::broken(id, &error)),
    };
    if recorded.is_empty() {
        return everything(scenario, |id| {
            Case::not_run(
                id,
                "the scenario has no snapshots: `record` it against the old server first",
            )
        });
    }
    let folder = match Folder::open(folder) {
        Ok(folder) => folder,
        Err(error) => return everything(scenario, |id| Case::broken(id, &error)),
    };
    let mut comparing = Comparing {
        scenario,
        folder: &folder,
        limits: &options.limits,
        manner: Manner {
            authority: &server.authority,
            charset: options.charset,
            tolerance: i64::try_from(options.tolerance.as_secs()).unwrap_or(i64::MAX / 4),
        },
        bound: BTreeMap::new(),
        passwords: passwords(scenario),
        result: ScenarioResult::default(),
        recorded: &recorded,
        known: BTreeSet::new(),
    };
    let mut steps = 0..scenario.steps.len();
    // Pages are compared as they come, so that no more than a few are held.
    let course = run_with(scenario, server, options, |answers, failure| {
        if let Some(index) = steps.next() {
            comparing.step(index, Some((&answers, failure.as_ref())));
        }
    })
    .await;
    for index in steps {
        comparing.step(index, None);
    }
    let mut result = comparing.end();
    result.carried = course.carried;
    result.spans = spans(scenario, &course.times);
    result
}

/// Tells when each step ran.
fn spans(scenario: &Scenario, times: &[(Instant, Instant)]) -> Vec<Span> {
    (0..)
        .zip(times)
        .map(|(index, (from, until))| Span {
            scenario: scenario.name.clone(),
            case: id(scenario, index, 0),
            from: from.into_std(),
            until: until.into_std(),
        })
        .collect()
}

fn everything(scenario: &Scenario, case: impl Fn(CaseId) -> Case) -> ScenarioResult {
    ScenarioResult {
        cases: (0..scenario.steps.len())
            .map(|index| case(id(scenario, index, 0)))
            .collect(),
        ..ScenarioResult::default()
    }
}

/// The comparison of one scenario while it goes on.
struct Comparing<'a> {
    scenario: &'a Scenario,
    folder: &'a Folder,
    limits: &'a Limits,
    manner: Manner<'a>,
    bound: BTreeMap<String, String>,
    /// What the scenario's password fields hold, and what pages make of it.
    passwords: Vec<String>,
    result: ScenarioResult,
    /// The scenario's snapshot files.
    recorded: &'a BTreeSet<String>,
    /// The snapshot files that belong to a step.
    known: BTreeSet<String>,
}

impl Comparing<'_> {
    /// Ends the comparison: names the snapshots that no step has, and the sessions that were given.
    fn end(self) -> ScenarioResult {
        let mut result = self.result;
        let sessions = self.bound.into_iter();
        result.sessions = sessions
            .filter(|(name, _)| name.starts_with("session-"))
            .map(|(name, value)| (value, name))
            .collect();
        for stale in self.recorded.difference(&self.known) {
            let name = stale.trim_end_matches(".snap");
            result.cases.push(Case::not_run(
                CaseId::new(&["replay", &self.scenario.name, name]),
                "the snapshot is stale: no step of the scenario has it; `record` removes it",
            ));
        }
        result
    }

    /// Compares what came of a step, where it was reached: its answers, and why the final one is missing.
    fn step(&mut self, index: usize, reached: Option<(&[Observation], Option<&ReplayError>)>) {
        let recorded = match self.recorded(index) {
            Ok(recorded) => recorded,
            Err(error) => {
                self.result
                    .cases
                    .push(Case::broken(id(self.scenario, index, 0), &error));
                return;
            }
        };
        if recorded.is_empty() {
            let reason = "the step has no snapshot: `record` it against the old server first";
            self.not_run(index, 0, reason);
            return;
        }
        let Some((answers, failure)) = reached else {
            for (hop, _) in &recorded {
                let reason = "never reached: a step before it had no usable answer";
                self.not_run(index, *hop, reason);
            }
            return;
        };
        if let Some(reason) = self.outdated(index, &recorded) {
            self.not_run(index, 0, &reason);
            return;
        }
        for (place, (hop, snapshot)) in recorded.iter().enumerate() {
            let id = id(self.scenario, index, *hop);
            let case = match answers.get(place) {
                Some(observation) => self.compared(id, snapshot, observation),
                None => without_answer(id, snapshot, failure),
            };
            self.result.cases.push(case);
        }
        for (place, observation) in answers.iter().enumerate().skip(recorded.len()) {
            self.added(index, place, observation);
        }
    }

    /// Reports an answer that the old server did not give: the candidate redirects once more.
    fn added(&mut self, index: usize, place: usize, observation: &Observation) {
        let difference = Difference::new(
            "redirect",
            "redirect",
            "no further answer",
            visible(&observation.answer.status_line),
        )
        .because("the candidate redirects where the old server answers");
        let step = &self.scenario.steps[index].name;
        let name = format!("{:02}-{step}.added{}", index + 1, place + 1);
        self.result.cases.push(Case::compared(
            CaseId::new(&["replay", &self.scenario.name, &name]),
            vec![difference],
            "redirects differ",
        ));
    }

    fn compared(&mut self, id: CaseId, snapshot: &Snapshot, observation: &Observation) -> Case {
        let mut comparison = compare(snapshot, observation, self.manner, &mut self.bound);
        let differences = &mut comparison.differences;
        masked(differences, &self.passwords, &observation.secrets);
        self.result.times.push((id.clone(), observation.took));
        self.result.uncompared.merge(&comparison.uncompared);
        let mut summary = comparison.summary;
        summary.push_str(match observation.again {
            None => "",
            Some(Again::Closed) => {
                self.result.repeated.push(id.to_string());
                "; asked twice, because the server had closed the kept connection"
            }
            Some(Again::Ended) => {
                "; asked twice, because it ended a connection that other answers had shared"
            }
            Some(Again::Ends) => {
                "; asked twice, to see whether it is the page that ends connections"
            }
        });
        if let Some(reason) = &snapshot.accepted {
            self.result.accepted.push(format!("{id} ({reason})"));
            summary.push_str("; with an answer that a person accepted, not with the old server's");
        }
        Case::compared(id, comparison.differences, summary)
    }

    /// Reads the snapshots of a step: answers on the way first, the final one last.
    fn recorded(&mut self, index: usize) -> Result<Vec<(usize, Snapshot)>, SnapshotError> {
        let step = &self.scenario.steps[index];
        let mut recorded = Vec::new();
        for hop in 1.. {
            let file = store::file_name(index + 1, &step.name, hop);
            match self.read(file)? {
                Some(snapshot) => recorded.push((hop, snapshot)),
                None => break,
            }
        }
        let file = store::file_name(index + 1, &step.name, 0);
        match self.read(file)? {
            Some(snapshot) => recorded.push((0, snapshot)),
            None => recorded.clear(),
        }
        Ok(recorded)
    }

    /// Reads a snapshot, where there is one.
    fn read(&mut self, file: String) -> Result<Option<Snapshot>, SnapshotError> {
        if !self.recorded.contains(&file) {
            return Ok(None);
        }
        let snapshot = self.folder.read(&file)?;
        if snapshot.is_some() {
            self.known.insert(file);
        }
        Ok(snapshot)
    }

    fn not_run(&mut self, index: usize, hop: usize, reason: &str) {
        let id = id(self.scenario, index, hop);
        self.result.cases.push(Case::not_run(id, reason));
    }

    /// Whether the request is another one than was recorded.
    fn outdated(&self, index: usize, recorded: &[(usize, Snapshot)]) -> Option<String> {
        let step = &self.scenario.steps[index];
        let request = first_line(step, self.limits);
        let asked = asked(step, self.limits);
        let (_, other) = recorded
            .iter()
            .find(|(_, snapshot)| snapshot.request != request || snapshot.asked != asked)?;
        Some(match (version_of(&other.request), version_of(&request)) {
            (old, new) if old != new => {
                format!("it was recorded in {old} and is asked in {new} now: `record` it again")
            }
            _ => "the scenario asks something else than when it was recorded: `record` it again"
                .to_owned(),
        })
    }
}

/// Returns the version of HTTP in which a recorded request was made.
fn version_of(request: &str) -> &'static str {
    let old = HttpVersion::Http10.as_str();
    if request.ends_with(old) {
        old
    } else {
        HttpVersion::Http11.as_str()
    }
}

fn without_answer(id: CaseId, snapshot: &Snapshot, failure: Option<&ReplayError>) -> Case {
    let different = |locus: &'static str, actual: String, cause: &str| {
        let difference = Difference::new(locus, locus, &snapshot.status, actual).because(cause);
        Case::compared(
            id.clone(),
            vec![difference],
            "the old server answers, the candidate does not",
        )
    };
    match failure {
        None => different(
            "redirect",
            "no further answer".to_owned(),
            "the old server redirects where the candidate answers",
        ),
        Some(ReplayError::Exchange(error)) if error.was_connected() => different(
            "connection",
            chain(error),
            "the candidate accepts the connection and gives no usable answer",
        ),
        Some(error @ (ReplayError::RedirectLoop { .. } | ReplayError::Redirect { .. })) => {
            different("redirect", chain(error), "the redirect leads elsewhere")
        }
        // The scenario is the recorded one, so the old server gave what is missing here.
        Some(
            error @ (ReplayError::NoValue { .. }
            | ReplayError::SeveralValues { .. }
            | ReplayError::HostileValue { .. }),
        ) => different(
            "request",
            chain(error),
            "the answers before give no such value, which the old server's gave: this could not be asked",
        ),
        Some(
            error @ (ReplayError::Exchange(_)
            | ReplayError::Server(_)
            | ReplayError::Snapshots(_)
            | ReplayError::Charset { .. }
            | ReplayError::Upload { .. }
            | ReplayError::UploadTooLarge { .. }
            | ReplayError::NothingCaptured { .. }
            | ReplayError::Unstable { .. }
            | ReplayError::Task),
        ) => Case::broken(id, error),
    }
}
