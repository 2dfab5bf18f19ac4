//! All scenarios against the candidate.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use super::{
    checks::Uncompared,
    compare_scenario::{ScenarioResult, replay_scenario},
    error::ReplayError,
    options::Options,
    record::id,
    rounds::APART,
    side_by_side::replay_side_by_side,
    span::Span,
};
use crate::{
    exchange::Server,
    outcome::{Carried, Case, CaseId, Difference, Outcome},
    progress::{Event, Observer},
    scenario::Scenario,
    snapshot::store,
};

/// The folder below `snapshots/` that is the database's.
const DATABASE: &str = "database";

/// What the cases of a second visit end with.
const SECOND: &str = "second-visit";

/// What a replay found.
#[derive(Clone, Debug, Default)]
pub struct ReplayResult {
    /// One case an answer, `replay/<scenario>/<NN>-<step>`, in a stable order.
    pub cases: Vec<Case>,
    /// What was not compared by the byte, how it was checked instead, and how much of it.
    pub not_compared: Vec<String>,
    /// The cases that were compared with an answer that a person accepted, and the reasons.
    pub accepted: Vec<String>,
    /// Values that one answer gave and a later request used.
    pub carried: Vec<Carried>,
    /// How long answers took, from the request to their end.
    pub times: Vec<(CaseId, Duration)>,
    /// When the steps ran, scenario by scenario.
    pub spans: Vec<Span>,
}

/// Runs `scenarios` against the server at `server_url` and compares with the snapshots.
///
/// Scenarios that change data run alone, after the others, in the order of their names: the order in which they were recorded.
/// What a part of the project's scenarios leaves out is said by [`left_out`].
pub async fn replay(
    scenarios: &[Scenario],
    snapshots: &Path,
    server_url: &str,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ReplayResult, ReplayError> {
    let server = Server::parse(server_url).map_err(ReplayError::Server)?;
    let (mutating, reading): (Vec<&Scenario>, Vec<&Scenario>) =
        scenarios.iter().partition(|scenario| scenario.mutates);
    let total = (mutating.len() + reading.len()) as u64;
    let mut done = 0;
    let mut counted = || {
        done += 1;
        observer.observe(Event::Counted {
            what: "replay".to_owned(),
            done,
            total,
        });
    };
    let mut results = together(&reading, snapshots, &server, options, &mut counted).await;
    let mut second = None;
    if let Some(scenario) = only_visitor(&reading, &results) {
        // As far from the first visit as rounds of a recording are from each other.
        tokio::time::sleep(APART).await;
        let folder = snapshots.join(&scenario.name);
        let again = replay_scenario(scenario, &folder, &server, options).await;
        second = Some((scenario.name.as_str(), again));
    }
    for scenario in mutating {
        let folder = snapshots.join(&scenario.name);
        let result = replay_scenario(scenario, &folder, &server, options).await;
        results.insert(scenario.name.clone(), result);
        counted();
    }
    let visits = results
        .iter()
        .map(|(name, result)| (name.as_str(), &result.sessions));
    let visit = second.iter().map(|(name, again)| (*name, &again.sessions));
    let mut cases = shared_sessions(visits.chain(visit));
    if let Some((name, again)) = second {
        cases.extend(second_visit(name, again, &results));
    }
    Ok(gather(cases, results))
}

/// Tells what a second visit found beside its session: its answers must be the same, too.
fn second_visit(
    name: &str,
    again: ScenarioResult,
    results: &BTreeMap<String, ScenarioResult>,
) -> Vec<Case> {
    let first = results.get(name).into_iter().flat_map(|first| &first.cases);
    let told = first.filter(|case| case.outcome != Outcome::Same);
    let told: BTreeSet<&CaseId> = told.map(|case| &case.id).collect();
    let is_new = |case: &Case| case.outcome != Outcome::Same && !told.contains(&case.id);
    let mut cases: Vec<Case> = again.cases.into_iter().filter(is_new).collect();
    for case in &mut cases {
        case.id = CaseId::new(&[case.id.as_str(), SECOND]);
    }
    let id = CaseId::new(&["replay", name, SECOND]);
    if again.sessions.is_empty() {
        let missing = "a second visit was given no session: nothing tells whether each has its own";
        cases.push(Case::not_run(id, missing));
    } else if cases.is_empty() {
        cases.push(Case::same(
            id,
            "a second visit found what the first one did",
        ));
    }
    cases
}

/// Returns the only scenario that was given a session: whether sessions are drawn at all, only a second visit tells.
fn only_visitor<'a>(
    reading: &[&'a Scenario],
    results: &BTreeMap<String, ScenarioResult>,
) -> Option<&'a Scenario> {
    let mut visitors = results
        .iter()
        .filter(|(_, result)| !result.sessions.is_empty());
    let (Some((name, _)), None) = (visitors.next(), visitors.next()) else {
        return None;
    };
    reading
        .iter()
        .find(|scenario| scenario.name == *name)
        .copied()
}

/// Names what is not compared where only `chosen` of the project's scenarios run: the others, and snapshots to which no scenario belongs.
pub fn left_out(
    scenarios: &[Scenario],
    chosen: &[Scenario],
    snapshots: &Path,
) -> Result<Vec<Case>, ReplayError> {
    let names = |of: &[Scenario]| -> BTreeSet<String> {
        of.iter().map(|scenario| scenario.name.clone()).collect()
    };
    let (all, chosen) = (names(scenarios), names(chosen));
    let known = store::scenarios(snapshots).map_err(ReplayError::Snapshots)?;
    let stale = known
        .into_iter()
        .filter(|name| name != DATABASE && !all.contains(name))
        .map(|name| {
            let reason = "the snapshots are stale: there is no scenario of this name";
            Case::not_run(CaseId::new(&["replay", &name]), reason)
        });
    let others = all.difference(&chosen).map(|name| {
        let reason =
            "not chosen on the command line: a part of the scenarios is no verdict on the whole";
        Case::not_run(CaseId::new(&["replay", name]), reason)
    });
    Ok(stale.chain(others).collect())
}

/// Runs scenarios that change nothing, several at a time.
async fn together(
    scenarios: &[&Scenario],
    snapshots: &Path,
    server: &Server,
    options: &Options,
    counted: &mut impl FnMut(),
) -> BTreeMap<String, ScenarioResult> {
    let mut results = BTreeMap::new();
    let chosen = scenarios.iter().copied().cloned().collect();
    replay_side_by_side(chosen, snapshots, server, options, |name, result| {
        results.insert(name, result);
        counted();
    })
    .await;
    for scenario in scenarios {
        results
            .entry(scenario.name.clone())
            .or_insert_with(|| ScenarioResult {
                cases: (0..scenario.steps.len())
                    .map(|index| Case::broken(id(scenario, index, 0), &ReplayError::Task))
                    .collect(),
                ..ScenarioResult::default()
            });
    }
    results
}

/// Finds session ids that two visits were given, each a scenario's name and its sessions: each came without a cookie, so each must
/// have one of its own.
fn shared_sessions<'a>(
    visits: impl Iterator<Item = (&'a str, &'a BTreeMap<String, String>)>,
) -> Vec<Case> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut cases = Vec::new();
    for (scenario, sessions) in visits {
        for (value, name) in sessions {
            let Some(other) = seen.insert(value, scenario) else {
                continue;
            };
            let difference = Difference::new(
                "header Set-Cookie",
                "relation",
                format!("another {name} than scenario {other} was given"),
                "the same value",
            )
            .because(
                "every visitor is given the same session: the candidate draws no new session ids",
            );
            cases.push(Case::compared(
                CaseId::new(&["replay", scenario, name]),
                vec![difference],
                "visitors share a session",
            ));
        }
    }
    cases
}

fn gather(cases: Vec<Case>, results: BTreeMap<String, ScenarioResult>) -> ReplayResult {
    let mut all = ReplayResult {
        cases,
        ..ReplayResult::default()
    };
    let mut uncompared = Uncompared::default();
    let mut repeated = Vec::new();
    for (_, result) in results {
        all.cases.extend(result.cases);
        all.carried.extend(result.carried);
        all.times.extend(result.times);
        all.spans.extend(result.spans);
        all.accepted.extend(result.accepted);
        repeated.extend(result.repeated);
        uncompared.merge(&result.uncompared);
    }
    all.not_compared.extend(uncompared.lines());
    if let Some(first) = repeated.first() {
        let count = repeated.len();
        all.not_compared.push(format!(
            "{count} answers came at the second asking, {first} first: the server had dropped the kept connection without one, as it does where a process of it dies"
        ));
    }
    all
}
