//! Digests that the server computes: cheap enough to ask before and after every request.
//!
//! A row is written as its values in hex, commas between, `~` for NULL, and hashed; a table is the number of its rows, the
//! exclusive or of one half of the hashes and the sum of the other: order does not count, and doubles do not cancel.
//! Everything in it exists since MySQL 4.1. FLOAT and DOUBLE have no exact text on old servers: a table with one of them
//! is read instead, as is one with a row that is too large for the server to write out.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{
    address::DatabaseAddress,
    cell::{Cell, Row},
    chunk::{Chunker, hex},
    connection::Connection,
    error::DatabaseError,
    objects::read_names,
    rows::{Selection, Side},
    schema::{ColumnKind, Layout, read_table, text},
};

/// A table at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFingerprint {
    /// How many rows it has.
    pub rows: u64,
    /// A digest of them; comparable with digests of the same server only.
    pub digest: String,
}

/// All tables of a database at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// By name.
    pub tables: BTreeMap<String, TableFingerprint>,
}

/// Takes the fingerprint of a database.
pub async fn fingerprint(address: &DatabaseAddress) -> Result<Fingerprint, DatabaseError> {
    let mut connection = Connection::open(address).await?;
    let mut fingerprint = Fingerprint::default();
    for name in read_names(&mut connection, &address.name).await?.tables {
        let layout = read_table(&mut connection, &name).await?.layout;
        let table = match digest(&mut connection, &layout).await? {
            Some(table) => table,
            None => read(&mut connection, &layout).await?,
        };
        fingerprint.tables.insert(name.to_string(), table);
    }
    Ok(fingerprint)
}

/// Returns the tables that changed, appeared or disappeared between two fingerprints.
pub fn changed_tables(before: &Fingerprint, after: &Fingerprint) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> =
        before.tables.keys().chain(after.tables.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.tables.get(*name) != after.tables.get(*name))
        .cloned()
        .collect()
}

/// Reads a table to take its fingerprint.
async fn read(
    connection: &mut Connection,
    layout: &Layout,
) -> Result<TableFingerprint, DatabaseError> {
    let mut side = Side::Live(connection, layout);
    let mut source = side.open(Selection::AnyOrder).await?;
    let mut chunker = Chunker::new(false);
    while let Some((key, row)) = source.next().await? {
        chunker.add(key, &row);
    }
    let mut hasher = Sha256::new();
    let mut rows = 0;
    for chunk in chunker.finish() {
        rows += chunk.rows;
        hasher.update(chunk.digest);
    }
    Ok(TableFingerprint {
        rows,
        digest: hex(&hasher.finalize().into()),
    })
}

/// Returns the expression of a row's hash, `None` if the server can't write every value exactly.
fn row_hash(layout: &Layout) -> Option<Vec<u8>> {
    let mut values = Vec::new();
    for column in &layout.columns {
        let name = column.name.quoted();
        let value = match column.kind {
            ColumnKind::Float => return None,
            ColumnKind::Integer | ColumnKind::Decimal | ColumnKind::Temporal => name,
            ColumnKind::Text => [b"HEX(".as_slice(), &name, b")"].concat(),
            ColumnKind::Long | ColumnKind::Other => [b"MD5(".as_slice(), &name, b")"].concat(),
            ColumnKind::Enumeration => {
                [b"CONCAT(".as_slice(), &name, b"+0, '.', HEX(", &name, b"))"].concat()
            }
        };
        // A value that the server can't write out is NULL here, which makes the row's hash NULL, and the row is read.
        let name = column.name.quoted();
        values.push([b"IF(".as_slice(), &name, b" IS NULL, '~', ", &value, b")"].concat());
    }
    Some(
        [
            b"MD5(CONCAT(".as_slice(),
            &values.join(b", ',', ".as_slice()),
            b"))",
        ]
        .concat(),
    )
}

/// Returns the aggregates over a hash.
fn aggregates(hash: &[u8]) -> Vec<u8> {
    [
        b"COUNT(*), COUNT(".as_slice(),
        hash,
        b"), BIT_XOR(CAST(CONV(SUBSTRING(",
        hash,
        b", 1, 16), 16, 10) AS UNSIGNED)), SUM(CAST(CONV(SUBSTRING(",
        hash,
        b", 17, 16), 16, 10) AS UNSIGNED))",
    ]
    .concat()
}

/// Reads one answer of [`aggregates`] that begins at `first`; `None` if a row could not be hashed.
fn read_aggregates(row: &Row, first: usize) -> Option<TableFingerprint> {
    let rows: u64 = text(row, first).parse().ok()?;
    let hashed: u64 = text(row, first + 1).parse().ok()?;
    let known = row.get(first + 2).is_some_and(Option::is_some)
        && (rows == 0 || row.get(first + 3).is_some_and(Option::is_some));
    (rows == hashed && known).then(|| TableFingerprint {
        rows,
        digest: format!("md5:{}:{}", text(row, first + 2), text(row, first + 3)),
    })
}

/// Has the server compute a table's digest; `None` if it can't.
pub(super) async fn digest(
    connection: &mut Connection,
    layout: &Layout,
) -> Result<Option<TableFingerprint>, DatabaseError> {
    let Some(hash) = row_hash(layout) else {
        return Ok(None);
    };
    let query = [
        b"SELECT ".as_slice(),
        &aggregates(&hash),
        b" FROM ",
        &layout.table.quoted(),
    ]
    .concat();
    let rows = connection
        .rows(&format!("the digest of {}", layout.table), query)
        .await?;
    Ok(rows.first().and_then(|row| read_aggregates(row, 0)))
}

/// Digests of a table's ranges by the number of the range.
pub(super) type Ranges = BTreeMap<i128, TableFingerprint>;

/// Returns the smallest and largest whole-number key; `None` if the key is another or the table is empty.
pub(super) async fn bounds(
    connection: &mut Connection,
    layout: &Layout,
) -> Result<Option<(i128, i128)>, DatabaseError> {
    let [position] = layout.key[..] else {
        return Ok(None);
    };
    if layout.columns[position].kind != ColumnKind::Integer {
        return Ok(None);
    }
    let key = layout.columns[position].name.quoted();
    let query = [
        b"SELECT MIN(".as_slice(),
        &key,
        b"), MAX(",
        &key,
        b") FROM ",
        &layout.table.quoted(),
    ]
    .concat();
    let rows = connection
        .rows(&format!("the keys of {}", layout.table), query)
        .await?;
    let number = |index| -> Option<i128> {
        str::from_utf8(rows.first()?.get(index).and_then(Cell::as_deref)?)
            .ok()?
            .parse()
            .ok()
    };
    Ok(number(0).zip(number(1)))
}

/// Has the server compute the digests of ranges of `size` keys; `None` if it can't.
pub(super) async fn ranges(
    connection: &mut Connection,
    layout: &Layout,
    size: i128,
) -> Result<Option<Ranges>, DatabaseError> {
    let (Some(hash), Some(&position)) = (row_hash(layout), layout.key.first()) else {
        return Ok(None);
    };
    let key = layout.columns[position].name.quoted();
    let query = [
        b"SELECT ".as_slice(),
        &key,
        format!(" DIV {size} AS migrate_verify_range, ").as_bytes(),
        &aggregates(&hash),
        b" FROM ",
        &layout.table.quoted(),
        b" GROUP BY migrate_verify_range",
    ]
    .concat();
    let mut ranges = Ranges::new();
    for row in connection
        .rows(&format!("the digests of {}", layout.table), query)
        .await?
    {
        let (Ok(range), Some(fingerprint)) = (text(&row, 0).parse(), read_aggregates(&row, 1))
        else {
            return Ok(None);
        };
        ranges.insert(range, fingerprint);
    }
    Ok(Some(ranges))
}
