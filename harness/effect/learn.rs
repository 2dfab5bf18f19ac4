//! Makes what rounds of a recording changed into a template: what differs must be the clock, a counted number or drawn.

use std::path::Path;

use super::{
    change::{Change, Kind},
    error::EffectError,
    template::{Entry, Recorded, Step, path, store},
    text::{Numbers, Time, token, with_holes},
    watch::{Observed, Seen},
};
use crate::{
    database::ChangedCell,
    outcome::{Case, CaseId},
    scenario::Scenario,
    snapshot::{Zone, store::file_name},
};

/// What was recorded.
#[derive(Clone, Debug, Default)]
pub struct RecordedEffects {
    /// One case a step: recorded, or broken.
    pub cases: Vec<Case>,
    /// How many files were written.
    pub written: usize,
    /// How many were kept.
    pub unchanged: usize,
}

/// Names a step: `04-ulozenie`.
pub(super) fn step_name(scenario: &Scenario, index: usize) -> String {
    let step = scenario
        .steps
        .get(index)
        .map_or("", |step| step.name.as_str());
    file_name(index + 1, step, 0)
        .trim_end_matches(".snap")
        .to_owned()
}

/// Names the case of a step.
pub(super) fn id(scenario: &str, step: &str) -> CaseId {
    CaseId::new(&["database", "effects", scenario, step])
}

/// Writes what the scenarios changed on the old server.
pub fn record(
    scenarios: &[Scenario],
    snapshots: &Path,
    observed: &Observed,
    zone: &Zone,
    tolerance: i64,
) -> Result<RecordedEffects, EffectError> {
    let mut recorded = RecordedEffects::default();
    for scenario in scenarios.iter().filter(|scenario| scenario.mutates) {
        let Some(rounds) = observed.scenarios.get(&scenario.name) else {
            continue;
        };
        let mut numbers = vec![Numbers::new(); rounds.len()];
        let mut steps = Vec::new();
        for index in 0..scenario.steps.len() {
            let name = step_name(scenario, index);
            match learn(rounds, index, &mut numbers, zone, tolerance) {
                Ok(entries) => {
                    recorded.cases.push(Case::same(
                        id(&scenario.name, &name),
                        format!("{}, in each of {} rounds", counted(&entries), rounds.len()),
                    ));
                    steps.push(Step { name, entries });
                }
                Err(error) => recorded
                    .cases
                    .push(Case::broken(id(&scenario.name, &name), &error)),
            }
        }
        if steps.len() == scenario.steps.len() {
            let effects = Recorded {
                looked_at: observed.looked_at.clone(),
                steps,
            };
            let changed = store(&path(snapshots, &scenario.name), &effects)?;
            *(if changed {
                &mut recorded.written
            } else {
                &mut recorded.unchanged
            }) += 1;
        }
    }
    Ok(recorded)
}

/// Removes the recorded effects of scenarios that don't change data any more; returns how many there were.
pub fn remove_outgrown(scenarios: &[Scenario], snapshots: &Path) -> Result<usize, EffectError> {
    let mut removed = 0;
    for scenario in scenarios.iter().filter(|scenario| !scenario.mutates) {
        let path = path(snapshots, &scenario.name);
        match std::fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(EffectError::Write { path, source }),
        }
    }
    Ok(removed)
}

/// Learns one step from all rounds.
fn learn(
    rounds: &[Vec<Seen>],
    index: usize,
    numbers: &mut [Numbers],
    zone: &Zone,
    tolerance: i64,
) -> Result<Vec<Entry>, EffectError> {
    let unstable = |what: String| EffectError::Unstable { what };
    let mut times = Vec::new();
    let mut changes: Vec<&[Change]> = Vec::new();
    for round in rounds {
        let seen = round
            .get(index)
            .ok_or_else(|| unstable("a round ended before this step".to_owned()))?;
        times.push(Time {
            window: seen.from - tolerance..=seen.to + tolerance,
            zone,
        });
        let seen = seen
            .changes
            .as_ref()
            .map_err(|reason| EffectError::Unseen {
                reason: reason.clone(),
            })?;
        changes.push(seen);
    }
    let first = changes.first().copied().unwrap_or_default();
    for other in &changes {
        let shape = |changes: &[Change]| {
            let what = |change: &Change| change.what.clone();
            changes.iter().map(what).collect::<Vec<_>>()
        };
        if shape(first) != shape(other) {
            let what = format!(
                "{} in one round, {} in another",
                named_all(first),
                named_all(other)
            );
            return Err(unstable(what + advice(first.iter().chain(*other))));
        }
    }
    let rows = |place: usize| {
        changes
            .iter()
            .map(move |changes| &changes[place])
            .collect::<Vec<_>>()
    };
    for place in 0..first.len() {
        count(&rows(place), numbers);
    }
    (0..first.len())
        .map(|place| {
            let rows = rows(place);
            let cells = |of: fn(&Change) -> &[ChangedCell]| {
                let lists: Vec<&[ChangedCell]> = rows.iter().map(|row| of(row)).collect();
                learn_cells(&lists, &times, numbers).map_err(|what_varies| {
                    let what = format!("{}: {what_varies}", named(rows[0]));
                    unstable(what + advice(rows.iter().copied()))
                })
            };
            Ok(Entry {
                what: rows[0].what.clone(),
                key: cells(|row| &row.key)?,
                cells: cells(|row| &row.cells)?,
            })
        })
        .collect()
}

/// Names a change, a file by its path: `edited file "/var/www/log"`.
fn named(change: &Change) -> String {
    let mut cells = change.key.iter().chain(&change.cells);
    match cells.find(|cell| cell.column == "path") {
        Some(path) if Kind::of(&change.what) == Kind::Files => {
            format!("{} {}", change.what, path.text)
        }
        Some(_) | None => change.what.clone(),
    }
}

/// Says what to do where files vary.
fn advice<'a>(changes: impl IntoIterator<Item = &'a Change>) -> &'static str {
    let is_file = |change: &Change| Kind::of(&change.what) == Kind::Files;
    if changes.into_iter().any(is_file) {
        "; a file that others write, too, as a log, is left out by its path in `except = [\"…\"]` of [effects]"
    } else {
        ""
    }
}

fn named_all(changes: &[Change]) -> String {
    match changes {
        [] => "nothing".to_owned(),
        _ => changes.iter().map(named).collect::<Vec<_>>().join(", "),
    }
}

/// Counts what a step did, in words.
pub(super) fn counted(entries: &[Entry]) -> String {
    let words: Vec<String> = Kind::ALL
        .into_iter()
        .filter_map(|kind| {
            let of_kind = |entry: &&Entry| Kind::of(&entry.what) == kind;
            let count = entries.iter().filter(of_kind).count();
            (count > 0).then(|| kind.count(count))
        })
        .collect();
    if words.is_empty() {
        "nothing changed".to_owned()
    } else {
        format!("{} changed", words.join(", "))
    }
}

/// Gives names to the numbers that the server counted for a new row.
fn count(rows: &[&Change], numbers: &mut [Numbers]) {
    if !rows[0].is_new {
        return;
    }
    for (place, cell) in rows[0]
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.is_counted)
    {
        let same = |row: &&Change| {
            row.cells
                .get(place)
                .is_some_and(|other| other.column == cell.column)
        };
        if !rows.iter().all(same) {
            continue;
        }
        let name = format!("id-{}", numbers[0].len() + 1);
        for (row, numbers) in rows.iter().zip(numbers.iter_mut()) {
            numbers.insert(name.clone(), row.cells[place].text.clone());
        }
    }
}

fn learn_cells(
    lists: &[&[ChangedCell]],
    times: &[Time<'_>],
    numbers: &[Numbers],
) -> Result<Vec<(String, String)>, String> {
    let names = |cells: &[ChangedCell]| {
        cells
            .iter()
            .map(|cell| cell.column.clone())
            .collect::<Vec<_>>()
    };
    let first = lists[0];
    if let Some(other) = lists.iter().find(|cells| names(cells) != names(first)) {
        if [first, other]
            .iter()
            .all(|cells| names(cells).iter().all(|name| name.starts_with("line ")))
        {
            return Err(format!(
                "{} lines in one round, {} in another",
                first.len(),
                other.len()
            ));
        }
        return Err(format!(
            "the columns {} in one round, {} in another",
            names(first).join(", "),
            names(other).join(", ")
        ));
    }
    first.iter().enumerate().map(|(place, cell)| {
        let texts: Vec<&str> = lists.iter().map(|cells| cells[place].text.as_str()).collect();
        let value = learn_value(&texts, cell.is_counted, times, numbers).ok_or_else(|| {
            format!("{} is {} in one round, {} in another, and that is neither the clock nor a number that the server counts", cell.column, texts[0], texts[texts.len() - 1])
        })?;
        Ok((cell.column.clone(), value))
    }).collect()
}

/// Returns one text with holes that all rounds' texts fit.
fn learn_value(
    texts: &[&str],
    counted: bool,
    times: &[Time<'_>],
    numbers: &[Numbers],
) -> Option<String> {
    let agreed = |with: bool| {
        let mut written = texts
            .iter()
            .zip(times)
            .zip(numbers)
            .map(|((text, time), numbers)| with_holes(text, time, with.then_some(numbers)));
        let first = written.next()?;
        written.all(|other| other == first).then_some(first)
    };
    // A number that is the same in all rounds is no counted one, unless its column counts.
    let plain = if counted { None } else { agreed(false) };
    plain
        .or_else(|| agreed(true))
        .or_else(|| agreed(false))
        .or_else(|| token(texts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::change::cell;

    fn change(cells: &[(&str, &str, bool)]) -> Change {
        let cells = cells
            .iter()
            .map(|(column, text, is_counted)| ChangedCell {
                column: (*column).to_owned(),
                text: (*text).to_owned(),
                is_counted: *is_counted,
            })
            .collect();
        Change {
            what: "inserted log".to_owned(),
            key: Vec::new(),
            cells,
            is_new: true,
        }
    }

    fn learnt(rounds: &[&[(&str, &str, bool)]]) -> Result<Vec<Entry>, EffectError> {
        let rounds: Vec<Vec<Seen>> = rounds
            .iter()
            .map(|cells| {
                vec![Seen {
                    from: 1_246_442_400,
                    to: 1_246_442_401,
                    changes: Ok(vec![change(cells)]),
                }]
            })
            .collect();
        let mut numbers = vec![Numbers::new(); rounds.len()];
        learn(&rounds, 0, &mut numbers, &Zone::utc(), 60)
    }

    #[test]
    fn clocks_and_counted_numbers_are_learnt_and_what_stays_is_kept() {
        let entries = learnt(&[
            &[
                ("id", "5", true),
                ("file", "\"20090701-100000-5.dat\"", false),
                ("size", "5", false),
            ],
            &[
                ("id", "6", true),
                ("file", "\"20090701-100001-6.dat\"", false),
                ("size", "5", false),
            ],
        ])
        .unwrap();
        let cells: Vec<String> = entries[0]
            .cells
            .iter()
            .map(|(column, value)| format!("{column}={value}"))
            .collect();
        assert_eq!(
            cells,
            [
                "id={{id-1}}",
                "file=\"{{clock Ymd-His}}-{{id-1}}.dat\"",
                "size=5"
            ]
        );
    }

    #[test]
    fn what_varies_without_a_reason_is_not_recorded() {
        let error = learnt(&[&[("a", "\"x\"", false)], &[("a", "\"y\"", false)]]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a is \"x\" in one round, \"y\" in another"),
            "{error}"
        );
        let error = learnt(&[&[("a", "1", false)], &[("b", "1", false)]]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the columns a in one round, b in another"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_grows_from_round_to_round_is_named_with_what_to_do() {
        let path = cell("path", "\"/var/www/log\"");
        let line = |number: usize| cell(format!("line {number:03}"), "\"GET /\\n\"");
        let change = |what: &str, lines: usize| Change {
            what: what.to_owned(),
            key: vec![path.clone()],
            cells: (1..=lines).map(line).collect(),
            is_new: false,
        };
        let told = |rounds: [Vec<Change>; 2]| {
            let seen = |changes| {
                vec![Seen {
                    from: 0,
                    to: 1,
                    changes: Ok(changes),
                }]
            };
            let error = learn(
                &rounds.map(seen),
                0,
                &mut [Numbers::new(), Numbers::new()],
                &Zone::utc(),
                0,
            );
            error.unwrap_err().to_string()
        };
        insta::assert_snapshot!(told([vec![change("edited file", 2)], vec![change("edited file", 3)]]), @r#"the effects vary from round to round: edited file "/var/www/log": 2 lines in one round, 3 in another; a file that others write, too, as a log, is left out by its path in `except = ["…"]` of [effects]"#);
        insta::assert_snapshot!(told([vec![], vec![change("edited file", 3)]]), @r#"the effects vary from round to round: nothing in one round, edited file "/var/www/log" in another; a file that others write, too, as a log, is left out by its path in `except = ["…"]` of [effects]"#);
        let row = vec![change("updated log", 2)];
        insta::assert_snapshot!(told([row, vec![]]), @"the effects vary from round to round: updated log in one round, nothing in another");
    }
}
