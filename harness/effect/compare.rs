//! What the candidate's steps changed, compared with what the old server's did.

use std::path::Path;

use super::{
    learn::{id, step_name, what},
    template::{Entry, Step, path, read},
    text::{Numbers, Time, misfit},
    watch::{Observed, Seen},
};
use crate::{
    database::{ChangedCell, RowChange},
    outcome::{Case, CaseId, Difference},
    scenario::Scenario,
    snapshot::Zone,
};

/// Compares the effects of all scenarios with `mutates = true`; one case a step.
pub fn compare(
    scenarios: &[Scenario],
    snapshots: &Path,
    observed: &Observed,
    zone: &Zone,
    tolerance: i64,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for scenario in scenarios.iter().filter(|scenario| scenario.mutates) {
        let whole = CaseId::new(&["database", "effects", &scenario.name]);
        let steps = match read(&path(snapshots, &scenario.name)) {
            Ok(Some(steps)) => steps,
            Ok(None) => {
                let reason = "what it changes on the old server was not recorded: set legacy.database and run `migrate-verify record --allow-writes`";
                cases.push(Case::not_run(whole, reason));
                continue;
            }
            Err(error) => {
                cases.push(Case::broken(whole, &error));
                continue;
            }
        };
        let names: Vec<String> = (0..scenario.steps.len())
            .map(|index| step_name(scenario, index))
            .collect();
        if steps.iter().map(|step| &step.name).ne(&names) {
            cases.push(Case::not_run(
                whole,
                "the recorded effects are of other steps: record the scenario again",
            ));
            continue;
        }
        let Some(seen) = observed
            .0
            .get(&scenario.name)
            .and_then(|rounds| rounds.last())
        else {
            cases.push(Case::not_run(whole, "the scenario did not run"));
            continue;
        };
        let mut numbers = Numbers::new();
        for (index, step) in steps.iter().enumerate() {
            cases.push(compare_step(
                &scenario.name,
                step,
                seen.get(index),
                zone,
                tolerance,
                &mut numbers,
            ));
        }
    }
    cases
}

fn compare_step(
    scenario: &str,
    step: &Step,
    seen: Option<&Seen>,
    zone: &Zone,
    tolerance: i64,
    numbers: &mut Numbers,
) -> Case {
    let id = id(scenario, &step.name);
    let Some(seen) = seen else {
        return Case::not_run(id, "the scenario ended before this step");
    };
    let changes = match &seen.changes {
        Ok(changes) => changes,
        Err(reason) => {
            return Case::not_run(id, format!("the database could not be looked at: {reason}"));
        }
    };
    let time = Time {
        window: seen.from - tolerance..=seen.to + tolerance,
        zone,
    };
    let differences = compare_rows(&step.entries, changes, &time, numbers);
    let evidence = match step.entries.len() {
        0 => "it changes nothing on the old server".to_owned(),
        count => format!("{count} rows changed on the old server"),
    };
    Case::compared(id, differences, evidence)
}

/// Compares rows, those of one table that had one thing happen to them with each other.
fn compare_rows(
    expected_rows: &[Entry],
    changes: &[RowChange],
    time: &Time<'_>,
    numbers: &mut Numbers,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut kinds: Vec<String> = expected_rows
        .iter()
        .map(|entry| entry.what.clone())
        .chain(changes.iter().map(what))
        .collect();
    kinds.sort();
    kinds.dedup();
    for kind in kinds {
        let expected: Vec<&Entry> = expected_rows
            .iter()
            .filter(|entry| entry.what == kind)
            .collect();
        let actual: Vec<&RowChange> = changes
            .iter()
            .filter(|change| what(change) == kind)
            .collect();
        if expected.len() != actual.len() {
            differences.push(counted_apart(&kind, expected.len(), &actual));
            continue;
        }
        for (entry, change) in expected.into_iter().zip(actual) {
            let key = if entry.key.is_empty() {
                &[]
            } else {
                change.key.as_slice()
            };
            let label = if key.is_empty() {
                kind.clone()
            } else {
                format!("{kind}[{}]", shown(key))
            };
            compare_cells(&label, &entry.key, key, time, numbers, &mut differences);
            compare_cells(
                &label,
                &entry.cells,
                &change.cells,
                time,
                numbers,
                &mut differences,
            );
        }
    }
    differences
}

/// Says that more or fewer rows had this happen to them.
fn counted_apart(kind: &str, expected: usize, actual: &[&RowChange]) -> Difference {
    let rows = |count: usize| match count {
        1 => "1 row".to_owned(),
        _ => format!("{count} rows"),
    };
    let difference = Difference::new(kind, "side effect", rows(expected), rows(actual.len()));
    match actual.first() {
        Some(change) => difference.because(format!(
            "the first on the candidate: {}",
            shown(&change.cells)
        )),
        None => difference,
    }
}

fn shown(cells: &[ChangedCell]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| format!("{}={}", cell.column, cell.text))
        .collect();
    cells.join(", ")
}

fn compare_cells(
    label: &str,
    expected: &[(String, String)],
    actual: &[ChangedCell],
    time: &Time<'_>,
    numbers: &mut Numbers,
    differences: &mut Vec<Difference>,
) {
    for (column, value) in expected {
        let found = actual.iter().find(|cell| cell.column == *column);
        let locus = format!("{label}.{column}");
        match found {
            None => differences.push(Difference::new(locus, "side effect", value, "unchanged")),
            Some(cell) => {
                if let Some(reason) = misfit(value, &cell.text, time, numbers) {
                    differences.push(
                        Difference::new(locus, "side effect", value, &cell.text).because(reason),
                    );
                }
            }
        }
    }
    for cell in actual {
        if !expected.iter().any(|(column, _)| *column == cell.column) {
            let locus = format!("{label}.{}", cell.column);
            differences.push(Difference::new(
                locus,
                "side effect",
                "unchanged",
                &cell.text,
            ));
        }
    }
}
