//! Columns whose values may differ a little: named one by one, with a reason, and counted in every report.
//!
//! A number may be off by a number, a time by a time. NULL is within nothing, nor is what is no number and no time (the zero date), nor a
//! column that has another type.

use std::{collections::BTreeMap, time::Duration};

use super::{
    cell::Cell, contents::Contents, error::DatabaseError, finding::thousands, name::Name,
    objects::Names, schema::ColumnKind,
};

/// How far a value may be off.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Within {
    /// A number: digits and how many of them are behind the point.
    Number(i128, u32),
    /// A time.
    Time(Duration),
}

/// What one column may differ by, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// The table.
    table: String,
    /// The column.
    column: String,
    within: Within,
    /// `within` as it was written.
    written: String,
    reason: String,
}

impl Tolerance {
    /// Makes the tolerance of `table.column`; the error says what is wrong with it.
    pub fn new(column: &str, within: &str, reason: &str) -> Result<Self, &'static str> {
        let (table, name) = column
            .rsplit_once('.')
            .filter(|(table, name)| !table.is_empty() && !name.is_empty())
            .ok_or("`column` is no TABLE.COLUMN")?;
        if reason.trim().is_empty() {
            return Err("a tolerance without a reason");
        }
        let unit = within.strip_suffix('s');
        let number = unit.unwrap_or(within).trim();
        let limit = decimal(number.as_bytes()).filter(|(digits, _)| *digits > 0);
        let wrong = "`within` is neither a number above 0 (\"0.005\") nor seconds (\"2s\")";
        let (digits, scale) = limit.ok_or(wrong)?;
        let within = match unit {
            None => Within::Number(digits, scale),
            Some(_) => Within::Time(
                Duration::try_from_secs_f64(number.parse().map_err(|_no_number| wrong)?)
                    .map_err(|_too_long| wrong)?,
            ),
        };
        Ok(Self {
            table: table.to_owned(),
            column: name.to_owned(),
            within,
            written: number.to_owned() + if unit.is_some() { " s" } else { "" },
            reason: reason.trim().to_owned(),
        })
    }

    /// Returns whether it says of a column of this kind how far off it may be.
    fn fits(&self, kind: ColumnKind) -> bool {
        match (&self.within, kind) {
            (Within::Number(..), ColumnKind::Decimal | ColumnKind::Float)
            | (Within::Time(_), ColumnKind::Temporal) => true,
            (Within::Number(..) | Within::Time(_), _) => false,
        }
    }

    /// Returns whether two values of columns of these kinds are as near as that.
    pub(super) fn lets_pass(
        &self,
        (expected, kind): (&Cell, ColumnKind),
        (actual, other): (&Cell, ColumnKind),
    ) -> bool {
        let (Some(expected), Some(actual)) = (expected, actual) else {
            return false;
        };
        kind == other
            && self.fits(kind)
            && match self.within {
                Within::Number(digits, scale) => {
                    near((digits, scale), kind, expected, actual).unwrap_or(false)
                }
                Within::Time(limit) => match (microseconds(expected), microseconds(actual)) {
                    (Some(first), Some(second)) => first.abs_diff(second) <= limit.as_micros(),
                    (_, _) => false,
                },
            }
    }
}

/// The tolerances of a comparison, and what each let pass.
#[derive(Debug)]
pub(super) struct Tolerances<'a> {
    list: &'a [Tolerance],
    passed: Vec<u64>,
}

impl<'a> Tolerances<'a> {
    /// Begins to count.
    pub(super) fn new(list: &'a [Tolerance]) -> Self {
        let passed = vec![0; list.len()];
        Self { list, passed }
    }

    /// Returns those of a table: by column, with their place in the list.
    pub(super) fn of(&self, table: &Name) -> BTreeMap<String, (usize, &'a Tolerance)> {
        let table = table.to_string();
        let own = self.list.iter().enumerate();
        own.filter(|(_, one)| one.table == table)
            .map(|(index, one)| (one.column.clone(), (index, one)))
            .collect()
    }

    /// Counts cells that passed; returns what the evidence of the table says.
    pub(super) fn count(&mut self, passed: &BTreeMap<usize, u64>) -> String {
        let mut told = Vec::new();
        for (&index, &cells) in passed {
            self.passed[index] += cells;
            let Tolerance {
                column, written, ..
            } = &self.list[index];
            let cells = thousands(cells);
            told.push(format!(
                "; {cells} cells of {column} are others, within {written}"
            ));
        }
        told.concat()
    }

    /// Returns what each let pass, for the report.
    pub(super) fn told(&self) -> Vec<String> {
        let one = |(tolerance, passed): (&Tolerance, &u64)| {
            let Tolerance {
                table,
                column,
                written,
                reason,
                ..
            } = tolerance;
            let what = match passed {
                0 => "a tolerance that let nothing pass: it can go".to_owned(),
                1 => format!("1 cell differs by at most {written}"),
                _ => format!("{} cells differ by at most {written}", thousands(*passed)),
            };
            format!("database: {table}.{column}: {what} ({reason})")
        };
        self.list.iter().zip(&self.passed).map(one).collect()
    }

    /// Refuses a tolerance of what is not there, of a key, or of a type that it does not fit.
    pub(super) async fn check(
        &self,
        expected: &mut Contents,
        names: &Names,
    ) -> Result<(), DatabaseError> {
        for (index, tolerance) in self.list.iter().enumerate() {
            let wrong = |reason| DatabaseError::Tolerance {
                index,
                column: format!("{}.{}", tolerance.table, tolerance.column),
                reason,
            };
            if self.list[..index]
                .iter()
                .any(|other| (&other.table, &other.column) == (&tolerance.table, &tolerance.column))
            {
                return Err(wrong("the column has a tolerance already"));
            }
            let name = names
                .tables
                .iter()
                .find(|name| name.to_string() == tolerance.table);
            let Some(name) = name else {
                return Err(wrong("the old database has no such table"));
            };
            let Ok(found) = expected.table(name).await else {
                // The comparison says what is the matter with the table.
                continue;
            };
            let layout = &found.table().layout;
            let columns = &layout.columns;
            let position = columns
                .iter()
                .position(|column| column.name.to_string() == tolerance.column);
            let Some(position) = position else {
                return Err(wrong("the table has no such column"));
            };
            if layout.key.contains(&position) {
                return Err(wrong(
                    "rows are told apart by this column: it is part of the key",
                ));
            }
            if layout.key.is_empty() {
                return Err(wrong(
                    "the table has no key, so that nothing says which values belong together",
                ));
            }
            if !tolerance.fits(columns[position].kind) {
                return Err(wrong(
                    "numbers (\"0.005\") are for FLOAT, DOUBLE and DECIMAL, seconds (\"2s\") for dates and times",
                ));
            }
        }
        Ok(())
    }
}

/// Returns whether two numbers are as near as that; by their digits, for no number in a computer is 0.1. A DECIMAL of more digits than can
/// be told apart here is near to nothing.
fn near(limit: (i128, u32), kind: ColumnKind, expected: &[u8], actual: &[u8]) -> Option<bool> {
    let (first, second) = (decimal(expected), decimal(actual));
    if let (Some(first), Some(second)) = (first, second) {
        let scale = limit.1.max(first.1).max(second.1);
        let scaled =
            |(digits, own): (i128, u32)| digits.checked_mul(10_i128.checked_pow(scale - own)?);
        if let (Some(first), Some(second), Some(limit)) =
            (scaled(first), scaled(second), scaled(limit))
        {
            return Some(first.abs_diff(second) <= limit.unsigned_abs());
        }
    }
    if kind != ColumnKind::Float {
        return None;
    }
    let parse = |text| str::from_utf8(text).ok()?.parse::<f64>().ok();
    let (first, second) = (parse(expected)?, parse(actual)?);
    let limit = format!("{}e-{}", limit.0, limit.1).parse::<f64>().ok()?;
    Some(first.is_finite() && second.is_finite() && (first - second).abs() <= limit)
}

/// Reads `-12.5` or `1e-7` as digits and how many of them are behind the point.
fn decimal(text: &[u8]) -> Option<(i128, u32)> {
    let text = str::from_utf8(text).ok()?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let bare = whole.trim_start_matches(['-', '+']);
    let is_number = whole.len() - bare.len() <= 1
        && !(bare.is_empty() && fraction.is_empty())
        && bare
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !is_number {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i64::try_from(fraction.len()).ok()? - exponent.parse::<i64>().ok()?;
    match u32::try_from(scale) {
        Ok(scale) => Some((digits, scale)),
        Err(_whole) => {
            let power = u32::try_from(-scale).ok()?;
            Some((digits.checked_mul(10_i128.checked_pow(power)?)?, 0))
        }
    }
}

/// Reads a date, a date with a time or a TIME (`-838:59:59`); no zero date is one.
fn microseconds(text: &[u8]) -> Option<i128> {
    let text = str::from_utf8(text).ok()?;
    if let Ok(time) = text.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>() {
        let since = time.duration_since(jiff::civil::DateTime::ZERO);
        return Some(since.as_micros());
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let since = date
            .at(0, 0, 0, 0)
            .duration_since(jiff::civil::DateTime::ZERO);
        return Some(since.as_micros());
    }
    let bare = text.strip_prefix('-').unwrap_or(text);
    let mut parts = bare.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| text.parse::<i128>().ok().filter(|_| text.len() <= 3);
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let fraction = format!("{fraction:0<6}");
    let seconds = number(hours)? * 3600 + number(minutes)? * 60 + number(whole)?;
    let total = seconds * 1_000_000
        + fraction
            .parse::<i128>()
            .ok()
            .filter(|_| fraction.len() == 6)?;
    let is_time = parts.next().is_none();
    is_time.then_some(if bare.len() < text.len() {
        -total
    } else {
        total
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limit, kind, two values, and whether they pass.
    const PAIRS: &[(&str, ColumnKind, &str, &str, bool)] = &[
        ("0.005", ColumnKind::Float, "1.0", "1.005", true),
        ("0.005", ColumnKind::Float, "0.3", "0.295", true),
        ("0.005", ColumnKind::Float, "1.0", "1.0051", false),
        ("0.005", ColumnKind::Float, "-0.002", "0.003", true),
        ("0.005", ColumnKind::Float, "1e-300", "0.0", true),
        ("0.005", ColumnKind::Float, "1e300", "1.1e300", false),
        ("0.005", ColumnKind::Float, "NaN", "NaN", false),
        ("0.005", ColumnKind::Float, "inf", "inf", false),
        ("0.005", ColumnKind::Float, "", "0", false),
        (
            "0.01",
            ColumnKind::Decimal,
            "12345678901234567890123456.78",
            "12345678901234567890123456.79",
            true,
        ),
        (
            "0.01",
            ColumnKind::Decimal,
            "12345678901234567890123456.78",
            "12345678901234567890123456.80",
            false,
        ),
        // 48 digits, of which a floating-point number keeps 16.
        (
            "0.01",
            ColumnKind::Decimal,
            "123456789012345678901234567890123456789012345678",
            "123456789012345678901234567890123456789099999999",
            false,
        ),
        ("1", ColumnKind::Integer, "1", "2", false),
        ("1", ColumnKind::Text, "1", "2", false),
        ("1", ColumnKind::Temporal, "2009-02-03", "2009-02-03", false),
        ("1s", ColumnKind::Float, "1", "1", false),
        (
            "2s",
            ColumnKind::Temporal,
            "2009-02-03 04:05:06",
            "2009-02-03 04:05:08",
            true,
        ),
        (
            "2s",
            ColumnKind::Temporal,
            "2009-02-03 04:05:06",
            "2009-02-03 04:05:09",
            false,
        ),
        (
            "1.5s",
            ColumnKind::Temporal,
            "2009-12-31 23:59:59.5",
            "2010-01-01 00:00:01",
            true,
        ),
        (
            "86400s",
            ColumnKind::Temporal,
            "2009-02-03",
            "2009-02-04",
            true,
        ),
        (
            "86400s",
            ColumnKind::Temporal,
            "0000-00-00",
            "0000-00-00 00:00:00",
            false,
        ),
        (
            "86400s",
            ColumnKind::Temporal,
            "2009-00-01",
            "2009-00-02",
            false,
        ),
        ("2s", ColumnKind::Temporal, "-00:00:01", "00:00:01", true),
        ("2s", ColumnKind::Temporal, "838:59:58", "838:59:59", true),
        ("2s", ColumnKind::Temporal, "12:00:00", "", false),
    ];

    #[test]
    fn only_values_as_near_as_that_pass() {
        for &(within, kind, first, second, passes) in PAIRS {
            let tolerance = Tolerance::new("t.c", within, "x").unwrap();
            let [first, second] = [first, second].map(|text| Some(text.as_bytes().to_vec()));
            let found = tolerance.lets_pass((&first, kind), (&second, kind));
            assert_eq!(found, passes, "{within} {first:?} {second:?}");
            assert!(!tolerance.lets_pass((&None, kind), (&second, kind)));
            assert!(!tolerance.lets_pass((&first, kind), (&None, kind)));
            assert!(!tolerance.lets_pass((&first, kind), (&second, ColumnKind::Other)));
        }
    }

    #[test]
    fn a_tolerance_names_a_column_a_limit_and_a_reason() {
        let table = [
            ("t.c", "0.1", "x", None),
            ("t.c", "2s", "x", None),
            ("c", "0.1", "x", Some("TABLE.COLUMN")),
            ("t.", "0.1", "x", Some("TABLE.COLUMN")),
            ("t.c", "0.1", " ", Some("without a reason")),
            ("t.c", "0", "x", Some("`within`")),
            ("t.c", "-1", "x", Some("`within`")),
            ("t.c", "inf", "x", Some("`within`")),
            ("t.c", "2m", "x", Some("`within`")),
            ("t.c", "1%", "x", Some("`within`")),
            ("t.c", "", "x", Some("`within`")),
        ];
        for (column, within, reason, wrong) in table {
            let found = Tolerance::new(column, within, reason).err();
            let text = found.unwrap_or("right");
            assert!(
                text.contains(wrong.unwrap_or("right")),
                "{column} {within} {reason}: {text}"
            );
        }
    }
}
