//! Two live tables compared by what their servers say about parts of them; only parts that differ are read row by row.
//!
//! A part is a range of a whole-number key, whose size follows the time that the servers need. Engines that find a row by
//! its key slowly (`MyISAM`) are asked about the whole table at once, and for its parts only if it differs. A table without
//! such a key is asked about as a whole.

use std::time::Instant;

use super::{
    connection::Connection,
    error::DatabaseError,
    finding::{Findings, Pairing},
    keyed,
    name::Name,
    ranges::{self, FIRST, LARGEST, next_width},
    row_hash::{Digest, Fold, Marks, Part, RowHash, digest_query, folded, groups_query},
    rows::{Selection, Side},
    schema::{ColumnKind, Layout, Table, text},
    watch::Rest,
};

/// Tables of fewer rows are read: that takes no longer.
const FEW: u64 = 2_000;

/// So many parts a whole table is divided into, at most.
const PARTS: i128 = 20_000;

/// A live table of one side.
#[derive(Debug)]
pub(super) struct LiveTable<'a> {
    /// Its server.
    pub(super) connection: &'a mut Connection,
    /// Schema and layout.
    pub(super) table: &'a Table,
}

/// Both sides.
#[derive(Debug)]
struct Sides<'a> {
    known: LiveTable<'a>,
    found: LiveTable<'a>,
}

/// What became of asking the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The tables are compared: how.
    Compared(String),
    /// Their rows have to be read.
    Unproven,
}

/// What both servers are asked.
struct Question<'a> {
    hash: RowHash,
    folded: [Vec<u8>; 2],
    tables: [&'a Name; 2],
    keys: [&'a Name; 2],
}

/// Compares by digests, if the tables are large and the servers can; what differs goes to `findings`.
pub(super) async fn compare(
    pairing: &Pairing<'_>,
    known: LiveTable<'_>,
    found: LiveTable<'_>,
    keyed: bool,
    findings: &mut Findings,
) -> Result<Asked, DatabaseError> {
    let mut sides = Sides { known, found };
    if is_small(&mut sides.known).await? && is_small(&mut sides.found).await? {
        return Ok(Asked::Unproven);
    }
    let fold = if keyed { Fold::Xor } else { Fold::Sum };
    let hash = RowHash::common(sides.known.connection, sides.found.connection, fold).await?;
    let Some(hash) = hash else {
        return Ok(Asked::Unproven);
    };
    let Some(question) = question((hash, fold), pairing, sides.known.table, sides.found.table)
    else {
        return Ok(Asked::Unproven);
    };
    let numbered = keyed && is_numbered(pairing, sides.found.table);
    if numbered && !(sides.known.table.is_scanned() || sides.found.table.is_scanned()) {
        return by_ranges(&question, pairing, &mut sides, findings)
            .await
            .map(Asked::Compared);
    }
    let (known, found) = tokio::try_join!(
        digest(&mut sides.known, &question, 0, Part::Whole),
        digest(&mut sides.found, &question, 1, Part::Whole),
    )?;
    if proves(known.as_ref(), found.as_ref()) {
        findings.rows += known.map_or(0, |digest| digest.rows);
        return Ok(Asked::Compared(format!(
            "by a digest of each server ({})",
            hash.as_str()
        )));
    }
    let is_for_one = [&sides.known, &sides.found]
        .into_iter()
        .any(|side| Rest::of(side.table.engine()).is_for_one_question());
    if !numbered || is_for_one {
        return Ok(Asked::Unproven);
    }
    by_groups(&question, pairing, &mut sides, findings).await
}

/// Returns whether the key begins with a whole number that no row of either table lacks: only then no row is outside of all
/// ranges.
fn is_numbered(pairing: &Pairing<'_>, found: &Table) -> bool {
    let whole = |layout: &Layout| {
        let position = layout.key.first().copied();
        position.filter(|&position| layout.columns[position].kind == ColumnKind::Integer)
    };
    whole(pairing.expected).is_some()
        && whole(pairing.actual).is_some_and(|position| !found.is_nullable(position))
}

async fn is_small(side: &mut LiveTable<'_>) -> Result<bool, DatabaseError> {
    let table = &side.table.layout.table;
    let query = [
        b"SELECT COUNT(*) FROM (SELECT 1 FROM ".as_slice(),
        &table.quoted(),
        format!(" LIMIT {FEW}) AS few").as_bytes(),
    ]
    .concat();
    let rows = side
        .connection
        .rows(&format!("the rows of {table}"), query)
        .await?;
    Ok(rows
        .first()
        .is_none_or(|row| text(row, 0) != FEW.to_string()))
}

/// Makes the same text of the same values on both sides, whatever their columns are declared as.
fn question<'a>(
    hash: (RowHash, Fold),
    pairing: &Pairing<'_>,
    first: &'a Table,
    second: &'a Table,
) -> Option<Question<'a>> {
    let (known, found): (Vec<usize>, Vec<usize>) = pairing.columns.iter().copied().unzip();
    let marks = Marks::draw();
    let key = |table: &'a Table, position: Option<&usize>| {
        position.map_or(&table.layout.table, |&position| {
            &table.layout.columns[position].name
        })
    };
    Some(Question {
        hash: hash.0,
        folded: [
            folded(hash, &marks, first, &known)?,
            folded(hash, &marks, second, &found)?,
        ],
        tables: [&first.layout.table, &second.layout.table],
        keys: [
            key(first, pairing.expected.key.first()),
            key(second, pairing.actual.key.first()),
        ],
    })
}

/// Asks one server about a part; `None` if it can't say.
async fn digest(
    side: &mut LiveTable<'_>,
    question: &Question<'_>,
    which: usize,
    part: Part,
) -> Result<Option<Digest>, DatabaseError> {
    let what = format!("a digest of {}", question.tables[which]);
    let query = digest_query(
        question.tables[which],
        &question.folded[which],
        question.keys[which],
        part,
    );
    let rows = side.connection.rows(&what, query).await?;
    if side.connection.warnings() > 0 {
        return Ok(None);
    }
    Ok(rows
        .first()
        .and_then(|row| Digest::read(&text(row, 0), &text(row, 1))))
}

fn proves(known: Option<&Digest>, found: Option<&Digest>) -> bool {
    matches!((known, found), (Some(known), Some(found)) if known == found)
}

/// Returns the lowest and the highest key of both tables.
async fn bounds(
    question: &Question<'_>,
    sides: &mut Sides<'_>,
) -> Result<Option<(i128, i128)>, DatabaseError> {
    let mut bounds: Option<(i128, i128)> = None;
    for (which, side) in [&mut sides.known, &mut sides.found].into_iter().enumerate() {
        let (table, key) = (question.tables[which], question.keys[which]);
        if let Some((low, high)) = ranges::bounds(side.connection, table, key).await? {
            bounds =
                Some(bounds.map_or((low, high), |known| (known.0.min(low), known.1.max(high))));
        }
    }
    Ok(bounds)
}

/// Walks the key from the lowest to the highest in parts that grow and shrink by the time they take.
async fn by_ranges(
    question: &Question<'_>,
    pairing: &Pairing<'_>,
    sides: &mut Sides<'_>,
    findings: &mut Findings,
) -> Result<String, DatabaseError> {
    let (mut parts, mut read) = (0_u64, 0_u64);
    if let Some((low, high)) = bounds(question, sides).await? {
        let (mut start, mut width) = (low, FIRST);
        while start <= high {
            let end = high.min(start + width - 1);
            let part = Part::Between(start, end);
            let began = Instant::now();
            let (known, found) = tokio::try_join!(
                digest(&mut sides.known, question, 0, part),
                digest(&mut sides.found, question, 1, part),
            )?;
            let rows = [&known, &found]
                .into_iter()
                .flatten()
                .map(|digest| digest.rows)
                .max();
            parts += 1;
            if proves(known.as_ref(), found.as_ref()) {
                findings.rows += rows.unwrap_or_default();
            } else {
                read += 1;
                read_range(pairing, sides, (start, end), findings).await?;
            }
            start = end + 1;
            width = next_width(width, began.elapsed(), rows.unwrap_or(LARGEST));
        }
    }
    Ok(told(question.hash, parts, read))
}

/// Asks for the digests of all parts at once.
async fn by_groups(
    question: &Question<'_>,
    pairing: &Pairing<'_>,
    sides: &mut Sides<'_>,
    findings: &mut Findings,
) -> Result<Asked, DatabaseError> {
    let Some((low, high)) = bounds(question, sides).await? else {
        return Ok(Asked::Unproven);
    };
    // The server divides the keys into groups, in numbers of 64 bits.
    if low < -(1 << 62) || high > 1 << 62 {
        return Ok(Asked::Unproven);
    }
    let width = ((high - low) / PARTS + 1).max(FIRST);
    let (known, found) = tokio::try_join!(
        groups(&mut sides.known, question, 0, (low, width)),
        groups(&mut sides.found, question, 1, (low, width)),
    )?;
    let (Some(known), Some(found)) = (known, found) else {
        return Ok(Asked::Unproven);
    };
    let numbers: std::collections::BTreeSet<i128> =
        known.keys().chain(found.keys()).copied().collect();
    let (mut parts, mut read) = (0, 0);
    for number in numbers {
        let (one, other) = (known.get(&number), found.get(&number));
        parts += 1;
        if proves(one, other) {
            findings.rows += one.map_or(0, |digest| digest.rows);
        } else {
            read += 1;
            let start = low + number * width;
            read_range(pairing, sides, (start, start + width - 1), findings).await?;
        }
    }
    Ok(Asked::Compared(told(question.hash, parts, read)))
}

async fn groups(
    side: &mut LiveTable<'_>,
    question: &Question<'_>,
    which: usize,
    (low, width): (i128, i128),
) -> Result<Option<std::collections::BTreeMap<i128, Digest>>, DatabaseError> {
    let what = format!("digests of {}", question.tables[which]);
    let query = groups_query(
        question.tables[which],
        &question.folded[which],
        question.keys[which],
        low,
        width,
    );
    let Some(rows) = side.connection.rows_if_known(&what, query).await? else {
        return Ok(None);
    };
    if side.connection.warnings() > 0 {
        return Ok(None);
    }
    Ok(rows
        .iter()
        .map(|row| {
            Some((
                text(row, 0).parse().ok()?,
                Digest::read(&text(row, 1), &text(row, 2))?,
            ))
        })
        .collect())
}

/// Reads the rows of one part from both sides.
async fn read_range(
    pairing: &Pairing<'_>,
    sides: &mut Sides<'_>,
    (start, end): (i128, i128),
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let selection = Selection::Between(start, end);
    let mut known = Side::Live(sides.known.connection, pairing.expected);
    let mut found = Side::Live(sides.found.connection, pairing.actual);
    let first = known.open(selection).await?;
    let second = found.open(selection).await?;
    keyed::compare(pairing, first, second, findings).await
}

fn told(hash: RowHash, parts: u64, read: u64) -> String {
    let hash = hash.as_str();
    match read {
        0 => format!("by their key, in {parts} parts by digests of each server ({hash})"),
        _ => format!(
            "by their key, in {parts} parts by digests of each server ({hash}); {read} of them row by row"
        ),
    }
}
