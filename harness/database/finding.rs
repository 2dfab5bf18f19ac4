//! What a comparison of rows found, collected so that one cause is one finding however many rows it hit.

use std::collections::BTreeMap;

use super::{
    cause::{Change, explain},
    cell::{Row, show, show_both},
    large::LargePair,
    schema::{Column, Layout},
    tolerance::Tolerance,
};
use crate::outcome::Difference;

/// So many differences of one kind stand one by one; what is beyond is counted.
const LISTED: usize = 20;

/// From this many rows on, one explained cause in one column is one finding.
const GROUPED: u64 = 4;

/// The columns that both tables have, and how their rows are named.
#[derive(Debug)]
pub(super) struct Pairing<'a> {
    /// The expected table.
    pub(super) expected: &'a Layout,
    /// The actual table.
    pub(super) actual: &'a Layout,
    /// The positions of the columns that both have.
    pub(super) columns: Vec<(usize, usize)>,
    /// The tolerances of columns, by their expected position, with their place in the project's list.
    tolerances: BTreeMap<usize, (usize, &'a Tolerance)>,
}

impl<'a> Pairing<'a> {
    /// Pairs columns by name.
    pub(super) fn new(expected: &'a Layout, actual: &'a Layout) -> Self {
        let columns = expected
            .columns
            .iter()
            .enumerate()
            .filter_map(|(first, column)| {
                let second = actual
                    .columns
                    .iter()
                    .position(|other| other.name == column.name)?;
                Some((first, second))
            })
            .collect();
        Self {
            expected,
            actual,
            columns,
            tolerances: BTreeMap::new(),
        }
    }

    /// Adds what columns may differ by, by name.
    #[must_use]
    pub(super) fn tolerating(mut self, own: &BTreeMap<String, (usize, &'a Tolerance)>) -> Self {
        let named = |(position, column): (usize, &Column)| {
            Some((position, *own.get(&column.name.to_string())?))
        };
        self.tolerances = self
            .expected
            .columns
            .iter()
            .enumerate()
            .filter_map(named)
            .collect();
        self
    }

    /// Returns whether both tables have the same columns in the same order.
    pub(super) fn is_whole(&self) -> bool {
        let sides = [self.expected, self.actual];
        sides
            .iter()
            .all(|side| side.columns.len() == self.columns.len())
            && self.columns.iter().all(|(first, second)| first == second)
    }

    /// Returns whether a column has a tolerance, so that equal digests are not all that is the same.
    pub(super) fn is_tolerant(&self) -> bool {
        !self.tolerances.is_empty()
    }

    /// Returns the values of an expected row in columns that both have.
    pub(super) fn expected_values(&self, row: &Row) -> Row {
        self.columns
            .iter()
            .map(|(first, _)| row[*first].clone())
            .collect()
    }

    /// Returns the values of an actual row in columns that both have.
    pub(super) fn actual_values(&self, row: &Row) -> Row {
        self.columns
            .iter()
            .map(|(_, second)| row[*second].clone())
            .collect()
    }
}

/// Cells of one column that changed in one way.
#[derive(Debug, Default)]
struct Group {
    count: u64,
    examples: Vec<Difference>,
}

/// Rows that one side has more of.
#[derive(Debug, Default)]
struct Surplus {
    count: u64,
    examples: Vec<(String, String, u64)>,
}

/// Everything that was found in one table's rows.
#[derive(Debug, Default)]
pub(super) struct Findings {
    groups: BTreeMap<(String, Change), Group>,
    missing: Surplus,
    extra: Surplus,
    /// How many pairs of rows were compared.
    pub(super) rows: u64,
    /// Values that were not read and are not the same, to be looked into.
    pub(super) large: Vec<LargePair>,
    /// How many cells each tolerance let pass, by its place.
    pub(super) passed: BTreeMap<usize, u64>,
}

impl Findings {
    /// Compares two rows of one key, or two that are most alike.
    pub(super) fn compare(&mut self, pairing: &Pairing<'_>, expected: &Row, actual: &Row) {
        self.rows += 1;
        for &(first, second) in &pairing.columns {
            if expected[first] == actual[second] {
                continue;
            }
            let column = &pairing.expected.columns[first];
            let other = &pairing.actual.columns[second];
            let cells = (
                (&expected[first], column.kind),
                (&actual[second], other.kind),
            );
            if let Some((place, tolerance)) = pairing.tolerances.get(&first)
                && tolerance.lets_pass(cells.0, cells.1)
            {
                *self.passed.entry(*place).or_default() += 1;
                continue;
            }
            let rows = [expected, actual];
            let known = self.large.len();
            if let Some(large) = LargePair::new(known, rows, (first, second), pairing.expected) {
                self.large.push(large);
                continue;
            }
            let change = explain(&expected[first], &actual[second], column.kind);
            let group = self
                .groups
                .entry((column.name.to_string(), change.clone()))
                .or_default();
            group.count += 1;
            if group.examples.len() < LISTED {
                let (before, after) = show_both(
                    (&expected[first], column.encoding),
                    (&actual[second], other.encoding),
                );
                let locus = format!("{}.{}", label(pairing.expected, expected), column.name);
                let mut difference = Difference::new(locus, change.aspect, before, after);
                difference.cause = change.cause;
                group.examples.push(difference);
            }
        }
    }

    /// Takes notice of a row that the actual table has fewer of.
    pub(super) fn missing(&mut self, layout: &Layout, row: &Row, times: u64) {
        self.missing.add(layout, row, times);
    }

    /// Takes notice of a row that the actual table has more of.
    pub(super) fn extra(&mut self, layout: &Layout, row: &Row, times: u64) {
        self.extra.add(layout, row, times);
    }

    /// Takes notice of rows that are too many to be read again.
    pub(super) fn uncounted(&mut self, missing: u64, extra: u64) {
        self.missing.count += missing;
        self.extra.count += extra;
    }

    /// Returns the differences, most telling first.
    pub(super) fn into_differences(self, table: &str) -> Vec<Difference> {
        let mut differences = Vec::new();
        differences.extend(self.missing.into_differences(table, "missing-row"));
        differences.extend(self.extra.into_differences(table, "extra-row"));
        for ((column, change), group) in self.groups {
            let share = if group.count == self.rows {
                format!("all {} rows", thousands(group.count))
            } else {
                format!(
                    "{} of {} rows",
                    thousands(group.count),
                    thousands(self.rows)
                )
            };
            let listed = group.examples.len() as u64;
            let mut examples = group.examples.into_iter();
            if group.count < GROUPED || (change.cause.is_none() && group.count <= LISTED as u64) {
                differences.extend(examples);
                continue;
            }
            if change.cause.is_none() {
                differences.extend(examples);
                let more = format!("{} more", thousands(group.count - listed));
                let summary = Difference::new(
                    format!("{table}.{column}"),
                    change.aspect,
                    more,
                    "changed as well",
                );
                differences.push(summary.because(format!("{share} differ in this column")));
            } else if let Some(first) = examples.next() {
                let cause = change.cause.unwrap_or_default();
                let text = format!(
                    "{share} of {table}.{column}: the same change, first at {}: {cause}",
                    first.locus
                );
                differences.push(
                    Difference {
                        locus: format!("{table}.{column}"),
                        ..first
                    }
                    .because(text),
                );
            }
        }
        differences
    }
}

impl Surplus {
    fn add(&mut self, layout: &Layout, row: &Row, times: u64) {
        self.count += times;
        if self.examples.len() < LISTED {
            self.examples
                .push((label(layout, row), values(layout, row), times));
        }
    }

    fn into_differences(self, table: &str, aspect: &'static str) -> Vec<Difference> {
        let missing = aspect == "missing-row";
        let shown: u64 = self.examples.iter().map(|(_, _, times)| times).sum();
        let mut differences: Vec<Difference> = self
            .examples
            .into_iter()
            .map(|(locus, values, times)| {
                let (more, less) = if times == 1 {
                    (values, "absent".to_owned())
                } else {
                    (values, format!("{} times fewer", thousands(times)))
                };
                if missing {
                    Difference::new(locus, aspect, more, less)
                } else {
                    Difference::new(locus, aspect, less, more)
                }
            })
            .collect();
        if self.count > shown {
            let more = format!("{} more rows", thousands(self.count - shown));
            let (expected, actual) = if missing {
                (more, "absent".to_owned())
            } else {
                ("absent".to_owned(), more)
            };
            differences.push(Difference::new(table, aspect, expected, actual));
        }
        differences
    }
}

/// Names a row by its key, or by its first values: `ziaci[id=17]`.
pub(super) fn label(layout: &Layout, row: &Row) -> String {
    let positions: Vec<usize> = if layout.key.is_empty() {
        (0..layout.columns.len().min(3)).collect()
    } else {
        layout.key.clone()
    };
    let parts: Vec<String> = positions
        .into_iter()
        .map(|position| {
            let column = &layout.columns[position];
            let text = short(&show(&row[position], column.encoding, 0));
            let bare = text
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'));
            let number = bare.filter(|bare| {
                !bare.is_empty()
                    && bare
                        .bytes()
                        .all(|byte| byte.is_ascii_digit() || byte == b'-')
            });
            format!("{}={}", column.name, number.unwrap_or(&text))
        })
        .collect();
    format!("{}[{}]", layout.table, parts.join(", "))
}

fn values(layout: &Layout, row: &Row) -> String {
    let cells = row
        .iter()
        .zip(&layout.columns)
        .map(|(cell, column)| format!("{} {}", column.name, show(cell, column.encoding, 0)));
    let text = cells.collect::<Vec<_>>().join(", ");
    if text.chars().count() > 1000 {
        text.chars().take(1000).chain(" …".chars()).collect()
    } else {
        text
    }
}

fn short(text: &str) -> String {
    let text = text.split(" (hex").next().unwrap_or_default();
    if text.chars().count() > 40 {
        text.chars().take(40).chain("…".chars()).collect()
    } else {
        text.to_owned()
    }
}

/// Returns a number with commas: `1,204`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{
        cell::CellEncoding,
        name::Name,
        schema::{Column, ColumnKind},
    };

    fn layout() -> Layout {
        let column = |name: &str, kind, encoding| Column {
            name: Name::from(name),
            kind,
            encoding,
        };
        let columns = vec![
            column("id", ColumnKind::Integer, CellEncoding::Bytes),
            column("meno", ColumnKind::Text, CellEncoding::Windows1250),
        ];
        Layout {
            table: Name::from("ziaci"),
            columns,
            key: vec![0],
        }
    }

    #[test]
    fn one_cause_in_many_rows_is_one_finding() {
        let layout = layout();
        let pairing = Pairing::new(&layout, &layout);
        let mut findings = Findings::default();
        for id in 1..=1204 {
            let row = |meno: &[u8]| vec![Some(id.to_string().into_bytes()), Some(meno.to_vec())];
            findings.compare(&pairing, &row(b"\x9elt\xfd"), &row("žltý".as_bytes()));
        }
        let differences = findings.into_differences("ziaci");
        assert_eq!(differences.len(), 1);
        insta::assert_snapshot!(differences[0].cause.as_deref().unwrap(), @"all 1,204 rows of ziaci.meno: the same change, first at ziaci[id=1].meno: CP1250 text became UTF-8");
        insta::assert_snapshot!(differences[0].expected, @r#""žltý" (hex 9e 6c 74 fd)"#);
    }

    #[test]
    fn a_single_cell_is_named_by_its_key() {
        let layout = layout();
        let pairing = Pairing::new(&layout, &layout);
        let mut findings = Findings::default();
        let row = |meno: &str| vec![Some(b"17".to_vec()), Some(meno.as_bytes().to_vec())];
        findings.compare(&pairing, &row("a"), &row("b"));
        findings.missing(&layout, &row("c"), 1);
        let differences = findings.into_differences("ziaci");
        assert_eq!(
            differences[0],
            Difference::new(
                "ziaci[id=17]",
                "missing-row",
                "id \"17\", meno \"c\"",
                "absent"
            )
        );
        assert_eq!(
            differences[1],
            Difference::new("ziaci[id=17].meno", "value", "\"a\"", "\"b\"")
        );
    }
}
