//! Values that are too large to be read: the server says how long they are and what their MD5 is, and where two differ.
//!
//! Such a value stands in a row, and in a recording, as `(too large to be read: 80000000 bytes, MD5 …)`. Where two of them differ, both servers
//! hash slices until the first byte that differs is known, so that memory stays bounded. Only LONGTEXT and LONGBLOB hold such values: the
//! next smaller types end one byte before the limit.
//!
//! MySQL from 9.6 on has no MD5 as it comes. Two servers of which one has none use SHA-256 where both have that. A recording has MD5, so that a server
//! without it reads all values but the large ones, and says so.

use super::{
    cell::{Cell, CellEncoding, Row, show},
    connection::Connection,
    error::DatabaseError,
    finding::{Pairing, label},
    name::Name,
    schema::{ColumnKind, Layout},
};
use crate::outcome::Difference;

/// Values of more bytes are not read: two rows are in memory at a time, each twice. MEDIUMTEXT and MEDIUMBLOB hold one byte less.
const LARGEST: u64 = 16 << 20;

/// How a value begins that was not read.
const MARK: &str = "(too large to be read: ";

/// A value that the server could not hash, which is never the same as another.
const UNHASHED: &str = "(too large to be read or hashed)";

/// A value is divided into so many slices at a time.
const SLICES: u64 = 64;

/// So few bytes are read.
const READ: u64 = 4096;

/// So many cells of a table are looked into.
const LOCATED: usize = 20;

/// What a server hashes large values with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueHash {
    /// MD5, which servers before MySQL 9.6 have.
    Md5,
    /// SHA-256, which MySQL has from 5.5 on.
    Sha2,
    /// Nothing: a large value can't be compared.
    None,
}

impl ValueHash {
    /// Returns the expression for the hash of a value.
    fn of(self, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => [b"MD5(".as_slice(), value, b")"].concat(),
            Self::Sha2 => [b"SHA2(".as_slice(), value, b",256)"].concat(),
            Self::None => b"NULL".to_vec(),
        }
    }

    /// Returns its name in a value's place.
    fn as_str(self) -> &'static str {
        match self {
            Self::Md5 | Self::None => "MD5",
            Self::Sha2 => "SHA-256",
        }
    }
}

/// Returns whether a table may hold values that are too large to be read.
fn is_unlimited(layout: &Layout) -> bool {
    let mut columns = layout.columns.iter();
    columns.any(|column| column.kind == ColumnKind::Longest)
}

/// Returns what a server hashes the large values of a table with.
pub(super) async fn hash_for(
    connection: &mut Connection,
    layout: &Layout,
) -> Result<ValueHash, DatabaseError> {
    if !is_unlimited(layout) {
        return Ok(ValueHash::None);
    }
    if let Some(known) = connection.value_hash {
        return Ok(known);
    }
    let found = if has(connection, "SELECT MD5('')").await? {
        ValueHash::Md5
    } else {
        ValueHash::None
    };
    connection.value_hash = Some(found);
    Ok(found)
}

/// Makes two servers hash the large values of a table in one way, if there is one that both have.
pub(super) async fn agree(
    (first, known): (&mut Connection, &Layout),
    (second, found): (&mut Connection, &Layout),
) -> Result<(), DatabaseError> {
    if !(is_unlimited(known) && is_unlimited(found)) {
        return Ok(());
    }
    let hashes = [
        hash_for(first, known).await?,
        hash_for(second, found).await?,
    ];
    let is_settled = hashes[0] == hashes[1] && hashes[0] != ValueHash::None;
    let question = "SELECT SHA2('',256)";
    if !is_settled && has(first, question).await? && has(second, question).await? {
        first.value_hash = Some(ValueHash::Sha2);
        second.value_hash = Some(ValueHash::Sha2);
    }
    Ok(())
}

async fn has(connection: &mut Connection, question: &str) -> Result<bool, DatabaseError> {
    let rows = connection
        .rows_if_known("the server's hashes", question)
        .await?;
    Ok(rows.is_some())
}

/// Returns the expression for a value, or for what stands in its place.
pub(super) fn value(column: &Name, hash: ValueHash) -> Vec<u8> {
    let name = column.quoted();
    [
        b"IF(LENGTH(".as_slice(),
        &name,
        format!(")>{LARGEST},IFNULL(CONCAT('{MARK}',LENGTH(").as_bytes(),
        &name,
        format!("),' bytes, {} ',", hash.as_str()).as_bytes(),
        &hash.of(&name),
        format!(",')'),'{UNHASHED}'),").as_bytes(),
        &name,
        b")",
    ]
    .concat()
}

/// Returns whether a row has a value of which the server says nothing.
pub(super) fn is_unhashed(row: &Row) -> bool {
    row.iter()
        .any(|cell| cell.as_deref() == Some(UNHASHED.as_bytes()))
}

/// Returns whether a value of a dump is so large that a server would not be asked for it.
pub(super) fn is_large(value: &[u8]) -> bool {
    value.len() as u64 > LARGEST
}

/// Returns how long a value is that was not read.
fn length(cell: &Cell) -> Option<u64> {
    let text = str::from_utf8(cell.as_deref()?).ok()?;
    let (length, _) = text.strip_prefix(MARK)?.split_once(" bytes")?;
    length.parse().ok()
}

/// Two values that were not read and are not the same.
#[derive(Debug)]
pub(super) struct LargePair {
    rows: [Row; 2],
    columns: (usize, usize),
    lengths: [u64; 2],
}

impl LargePair {
    /// Takes notice of two values, if both were not read and there are not too many.
    pub(super) fn new(
        known: usize,
        rows: [&Row; 2],
        columns: (usize, usize),
        layout: &Layout,
    ) -> Option<Self> {
        if known >= LOCATED || layout.key.is_empty() {
            return None;
        }
        let lengths = [length(&rows[0][columns.0])?, length(&rows[1][columns.1])?];
        Some(Self {
            rows: rows.map(Clone::clone),
            columns,
            lengths,
        })
    }

    /// Says that the values differ, where one of them can't be asked for.
    pub(super) fn told(&self, pairing: &Pairing<'_>) -> Difference {
        let (first, second) = self.columns;
        let cells = [&self.rows[0][first], &self.rows[1][second]];
        let [expected, actual] = cells.map(|cell| show(cell, CellEncoding::Bytes, 0));
        Difference::new(self.locus(pairing), "value", expected, actual)
    }

    fn locus(&self, pairing: &Pairing<'_>) -> String {
        let column = &pairing.expected.columns[self.columns.0].name;
        format!("{}.{column}", label(pairing.expected, &self.rows[0]))
    }

    /// Asks both servers where the values differ.
    pub(super) async fn locate(
        &self,
        pairing: &Pairing<'_>,
        first: &mut Connection,
        second: &mut Connection,
    ) -> Result<Difference, DatabaseError> {
        let layouts = [pairing.expected, pairing.actual];
        let columns = [self.columns.0, self.columns.1];
        let asked: [Asked; 2] =
            [0, 1].map(|which| Asked::new(layouts[which], columns[which], &self.rows[which]));
        let common = self.lengths[0].min(self.lengths[1]);
        let (mut start, mut end) = (0, common);
        while end - start > READ {
            let width = (end - start).div_ceil(SLICES);
            let known = asked[0].slices(first, start, width).await?;
            let found = asked[1].slices(second, start, width).await?;
            let differs = |(one, other): (&Cell, &Cell)| one != other || one.is_none();
            let Some(slice) = known.iter().zip(&found).position(differs) else {
                start = end;
                break;
            };
            start += width * slice as u64;
            end = end.min(start + width);
        }
        let bytes = [
            asked[0].bytes(first, start, end - start).await?,
            asked[1].bytes(second, start, end - start).await?,
        ];
        let equal = bytes[0]
            .iter()
            .zip(&bytes[1])
            .take_while(|(one, other)| one == other);
        let at = start + equal.count() as u64;
        let shown = [
            asked[0].bytes(first, at, 16).await?,
            asked[1].bytes(second, at, 16).await?,
        ];
        if shown[0] == shown[1] {
            return Ok(self.told(pairing));
        }
        let [expected, actual] = [0, 1].map(|which| {
            let bytes = show(&Some(shown[which].clone()), CellEncoding::Bytes, 0);
            format!("from byte {at} of {}: {bytes}", self.lengths[which])
        });
        Ok(Difference::new(
            self.locus(pairing),
            "value",
            expected,
            actual,
        ))
    }
}

/// One value of one server.
struct Asked {
    what: String,
    value: Vec<u8>,
    rest: Vec<u8>,
}

impl Asked {
    fn new(layout: &Layout, column: usize, row: &Row) -> Self {
        let name = &layout.columns[column].name;
        let keys: Vec<Vec<u8>> = layout
            .key
            .iter()
            .map(|&position| {
                let key = &layout.columns[position];
                let quoted = key.name.quoted();
                let value = row[position].clone().unwrap_or_default();
                if key.kind == ColumnKind::Integer {
                    [&quoted, b"=".as_slice(), &value].concat()
                } else {
                    let literal = Name(value).literal();
                    [b"CAST(".as_slice(), &quoted, b" AS BINARY)=", &literal].concat()
                }
            })
            .collect();
        let table = layout.table.quoted();
        let keys = keys.join(b" AND ".as_slice());
        Self {
            what: format!("a part of {}.{name}", layout.table),
            // A CAST is NULL where the value is larger than max_allowed_packet.
            value: [b"CONVERT(".as_slice(), &name.quoted(), b" USING binary)"].concat(),
            rest: [b" FROM ".as_slice(), &table, b" WHERE ", &keys].concat(),
        }
    }

    fn slice(&self, start: u64, width: u64) -> Vec<u8> {
        let place = format!(",{},{width})", start + 1);
        [b"SUBSTRING(".as_slice(), &self.value, place.as_bytes()].concat()
    }

    /// Returns the digests of slices from a byte on.
    async fn slices(
        &self,
        connection: &mut Connection,
        start: u64,
        width: u64,
    ) -> Result<Row, DatabaseError> {
        let hash = connection.value_hash.unwrap_or(ValueHash::Md5);
        let slice = |number| hash.of(&self.slice(start + number * width, width));
        let slices: Vec<Vec<u8>> = (0..SLICES).map(slice).collect();
        self.ask(connection, &slices.join(b",".as_slice())).await
    }

    async fn bytes(
        &self,
        connection: &mut Connection,
        start: u64,
        width: u64,
    ) -> Result<Vec<u8>, DatabaseError> {
        let row = self.ask(connection, &self.slice(start, width)).await?;
        Ok(row.into_iter().next().flatten().unwrap_or_default())
    }

    async fn ask(&self, connection: &mut Connection, what: &[u8]) -> Result<Row, DatabaseError> {
        let query = [b"SELECT ".as_slice(), what, &self.rest].concat();
        let rows = connection.rows(&self.what, query).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }
}
