//! Rows, one by one, out of a live table or a recording, in an order that no collation decides.
//!
//! A whole-number key orders by number, any other by the bytes of its text: both servers and the recording agree on
//! that whatever their collations are. [`RowSource::next`] refuses rows that come in another order, for a comparison
//! that trusts a wrong order would pair the wrong rows.

use std::path::Path;

use super::{
    cell::{Cell, Row, parse_cell, write_cell},
    connection::{Connection, Exactness, RowStream},
    error::DatabaseError,
    large::{self, ValueHash},
    row_hash::between,
    schema::{ColumnKind, Layout},
    table_file::TableFile,
};

/// A part of a table never has more rows than this.
const MOST_BETWEEN: u64 = 10_000_000;

/// One value of a key, ordered as rows are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyPart {
    /// NULL comes first.
    Null,
    /// A whole number.
    Number(i128),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row's key.
pub(super) type Key = Vec<KeyPart>;

/// Which rows, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// All rows, by key.
    ByKey,
    /// The rows whose key begins with a number between these two, both included, by key.
    Between(i128, i128),
    /// All rows, in any order.
    AnyOrder,
}

/// Returns the query for a table's rows and the protocol that carries them exactly.
pub(super) fn select(
    layout: &Layout,
    selection: Selection,
    hash: ValueHash,
) -> (Vec<u8>, Exactness) {
    let floats = layout
        .columns
        .iter()
        .any(|column| column.kind == ColumnKind::Float);
    let exactness = if floats {
        Exactness::Binary
    } else {
        Exactness::Text
    };
    let mut query = b"SELECT ".to_vec();
    for (index, column) in layout.columns.iter().enumerate() {
        if index > 0 {
            query.extend_from_slice(b", ");
        }
        let name = column.name.quoted();
        if floats && column.kind == ColumnKind::Temporal {
            query.extend([b"CAST(".as_slice(), &name, b" AS BINARY)"].concat());
        } else if column.kind == ColumnKind::Enumeration {
            // The number 0 is what an ENUM holds after a wrong value; it reads as '', which may be a right value too.
            let zero = [b"IF(".as_slice(), &name, b"+0 = 0, 0x00, ", &name, b")"].concat();
            query.extend(zero);
        } else if column.kind == ColumnKind::Longest {
            query.extend(large::value(&column.name, hash));
        } else {
            query.extend(name);
        }
    }
    query.extend([b" FROM ".as_slice(), &layout.table.quoted()].concat());
    if let (Selection::Between(first, last), Some(&position)) = (selection, layout.key.first()) {
        query.extend(between(&layout.columns[position].name, first, last));
    }
    let key = |position: &usize| {
        let column = &layout.columns[*position];
        match column.kind {
            ColumnKind::Integer => column.name.quoted(),
            ColumnKind::Decimal
            | ColumnKind::Float
            | ColumnKind::Temporal
            | ColumnKind::Text
            | ColumnKind::Long
            | ColumnKind::Longest
            | ColumnKind::Enumeration
            | ColumnKind::Other => {
                [b"CAST(".as_slice(), &column.name.quoted(), b" AS BINARY)"].concat()
            }
        }
    };
    let keys: Vec<Vec<u8>> = layout.key.iter().map(key).collect();
    if selection != Selection::AnyOrder && !keys.is_empty() {
        query.extend_from_slice(b" ORDER BY ");
        query.extend(keys.join(b", ".as_slice()));
    }
    (query, exactness)
}

/// Returns a row's key; `None` if a whole number isn't one.
pub(super) fn key_of(layout: &Layout, row: &Row) -> Option<Key> {
    layout
        .key
        .iter()
        .map(
            |&position| match (row.get(position)?, layout.columns[position].kind) {
                (None, _) => Some(KeyPart::Null),
                (Some(bytes), ColumnKind::Integer) => str::from_utf8(bytes)
                    .ok()?
                    .parse()
                    .ok()
                    .map(KeyPart::Number),
                (Some(bytes), _) => Some(KeyPart::Bytes(bytes.clone())),
            },
        )
        .collect()
}

/// Where a table's rows come from; can be read more than once.
#[derive(Debug)]
pub(super) enum Side<'a> {
    /// From a server.
    Live(&'a mut Connection, &'a Layout),
    /// From a recording that lists them.
    Recorded(&'a TableFile),
}

impl Side<'_> {
    /// Begins to read rows.
    pub(super) async fn open(
        &mut self,
        selection: Selection,
    ) -> Result<RowSource<'_>, DatabaseError> {
        match self {
            Self::Live(connection, layout) => {
                let what = format!("the rows of {}", layout.table);
                let most = match selection {
                    // A key of one number is there once.
                    Selection::Between(first, last) if layout.key.len() == 1 => {
                        u64::try_from(last - first + 1).unwrap_or(MOST_BETWEEN)
                    }
                    Selection::Between(..) => MOST_BETWEEN,
                    Selection::ByKey | Selection::AnyOrder => count(connection, layout)
                        .await?
                        .saturating_mul(2)
                        .saturating_add(1_000),
                };
                let hash = large::hash_for(connection, layout).await?;
                let (query, exactness) = select(layout, selection, hash);
                let stream = connection.stream(&what, &query, exactness).await?;
                Ok(RowSource {
                    layout,
                    origin: Origin::Live(stream),
                    keyed: selection != Selection::AnyOrder,
                    last: Vec::new(),
                    left: most,
                })
            }
            Self::Recorded(file) => Ok(RowSource {
                layout: &file.table.layout,
                origin: Origin::Recorded {
                    lines: file.row_lines(),
                    path: &file.path,
                    line: file.first_row,
                },
                keyed: selection != Selection::AnyOrder,
                last: Vec::new(),
                left: u64::MAX,
            }),
        }
    }

    /// Makes the error for a table that is another than it was.
    pub(super) fn changed(&self) -> DatabaseError {
        let (table, address) = match self {
            Self::Live(connection, layout) => (&layout.table, connection.address.clone()),
            Self::Recorded(file) => (&file.table.layout.table, file.path.display().to_string()),
        };
        DatabaseError::Changed {
            table: table.to_string(),
            address,
        }
    }

    /// Returns about how many rows there are.
    pub(super) async fn count(&mut self) -> Result<u64, DatabaseError> {
        match self {
            Self::Recorded(file) => Ok(file.rows),
            Self::Live(connection, layout) => count(connection, layout).await,
        }
    }
}

/// Asks a server how many rows a table has.
async fn count(connection: &mut Connection, layout: &Layout) -> Result<u64, DatabaseError> {
    let what = format!("the number of rows of {}", layout.table);
    let query = [b"SELECT COUNT(*) FROM ".as_slice(), &layout.table.quoted()].concat();
    let rows = connection.rows(&what, query).await?;
    let count = rows
        .first()
        .and_then(|row| row.first())
        .and_then(Cell::as_deref);
    count
        .and_then(|bytes| str::from_utf8(bytes).ok()?.parse().ok())
        .ok_or_else(|| DatabaseError::Answer {
            what,
            address: connection.address.clone(),
            reason: "it is not a number",
        })
}

/// Rows on their way in.
#[derive(Debug)]
pub(super) struct RowSource<'a> {
    layout: &'a Layout,
    origin: Origin<'a>,
    keyed: bool,
    last: Key,
    /// How many more rows are believed: a server that sends twice as many as it has will never end.
    left: u64,
}

#[derive(Debug)]
enum Origin<'a> {
    Live(RowStream<'a>),
    Recorded {
        lines: std::str::SplitTerminator<'a, char>,
        path: &'a Path,
        line: usize,
    },
}

impl RowSource<'_> {
    /// Returns the next row with its key (empty without order), `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<(Key, Row)>, DatabaseError> {
        let Some(row) = self.next_row().await? else {
            return Ok(None);
        };
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| self.wrong("there are more rows than it has"))?;
        if row.len() != self.layout.columns.len() {
            return Err(self.wrong("a row has another number of values than the table has columns"));
        }
        if large::is_unhashed(&row) {
            return Err(self.wrong("a value is too large to be read, and the server can't hash it"));
        }
        if !self.keyed {
            return Ok(Some((Key::new(), row)));
        }
        let key = key_of(self.layout, &row).ok_or_else(|| self.wrong("a key is not a number"))?;
        if key < self.last {
            return Err(self.wrong("the rows are not in the order of their key"));
        }
        self.last.clone_from(&key);
        Ok(Some((key, row)))
    }

    async fn next_row(&mut self) -> Result<Option<Row>, DatabaseError> {
        match &mut self.origin {
            Origin::Live(stream) => stream.next().await,
            Origin::Recorded { lines, path, line } => {
                let Some(text) = lines.next() else {
                    return Ok(None);
                };
                *line += 1;
                parse_row(text, self.layout)
                    .map(Some)
                    .map_err(|reason| DatabaseError::Format {
                        path: path.to_path_buf(),
                        line: *line,
                        reason,
                    })
            }
        }
    }

    fn wrong(&self, reason: &'static str) -> DatabaseError {
        match &self.origin {
            Origin::Live(stream) => stream.nonsense(reason),
            Origin::Recorded { path, line, .. } => DatabaseError::Format {
                path: path.to_path_buf(),
                line: *line,
                reason,
            },
        }
    }
}

/// Appends a row as it stands in a recording: values with tabs between, no line end.
pub(super) fn write_row(text: &mut String, row: &Row, layout: &Layout) {
    for (index, (cell, column)) in row.iter().zip(&layout.columns).enumerate() {
        if index > 0 {
            text.push('\t');
        }
        write_cell(text, cell, column.encoding);
    }
}

/// Reads what [`write_row`] wrote.
fn parse_row(text: &str, layout: &Layout) -> Result<Row, &'static str> {
    let mut values = text.split('\t');
    let row = layout
        .columns
        .iter()
        .map(|column| {
            parse_cell(
                values.next().ok_or("a row has too few values")?,
                column.encoding,
            )
        })
        .collect::<Result<Row, _>>()?;
    if values.next().is_some() {
        return Err("a row has too many values");
    }
    Ok(row)
}
