//! The rows of one table compared: which of them have to be read, and how they are put beside each other.
//!
//! Between two live servers the servers' own digests say which ranges of keys differ, and only those are read; a
//! recording is read whole, or by its digests where it lists no rows.

use super::{
    chunk::{Chunk, Chunker, Part, hex},
    contents::{Contents, Found},
    error::DatabaseError,
    finding::{Findings, Pairing, thousands},
    fingerprint, keyed, multiset,
    name::Name,
    rows::{KeyPart, Selection, Side},
    schema::{ColumnKind, Layout},
};
use crate::outcome::Difference;

/// A table is cut into about this many ranges, so that one changed row is found without reading all.
const RANGES: i128 = 1000;

/// Ranges smaller than this are not worth a query of their own.
const SMALLEST_RANGE: i128 = 1000;

/// If more ranges than this differ, the table is read whole.
const MOST_RANGES: usize = 50;

/// What came of comparing rows.
pub(super) enum Rows {
    /// They were compared.
    Compared(Vec<Difference>, String),
    /// They could not be.
    Incomparable(String),
}

/// Compares the rows of one table.
pub(super) async fn compare_rows(
    expected: (&Found, &mut Contents),
    actual: (&Found, &mut Contents),
) -> Result<Rows, DatabaseError> {
    let (known, known_in) = expected;
    let (found, found_in) = actual;
    let layout = &known.table().layout;
    let (shared, keyed) = shared_layout(layout, &found.table().layout);
    let pairing = Pairing::new(layout, &shared);
    let whole = pairing.columns.len() == layout.columns.len()
        && layout.columns.len() == shared.columns.len();
    if pairing.columns.is_empty() {
        return Ok(Rows::Incomparable(
            "the tables have no column in common".to_owned(),
        ));
    }
    if let Some(chunks) = known.chunks() {
        if !whole
            || pairing
                .columns
                .iter()
                .any(|(first, second)| first != second)
            || keyed == layout.key.is_empty()
        {
            return Ok(Rows::Incomparable(
                "only digests were recorded, and the columns or the key are others".to_owned(),
            ));
        }
        return compare_chunks(chunks, &pairing, found, found_in).await;
    }
    let selected = if whole && keyed {
        differing_ranges(known_in, found_in, layout, &shared).await?
    } else {
        Selected::All
    };
    let mut expected = known.side(known_in, layout);
    let mut actual = found.side(found_in, &shared);
    let rows = expected.count().await?;
    let findings =
        compare_selected(&pairing, selected, keyed, (&mut expected, &mut actual)).await?;
    let how = if keyed {
        "by their key"
    } else {
        "without a key, as a multiset"
    };
    let evidence = format!(
        "{} rows of {} columns, {how}",
        thousands(rows),
        pairing.columns.len()
    );
    Ok(Rows::Compared(
        findings.into_differences(&layout.table.to_string()),
        evidence,
    ))
}

/// Reads and compares the rows that have to be read.
async fn compare_selected(
    pairing: &Pairing<'_>,
    selected: Selected,
    keyed: bool,
    (expected, actual): (&mut Side<'_>, &mut Side<'_>),
) -> Result<Findings, DatabaseError> {
    let mut findings = Findings::default();
    let selections = match selected {
        Selected::None => Vec::new(),
        Selected::Some(selections) => selections,
        Selected::All if keyed => vec![Selection::ByKey],
        Selected::All => {
            multiset::compare(pairing, expected, actual, &mut findings).await?;
            Vec::new()
        }
    };
    for selection in selections {
        let (first, second) = (
            expected.open(selection).await?,
            actual.open(selection).await?,
        );
        keyed::compare(pairing, first, second, &mut findings).await?;
    }
    Ok(findings)
}

/// Returns the actual layout with the expected key, and whether there is a key that both tables can be ordered by.
fn shared_layout(expected: &Layout, actual: &Layout) -> (Layout, bool) {
    let key: Option<Vec<usize>> = expected
        .key
        .iter()
        .map(|&position| {
            let column = &expected.columns[position];
            actual.columns.iter().position(|other| {
                let numbers =
                    (column.kind == ColumnKind::Integer) == (other.kind == ColumnKind::Integer);
                other.name == column.name && numbers && other.kind != ColumnKind::Float
            })
        })
        .collect();
    let key = key.unwrap_or_default();
    let keyed = !key.is_empty();
    (
        Layout {
            key,
            ..actual.clone()
        },
        keyed,
    )
}

/// Which rows have to be read.
enum Selected {
    /// None: the servers' digests are equal.
    None,
    /// Those of some ranges.
    Some(Vec<Selection>),
    /// All.
    All,
}

/// Asks two live servers for digests of ranges and returns those that differ.
async fn differing_ranges(
    expected: &mut Contents,
    actual: &mut Contents,
    layout: &Layout,
    shared: &Layout,
) -> Result<Selected, DatabaseError> {
    let (Contents::Live(first, _), Contents::Live(second, _)) = (expected, actual) else {
        return Ok(Selected::All);
    };
    if layout != shared {
        return Ok(Selected::All);
    }
    let bounds = tokio::try_join!(
        fingerprint::bounds(first, layout),
        fingerprint::bounds(second, shared)
    )?;
    let (Some((low, high)), Some((other_low, other_high))) = bounds else {
        let digests = tokio::try_join!(
            fingerprint::digest(first, layout),
            fingerprint::digest(second, shared)
        )?;
        let equal = matches!(&digests, (Some(one), Some(other)) if one == other);
        return Ok(if equal { Selected::None } else { Selected::All });
    };
    let span = high.max(other_high) - low.min(other_low);
    let size = (span / RANGES).max(SMALLEST_RANGE);
    let digests = tokio::try_join!(
        fingerprint::ranges(first, layout, size),
        fingerprint::ranges(second, shared, size)
    )?;
    let (Some(one), Some(other)) = digests else {
        return Ok(Selected::All);
    };
    let numbers: std::collections::BTreeSet<i128> =
        one.keys().chain(other.keys()).copied().collect();
    let differing: Vec<i128> = numbers
        .into_iter()
        .filter(|range| one.get(range) != other.get(range))
        .collect();
    Ok(match differing.len() {
        0 => Selected::None,
        1..=MOST_RANGES => Selected::Some(
            differing
                .into_iter()
                .map(|range| selection(range, size))
                .collect(),
        ),
        _ => Selected::All,
    })
}

/// Returns the keys that DIV puts into a range; it rounds towards zero.
fn selection(range: i128, size: i128) -> Selection {
    match range {
        0 => Selection::Range(1 - size, size - 1),
        1.. => Selection::Range(range * size, range * size + size - 1),
        _ => Selection::Range(range * size - size + 1, range * size),
    }
}

/// Compares a live table with recorded digests.
async fn compare_chunks(
    recorded: &[Chunk],
    pairing: &Pairing<'_>,
    found: &Found,
    contents: &mut Contents,
) -> Result<Rows, DatabaseError> {
    let keyed = !pairing.expected.key.is_empty();
    let mut side = found.side(contents, pairing.actual);
    let mut source = side
        .open(if keyed {
            Selection::ByKey
        } else {
            Selection::AnyOrder
        })
        .await?;
    let mut chunker = if keyed {
        Chunker::like(recorded)
    } else {
        Chunker::new(false)
    };
    while let Some((key, row)) = source.next().await? {
        chunker.add(key, &row);
    }
    let actual = chunker.finish();
    let table = &pairing.expected.table;
    let show = |chunk: Option<&Chunk>| {
        chunk.map_or("absent".to_owned(), |chunk| {
            format!("{} rows, {}", thousands(chunk.rows), hex(&chunk.digest))
        })
    };
    let mut differences = Vec::new();
    let mut from = "the first".to_owned();
    for index in 0..recorded.len().max(actual.len()) {
        let (known, chunk) = (recorded.get(index), actual.get(index));
        let part = known.or(chunk).map(|chunk| &chunk.part);
        let locus = match part {
            Some(Part::UpTo(key)) => {
                let end = shown_key(key);
                let locus = format!("{table}[{from} to {end}]");
                from = format!("after {end}");
                locus
            }
            Some(Part::Bucket(bucket)) => {
                format!("{table}[rows whose digest begins with {bucket:02x}]")
            }
            None => table.to_string(),
        };
        if known != chunk {
            let difference = Difference::new(locus, "rows", show(known), show(chunk));
            differences.push(difference.because("the rows are recorded by digest only: compare with the old server itself to see them"));
        }
    }
    let rows = recorded.iter().map(|chunk| chunk.rows).sum();
    Ok(Rows::Compared(
        differences,
        format!(
            "{} rows by the digests of {} parts",
            thousands(rows),
            recorded.len()
        ),
    ))
}

fn shown_key(key: &[KeyPart]) -> String {
    let parts: Vec<String> = key
        .iter()
        .map(|part| match part {
            KeyPart::Null => "NULL".to_owned(),
            KeyPart::Number(number) => number.to_string(),
            KeyPart::Bytes(bytes) => Name(bytes.clone()).to_string(),
        })
        .collect();
    parts.join(", ")
}
