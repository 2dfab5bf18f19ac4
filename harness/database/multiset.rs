//! Two tables without a common key: rows are counted, in whatever order they come.
//!
//! Digests of rows are counted up for one table and down for the other; what is not zero in the end differs. Large
//! tables are read in several passes, each for one part of all digests, so that memory stays bounded; a table whose rows are
//! others at the next pass was not read. The rows that differ are then read again and paired by likeness, so that a changed
//! value shows as one.

use std::collections::BTreeMap;

use super::{
    cell::Row,
    chunk::row_digest,
    error::DatabaseError,
    finding::{Findings, Pairing},
    rows::{Selection, Side},
};

/// Digests in memory at a time: about 60 MB.
const AT_ONCE: u64 = 750_000;

/// Rows that are read again to be shown; beyond, they are counted.
const SHOWN: usize = 200;

/// Bytes of rows that are read again to be shown.
const SHOWN_BYTES: usize = 8 << 20;

/// Half of a row's digest: enough to tell rows apart.
type Short = [u8; 16];

fn short(row: &Row) -> Short {
    let digest = row_digest(row);
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

/// All rows of a table, whatever their order: what has to be the same at each pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    rows: u64,
    sum: u128,
}

impl Total {
    fn add(&mut self, digest: &Short) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(*digest));
    }
}

/// Compares rows as multisets.
pub(super) async fn compare(
    pairing: &Pairing<'_>,
    expected: &mut Side<'_>,
    actual: &mut Side<'_>,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let count = expected.count().await?.max(actual.count().await?);
    let parts = u8::try_from(count / AT_ONCE + 1).unwrap_or(u8::MAX);
    let mut surplus: BTreeMap<Short, i64> = BTreeMap::new();
    let (mut missing, mut extra) = (0_u64, 0_u64);
    let mut seen: Option<[Total; 2]> = None;
    for part in 0..parts {
        let mut totals = [Total::default(); 2];
        let wanted = |digest: &Short| digest[15] % parts == part;
        let mut counts: BTreeMap<Short, i64> = BTreeMap::new();
        let mut source = expected.open(Selection::AnyOrder).await?;
        while let Some((_, row)) = source.next().await? {
            let digest = short(&pairing.expected_values(&row));
            totals[0].add(&digest);
            if wanted(&digest) {
                *counts.entry(digest).or_default() += 1;
                findings.rows += 1;
            }
        }
        drop(source);
        let mut source = actual.open(Selection::AnyOrder).await?;
        while let Some((_, row)) = source.next().await? {
            let digest = short(&pairing.actual_values(&row));
            totals[1].add(&digest);
            if wanted(&digest) {
                let count = counts.entry(digest).or_default();
                *count -= 1;
                if *count == 0 {
                    counts.remove(&digest);
                }
            }
        }
        let before = *seen.get_or_insert(totals);
        for (which, side) in [&*expected, &*actual].into_iter().enumerate() {
            if before[which] != totals[which] {
                return Err(side.changed());
            }
        }
        for (digest, count) in counts {
            if surplus.len() < SHOWN {
                surplus.insert(digest, count);
            } else if count > 0 {
                missing += count.unsigned_abs();
            } else {
                extra += count.unsigned_abs();
            }
        }
    }
    findings.uncounted(missing, extra);
    if !surplus.is_empty() {
        show(pairing, expected, actual, surplus, findings).await?;
    }
    Ok(())
}

/// Reads the rows that differ again and reports them.
async fn show(
    pairing: &Pairing<'_>,
    expected: &mut Side<'_>,
    actual: &mut Side<'_>,
    mut surplus: BTreeMap<Short, i64>,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let mut budget = SHOWN_BYTES;
    let mut known = Vec::new();
    let mut source = expected.open(Selection::AnyOrder).await?;
    while let Some((_, row)) = source.next().await? {
        let digest = short(&pairing.expected_values(&row));
        take(&mut surplus, digest, row, &mut budget, &mut known, 1);
    }
    drop(source);
    let mut found = Vec::new();
    let mut source = actual.open(Selection::AnyOrder).await?;
    while let Some((_, row)) = source.next().await? {
        let digest = short(&pairing.actual_values(&row));
        take(&mut surplus, digest, row, &mut budget, &mut found, -1);
    }
    drop(source);
    for count in surplus.into_values() {
        let rows = count.unsigned_abs();
        if count > 0 {
            findings.uncounted(rows, 0);
        } else {
            findings.uncounted(0, rows);
        }
    }
    for (row, times) in known {
        match alike(pairing, &row, &found).filter(|_| times == 1) {
            Some(index) => {
                let (other, _) = found.remove(index);
                findings.rows = findings.rows.saturating_sub(1);
                findings.compare(pairing, &row, &other);
            }
            None => findings.missing(pairing.expected, &row, times),
        }
    }
    for (row, times) in found {
        findings.extra(pairing.actual, &row, times);
    }
    Ok(())
}

/// Takes a row that differs out of the surplus, if it is within the budget.
fn take(
    surplus: &mut BTreeMap<Short, i64>,
    digest: Short,
    row: Row,
    budget: &mut usize,
    rows: &mut Vec<(Row, u64)>,
    sign: i64,
) {
    let Some(count) = surplus
        .get(&digest)
        .copied()
        .filter(|count| count.signum() == sign)
    else {
        return;
    };
    let size: usize = row.iter().flatten().map(Vec::len).sum();
    if let Some(left) = budget.checked_sub(size) {
        *budget = left;
        surplus.remove(&digest);
        rows.push((row, count.unsigned_abs()));
    }
}

/// Returns which single row has most values in common, if that is at least half of them.
fn alike(pairing: &Pairing<'_>, row: &Row, others: &[(Row, u64)]) -> Option<usize> {
    let common = |other: &Row| {
        pairing
            .columns
            .iter()
            .filter(|(first, second)| row[*first] == other[*second])
            .count()
    };
    let (index, equal) = others
        .iter()
        .enumerate()
        .filter(|(_, (_, times))| *times == 1)
        .map(|(index, (other, _))| (index, common(other)))
        .max_by_key(|(index, equal)| (*equal, std::cmp::Reverse(*index)))?;
    (equal * 2 >= pairing.columns.len() && equal > 0).then_some(index)
}
