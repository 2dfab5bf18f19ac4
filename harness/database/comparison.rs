//! A database compared with a recording or with another database: cases for the server, its tables, their rows.
//!
//! ```text
//! database/server            settings that change what data means
//! database/tables            which tables there are
//! database/ziaci/schema      columns, keys, engine, charset and collation in effect
//! database/ziaci/rows        every value, byte by byte
//! database/views|triggers|routines|events
//! ```
//!
//! A case that could not be looked at is broken and never the same; what stands in no case was not compared.

use std::path::Path;

use super::{
    address::{DatabaseAddress, Target},
    chunk::{Chunk, Chunker, Part, hex},
    connection::Connection,
    contents::{Contents, Found, Kind},
    description,
    error::DatabaseError,
    finding::{Findings, Pairing, thousands},
    fingerprint, keyed, multiset,
    name::Name,
    objects::{Names, hidden},
    rows::{KeyPart, Selection},
    schema::{ColumnKind, Layout, text},
    server,
};
use crate::{
    outcome::{Case, CaseId, Difference},
    progress::{Event, Observer},
};

/// A table is cut into about this many ranges, so that one changed row is found without reading all.
const RANGES: i128 = 1000;

/// Ranges smaller than this are not worth a query of their own.
const SMALLEST_RANGE: i128 = 1000;

/// If more ranges than this differ, the table is read whole.
const MOST_RANGES: usize = 50;

/// Compares a live database with what was recorded in `folder`.
pub async fn compare_with_snapshot(
    address: &DatabaseAddress,
    folder: &Path,
    observer: &dyn Observer,
) -> Vec<Case> {
    let opened = async { Ok((Contents::recorded(folder)?, Contents::live(address).await?)) };
    compare(opened.await, observer).await
}

/// Compares two live databases; the first is the one that is right.
pub async fn compare_live(
    first: &DatabaseAddress,
    second: &DatabaseAddress,
    observer: &dyn Observer,
) -> Vec<Case> {
    let opened = async { Ok((Contents::live(first).await?, Contents::live(second).await?)) };
    compare(opened.await, observer).await
}

/// Compares everything, or says why nothing was.
async fn compare(
    opened: Result<(Contents, Contents), DatabaseError>,
    observer: &dyn Observer,
) -> Vec<Case> {
    let what = "database".to_owned();
    observer.observe(Event::Started { what: what.clone() });
    let mut cases = Vec::new();
    let result = match opened {
        Ok((mut expected, mut actual)) => {
            compare_contents(&mut expected, &mut actual, observer, &mut cases).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        let id = if cases.is_empty() { "server" } else { "tables" };
        cases.push(Case::broken(CaseId::new(&["database", id]), &error));
    }
    observer.observe(Event::Finished {
        what,
        how: format!("{} cases", cases.len()),
    });
    cases
}

async fn compare_contents(
    expected: &mut Contents,
    actual: &mut Contents,
    observer: &dyn Observer,
    cases: &mut Vec<Case>,
) -> Result<(), DatabaseError> {
    cases.push(compare_servers(expected, actual).await?);
    let known = expected.names().await?;
    let found = actual.names().await?;
    cases.push(compare_names(&known, &found));
    let both: Vec<&Name> = known
        .tables
        .iter()
        .filter(|name| found.tables.contains(name))
        .collect();
    for (done, name) in (1_u64..).zip(&both) {
        cases.extend(compare_table(expected, actual, name).await);
        observer.observe(Event::Counted {
            what: "database".to_owned(),
            done,
            total: both.len() as u64,
        });
    }
    for kind in Kind::ALL {
        let id = CaseId::new(&["database", kind.as_str()]);
        let both = async {
            Ok::<_, DatabaseError>((
                expected.objects(kind, &known).await?,
                actual.objects(kind, &found).await?,
            ))
        };
        cases.push(match both.await {
            Err(error) => Case::broken(id, &error),
            Ok((first, second)) => {
                if let Some(reason) = hidden(&first).or(hidden(&second)) {
                    cases.push(Case::not_run(id, reason));
                    continue;
                }
                let differences = description::compare("", &first, &second);
                Case::compared(
                    id,
                    differences,
                    format!(
                        "{} on the old server, {} on the candidate",
                        first.0.len(),
                        second.0.len()
                    ),
                )
            }
        });
    }
    Ok(())
}

/// Compares settings, after making sure that there are two databases.
async fn compare_servers(
    expected: &mut Contents,
    actual: &mut Contents,
) -> Result<Case, DatabaseError> {
    let first = expected.server().await?;
    let second = actual.server().await?;
    let same = match (&mut *expected, &mut *actual) {
        (Contents::Live(one, address), Contents::Live(other, second))
            if address.name == second.name =>
        {
            is_one_server(one, other).await?
        }
        (Contents::Live(..), _) | (Contents::Recorded(_), Contents::Recorded(_)) => false,
        (Contents::Recorded(_), Contents::Live(_, address)) => match &address.target {
            // A guest's socket can't be the old server's, and a good copy may well call itself the same.
            Target::Socket(_) => false,
            Target::Tcp { .. } => server::is_same(&first, &second),
        },
    };
    if same {
        let shown = |contents: &Contents| match contents {
            Contents::Live(connection, _) => connection.address.clone(),
            Contents::Recorded(folder) => folder.display().to_string(),
        };
        return Err(DatabaseError::SameServer {
            first: shown(expected),
            second: shown(actual),
        });
    }
    let (known, found, only) = server::comparable(&first, &second);
    let compared = known.0.first().map_or(0, |settings| settings.facts.len());
    let mut evidence = format!(
        "{} against {}: {compared} settings",
        server::title(&first),
        server::title(&second)
    );
    if !only.is_empty() {
        evidence.push_str(&format!("; only one server has {}", only.join(", ")));
    }
    let id = CaseId::new(&["database", "server"]);
    if compared == 0 {
        return Ok(Case::not_run(id, evidence));
    }
    Ok(Case::compared(
        id,
        description::compare("", &known, &found),
        evidence,
    ))
}

/// Returns whether two connections lead to one server: a lock that one takes is seen by the other.
async fn is_one_server(
    first: &mut Connection,
    second: &mut Connection,
) -> Result<bool, DatabaseError> {
    let what = "the server's identity";
    let own = first.rows(what, "SELECT CONNECTION_ID()").await?;
    let id = own.first().map(|row| text(row, 0)).unwrap_or_default();
    let lock = format!("migrate-verify-{}-{id}", std::process::id());
    let taken = first
        .rows(what, format!("SELECT GET_LOCK('{lock}', 0)"))
        .await?;
    if taken.first().map(|row| text(row, 0)).as_deref() != Some("1") {
        return Err(DatabaseError::Answer {
            what: what.to_owned(),
            address: first.address.clone(),
            reason: "it grants no lock",
        });
    }
    let seen = second
        .rows(what, format!("SELECT IS_USED_LOCK('{lock}')"))
        .await?;
    first
        .rows(what, format!("SELECT RELEASE_LOCK('{lock}')"))
        .await?;
    Ok(seen
        .first()
        .and_then(|row| row.first())
        .is_some_and(Option::is_some))
}

fn compare_names(known: &Names, found: &Names) -> Case {
    let id = CaseId::new(&["database", "tables"]);
    let mut differences = Vec::new();
    for name in known
        .tables
        .iter()
        .filter(|name| !found.tables.contains(name))
    {
        let actual = if found.views.contains(name) {
            "a view"
        } else {
            "absent"
        };
        differences.push(Difference::new(
            name.to_string(),
            "missing",
            "a table",
            actual,
        ));
    }
    for name in found
        .tables
        .iter()
        .filter(|name| !known.tables.contains(name))
    {
        let expected = if known.views.contains(name) {
            "a view"
        } else {
            "absent"
        };
        differences.push(Difference::new(
            name.to_string(),
            "extra",
            expected,
            "a table",
        ));
    }
    let evidence = format!(
        "{} tables on the old server, {} on the candidate",
        known.tables.len(),
        found.tables.len()
    );
    let hidden = known.hidden.as_ref().or(found.hidden.as_ref());
    if let Some(reason) = hidden.filter(|_| differences.is_empty()) {
        return Case::not_run(id, reason.clone());
    }
    if known.tables.is_empty() && differences.is_empty() {
        return Case::not_run(id, "neither database has a table");
    }
    Case::compared(id, differences, evidence)
}

/// Compares one table's schema and rows.
async fn compare_table(expected: &mut Contents, actual: &mut Contents, name: &Name) -> [Case; 2] {
    let id = |part| CaseId::new(&["database", &name.escaped(), part]);
    let both =
        async { Ok::<_, DatabaseError>((expected.table(name).await?, actual.table(name).await?)) };
    let (known, found) = match both.await {
        Ok(both) => both,
        Err(error) => {
            return [
                Case::broken(id("schema"), &error),
                Case::not_run(id("rows"), "the table's schema can't be read"),
            ];
        }
    };
    let description = &known.table().description;
    let differences = description::compare("", description, &found.table().description);
    let evidence = format!(
        "{} columns, keys and settings; AUTO_INCREMENT is not compared",
        description.0.len()
    );
    let schema = Case::compared(id("schema"), differences, evidence);
    let rows = match compare_rows((&known, expected), (&found, actual)).await {
        Ok(Rows::Compared(differences, evidence)) => {
            Case::compared(id("rows"), differences, evidence)
        }
        Ok(Rows::Incomparable(reason)) => Case::not_run(id("rows"), reason),
        Err(error) => Case::broken(id("rows"), &error),
    };
    [schema, rows]
}

/// What came of comparing rows.
enum Rows {
    /// They were compared.
    Compared(Vec<Difference>, String),
    /// They could not be.
    Incomparable(String),
}

async fn compare_rows(
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
    let mut findings = Findings::default();
    let ranges = if whole && keyed {
        differing_ranges(known_in, found_in, layout, &shared).await?
    } else {
        Selected::All
    };
    let mut expected = known.side(known_in, layout);
    let mut actual = found.side(found_in, &shared);
    let rows = expected.count().await?;
    match ranges {
        Selected::None => {}
        Selected::Some(selections) => {
            for selection in selections {
                keyed::compare(
                    &pairing,
                    expected.open(selection).await?,
                    actual.open(selection).await?,
                    &mut findings,
                )
                .await?;
            }
        }
        Selected::All if keyed => {
            keyed::compare(
                &pairing,
                expected.open(Selection::ByKey).await?,
                actual.open(Selection::ByKey).await?,
                &mut findings,
            )
            .await?;
        }
        Selected::All => {
            multiset::compare(&pairing, &mut expected, &mut actual, &mut findings).await?
        }
    }
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
