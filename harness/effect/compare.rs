//! What the candidate's steps changed, compared with what the old server's did.

use std::path::Path;

use super::{
    change::{Change, Kind},
    learn::{counted, id, step_name},
    template::{Entry, Recorded, Step, path, read},
    text::{Numbers, Time, misfit},
    watch::{Observed, Seen},
};
use crate::{
    database::{ChangeKind, ChangedCell},
    outcome::{Case, CaseId, Difference},
    scenario::Scenario,
    snapshot::Zone,
};

/// So many rows, files or mails are shown where there are more or fewer than there should be.
const SHOWN: usize = 5;

/// So many values of each.
const SHOWN_CELLS: usize = 6;

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
        let mut recorded = match read(&path(snapshots, &scenario.name)) {
            Ok(Some(recorded)) => recorded,
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
        if recorded.steps.iter().map(|step| &step.name).ne(&names) {
            cases.push(Case::not_run(
                whole,
                "the recorded effects are of other steps: record the scenario again",
            ));
            continue;
        }
        let Some(seen) = observed
            .scenarios
            .get(&scenario.name)
            .and_then(|rounds| rounds.last())
        else {
            cases.push(Case::not_run(whole, "the scenario did not run"));
            continue;
        };
        let kinds = both(&recorded, observed, &scenario.name, &mut cases);
        for step in &mut recorded.steps {
            step.entries
                .retain(|entry| kinds.contains(&Kind::of(&entry.what)));
        }
        let mut numbers = Numbers::new();
        for (index, step) in recorded.steps.iter().enumerate() {
            cases.push(compare_step(
                &scenario.name,
                step,
                seen.get(index),
                &kinds,
                zone,
                tolerance,
                &mut numbers,
            ));
        }
    }
    cases
}

/// Names the scenarios whose effects were recorded, and that no longer say that they change data: nobody looks at what they do.
pub fn outgrown(scenarios: &[Scenario], snapshots: &Path) -> Vec<Case> {
    let stale = scenarios
        .iter()
        .filter(|scenario| !scenario.mutates && path(snapshots, &scenario.name).exists());
    let reason = "its effects were recorded, and it no longer says `mutates = true`: what it changes is not compared; say it again, or `record` the scenario again";
    stale
        .map(|scenario| {
            Case::not_run(
                CaseId::new(&["database", "effects", &scenario.name]),
                reason,
            )
        })
        .collect()
}

/// Returns what was looked at on both servers; what was not, or elsewhere, is a case that was not run.
fn both(
    recorded: &Recorded,
    observed: &Observed,
    scenario: &str,
    cases: &mut Vec<Case>,
) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        let (old, new) = (recorded.looked_at.get(&kind), observed.looked_at.get(&kind));
        let reason = match (old, new) {
            (None, None) => continue,
            (Some(old), Some(new)) if old == new => {
                kinds.push(kind);
                continue;
            }
            (Some(_), None) => "recorded on the old server, not looked at on the candidate".into(),
            (None, Some(_)) => "not looked at on the old server: record it again".into(),
            (Some(old), Some(new)) => {
                format!("recorded of {old}, looked at of {new}: record it again")
            }
        };
        cases.push(Case::not_run(id(scenario, kind.as_str()), reason));
    }
    kinds
}

fn compare_step(
    scenario: &str,
    step: &Step,
    seen: Option<&Seen>,
    kinds: &[Kind],
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
            return Case::not_run(id, format!("what it does could not be seen: {reason}"));
        }
    };
    let time = Time {
        window: seen.from - tolerance..=seen.to + tolerance,
        zone,
    };
    let changes: Vec<&Change> = changes
        .iter()
        .filter(|change| kinds.contains(&Kind::of(&change.what)))
        .collect();
    let differences = compare_changes(&step.entries, &changes, &time, numbers);
    let untold = changes.iter().find_map(|change| {
        let word = ChangeKind::Unlisted.as_str();
        change.what.strip_prefix(word)?.strip_prefix(' ')
    });
    if let (true, Some(table)) = (differences.is_empty(), untold) {
        let reason = format!("{table} changed on both servers, and is too large to say how");
        return Case::not_run(id, reason);
    }
    let evidence = format!("{} on the old server", counted(&step.entries));
    Case::compared(id, differences, evidence)
}

/// Compares changes, those of one table, of files or of mail that had one thing happen to them with each other.
fn compare_changes(
    entries: &[Entry],
    changes: &[&Change],
    time: &Time<'_>,
    numbers: &mut Numbers,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut kinds: Vec<&String> = entries
        .iter()
        .map(|entry| &entry.what)
        .chain(changes.iter().map(|change| &change.what))
        .collect();
    kinds.sort();
    kinds.dedup();
    for kind in kinds {
        let expected: Vec<&Entry> = entries.iter().filter(|entry| entry.what == *kind).collect();
        let actual: Vec<&Change> = changes
            .iter()
            .copied()
            .filter(|change| change.what == *kind)
            .collect();
        if expected.len() != actual.len() {
            differences.push(counted_apart(kind, &expected, &actual));
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

/// Says that this happened more or less often.
fn counted_apart(kind: &str, expected: &[&Entry], actual: &[&Change]) -> Difference {
    let count = |count| Kind::of(kind).count(count);
    let old = expected.iter().map(|entry| (&entry.key, &entry.cells));
    let old = old.map(|(key, cells)| {
        let first = key.iter().chain(cells).take(SHOWN_CELLS);
        let cells: Vec<String> = first
            .map(|(column, value)| format!("{column}={value}"))
            .collect();
        cells.join(", ")
    });
    let new = actual.iter().map(|change| {
        let first = change.key.iter().chain(&change.cells).take(SHOWN_CELLS);
        shown(&first.cloned().collect::<Vec<_>>())
    });
    let cause = format!(
        "on the old server: {}; on the candidate: {}",
        few(old),
        few(new)
    );
    Difference::new(
        kind,
        "side effect",
        count(expected.len()),
        count(actual.len()),
    )
    .because(cause)
}

/// Lists the first ones of many.
fn few(all: impl ExactSizeIterator<Item = String>) -> String {
    let left = all.len().saturating_sub(SHOWN);
    let mut words: Vec<String> = all.take(SHOWN).map(|one| format!("[{one}]")).collect();
    if words.is_empty() {
        return "nothing".to_owned();
    }
    if left > 0 {
        words.push(format!("and {left} more"));
    }
    words.join(" ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{effect::change::cell, outcome::Outcome};

    #[test]
    fn a_table_that_changed_in_an_unknown_way_is_not_the_same() {
        let outcome = |what: &str, rows: &str| {
            let step = Step {
                name: "01-save".to_owned(),
                entries: vec![Entry {
                    what: what.to_owned(),
                    key: Vec::new(),
                    cells: vec![("rows".to_owned(), "+0 rows".to_owned())],
                }],
            };
            let change = Change {
                what: what.to_owned(),
                key: Vec::new(),
                cells: vec![cell("rows", rows)],
                is_new: false,
            };
            let seen = Seen {
                from: 0,
                to: 1,
                changes: Ok(vec![change]),
            };
            let (zone, mut numbers) = (Zone::utc(), Numbers::new());
            compare_step("s", &step, Some(&seen), &Kind::ALL, &zone, 60, &mut numbers)
        };
        let case = outcome("changed log", "+0 rows");
        assert_eq!(case.outcome, Outcome::NotRun);
        assert!(
            case.reason.starts_with("log changed on both servers"),
            "{case:?}"
        );
        let case = outcome("changed log", "+1 rows");
        assert!(matches!(case.outcome, Outcome::Different(_)), "{case:?}");
        assert_eq!(outcome("updated log", "+0 rows").outcome, Outcome::Same);
    }
}
