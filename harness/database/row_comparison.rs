//! The rows of one table compared: by key where both tables have one, as a multiset otherwise.
//!
//! Large tables of two servers are compared by what the servers say about parts of them (see `parts`). Other rows are read
//! whole from both sides, in the order of the key, and compared here. A recording that lists no rows is compared by its digests.

use super::{
    chunk::{Chunk, Chunker, Part, hex},
    contents::{Contents, Found},
    error::DatabaseError,
    finding::{Findings, Pairing, thousands},
    keyed, large, multiset,
    name::Name,
    parts::{self, Asked, LiveTable},
    rows::{KeyPart, Selection, Side},
    schema::{ColumnKind, Layout},
    tolerance::Tolerances,
};
use crate::outcome::Difference;

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
    tolerances: &mut Tolerances<'_>,
) -> Result<Rows, DatabaseError> {
    let (known, known_in) = expected;
    let (found, found_in) = actual;
    let layout = &known.table().layout;
    let (shared, keyed) = shared_layout(layout, &found.table().layout);
    let pairing = Pairing::new(layout, &shared).tolerating(&tolerances.of(&layout.table));
    if pairing.columns.is_empty() {
        return Ok(Rows::Incomparable(
            "the tables have no column in common".to_owned(),
        ));
    }
    if known.chunks().or(found.chunks()).is_some() {
        if !pairing.is_whole() || keyed == layout.key.is_empty() {
            return Ok(Rows::Incomparable(
                "only digests were recorded, and the columns or the key are others".to_owned(),
            ));
        }
        let known = chunks_of((known, known_in), layout, found.chunks()).await?;
        let found = chunks_of((found, found_in), &shared, Some(&known)).await?;
        return Ok(compare_chunks(&known, &found, &pairing));
    }
    if let (Contents::Live(first, _), Contents::Live(second, _)) = (&mut *known_in, &mut *found_in)
    {
        large::agree((first, layout), (second, &shared)).await?;
    }
    let mut findings = Findings::default();
    let asked = match (live(known, &mut *known_in), live(found, &mut *found_in)) {
        // No digest says how far apart values are.
        (Some(first), Some(second)) if !pairing.is_tolerant() => {
            parts::compare(&pairing, first, second, keyed, &mut findings).await?
        }
        (Some(_) | None, _) => Asked::Unproven,
    };
    let (rows, how) = match asked {
        Asked::Compared(how) => (findings.rows, how),
        Asked::Unproven => {
            let mut expected = known.side(known_in, layout);
            let mut actual = found.side(found_in, &shared);
            let rows = expected.count().await?;
            let how = read_all(&pairing, &mut expected, &mut actual, keyed, &mut findings).await?;
            (rows, how.to_owned())
        }
    };
    let large = locate(&pairing, &findings, known_in, found_in).await?;
    let evidence = format!(
        "{} rows of {} columns, {how}{}",
        thousands(rows),
        pairing.columns.len(),
        tolerances.count(&findings.passed)
    );
    let mut differences = findings.into_differences(&layout.table.to_string());
    differences.extend(large);
    Ok(Rows::Compared(differences, evidence))
}

/// Asks two servers where large values differ, or says no more than that they do.
async fn locate(
    pairing: &Pairing<'_>,
    findings: &Findings,
    known: &mut Contents,
    found: &mut Contents,
) -> Result<Vec<Difference>, DatabaseError> {
    let mut differences = Vec::new();
    for large in &findings.large {
        differences.push(match (&mut *known, &mut *found) {
            (Contents::Live(first, _), Contents::Live(second, _)) => {
                large.locate(pairing, first, second).await?
            }
            (Contents::Live(..) | Contents::Recorded(_) | Contents::Dump(_), _) => {
                large.told(pairing)
            }
        });
    }
    Ok(differences)
}

/// Reads all rows of both sides; returns how they were told apart.
async fn read_all(
    pairing: &Pairing<'_>,
    expected: &mut Side<'_>,
    actual: &mut Side<'_>,
    keyed: bool,
    findings: &mut Findings,
) -> Result<&'static str, DatabaseError> {
    if keyed {
        let first = expected.open(Selection::ByKey).await?;
        let second = actual.open(Selection::ByKey).await?;
        keyed::compare(pairing, first, second, findings).await?;
        Ok("by their key")
    } else {
        multiset::compare(pairing, expected, actual, findings).await?;
        Ok("without a key, as a multiset")
    }
}

/// Returns a table that is on a server, with its connection.
fn live<'a>(found: &'a Found, contents: &'a mut Contents) -> Option<LiveTable<'a>> {
    match (found, contents) {
        (Found::Live(table), Contents::Live(connection, _)) => {
            Some(LiveTable { connection, table })
        }
        (Found::Live(_) | Found::Recorded(_), _) => None,
    }
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

/// Returns a table's recorded digests, or those of its rows, in parts that end where the other side's do.
async fn chunks_of(
    (found, contents): (&Found, &mut Contents),
    layout: &Layout,
    other: Option<&[Chunk]>,
) -> Result<Vec<Chunk>, DatabaseError> {
    if let Some(chunks) = found.chunks() {
        return Ok(chunks.to_vec());
    }
    let keyed = !layout.key.is_empty();
    let mut side = found.side(contents, layout);
    let mut source = side
        .open(if keyed {
            Selection::ByKey
        } else {
            Selection::AnyOrder
        })
        .await?;
    let mut chunker = match other {
        Some(chunks) if keyed => Chunker::like(chunks),
        Some(_) | None => Chunker::new(keyed),
    };
    while let Some((key, row)) = source.next().await? {
        chunker.add(key, &row);
    }
    Ok(chunker.finish())
}

/// Compares digests.
fn compare_chunks(recorded: &[Chunk], actual: &[Chunk], pairing: &Pairing<'_>) -> Rows {
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
            differences.push(difference.because(by_digest_only(pairing)));
        }
    }
    let rows = recorded.iter().map(|chunk| chunk.rows).sum();
    Rows::Compared(
        differences,
        format!(
            "{} rows by the digests of {} parts",
            thousands(rows),
            recorded.len()
        ),
    )
}

fn by_digest_only(pairing: &Pairing<'_>) -> &'static str {
    if pairing.is_tolerant() {
        "the rows are recorded by digest only, which knows no tolerance: compare with the old server itself"
    } else {
        "the rows are recorded by digest only: compare with the old server itself to see them"
    }
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
