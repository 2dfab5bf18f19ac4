//! What happened to a database between two moments: rows inserted, updated, deleted, table by table.
//!
//! The rows of a table are kept while they are few; of a larger one only their number and a digest are, and a change of it
//! says no more than that.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    address::DatabaseAddress,
    cell::{Cell, Row, write_cell},
    chunk::{Chunker, hex},
    connection::Connection,
    error::DatabaseError,
    objects::read_all_names,
    rows::{Key, Selection, Side},
    schema::{Layout, Table, read_table},
};

/// The rows of a table are kept up to so many bytes.
const KEPT: usize = 16 << 20;

/// All tables at one moment.
#[derive(Clone, Debug, Default)]
pub struct DatabaseState(BTreeMap<String, TableState>);

/// One table at one moment.
#[derive(Clone, Debug)]
struct TableState {
    layout: Layout,
    /// Which columns count by themselves.
    counted: Vec<usize>,
    rows: Rows,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rows {
    Keyed(BTreeMap<Key, Row>),
    Counted(BTreeMap<Row, u64>),
    Many(u64, String),
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Inserted,
    /// Some of its values are others.
    Updated,
    /// It is gone.
    Deleted,
    /// The table is too large to say which rows changed.
    Unlisted,
}

impl ChangeKind {
    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Unlisted => "changed",
        }
    }
}

/// One value of a changed row, as text that no byte is lost of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedCell {
    /// The column.
    pub column: String,
    /// The value as a recording has it.
    pub text: String,
    /// Whether the server counts it by itself (`AUTO_INCREMENT`).
    pub is_counted: bool,
}

/// What happened to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// What happened.
    pub kind: ChangeKind,
    /// The table.
    pub table: String,
    /// The values of its key; empty where the table has none.
    pub key: Vec<ChangedCell>,
    /// All values of a new row, the new values of an updated one.
    pub cells: Vec<ChangedCell>,
}

/// Reads all tables.
pub async fn database_state(address: &DatabaseAddress) -> Result<DatabaseState, DatabaseError> {
    let mut connection = Connection::open(address).await?;
    let mut state = DatabaseState::default();
    for name in read_all_names(&mut connection, &address.name).await? {
        let table = read_table(&mut connection, &name).await?;
        let rows = read(&mut connection, &table.layout).await?;
        let counted = counted(&table);
        let layout = table.layout;
        state.0.insert(
            name.to_string(),
            TableState {
                layout,
                counted,
                rows,
            },
        );
    }
    Ok(state)
}

fn counted(table: &Table) -> Vec<usize> {
    (0..table.layout.columns.len())
        .filter(|&position| table.is_counted(position))
        .collect()
}

async fn read(connection: &mut Connection, layout: &Layout) -> Result<Rows, DatabaseError> {
    let keyed = !layout.key.is_empty();
    let selection = if keyed {
        Selection::ByKey
    } else {
        Selection::AnyOrder
    };
    let mut side = Side::Live(connection, layout);
    let mut source = side.open(selection).await?;
    let mut by_key = BTreeMap::new();
    let mut counts: BTreeMap<Row, u64> = BTreeMap::new();
    let mut chunker = Chunker::new(false);
    let (mut kept, mut rows) = (0, 0_u64);
    while let Some((key, row)) = source.next().await? {
        chunker.add(Key::new(), &row);
        rows += 1;
        kept += 64
            + row
                .iter()
                .flatten()
                .map(|bytes| 24 + bytes.len())
                .sum::<usize>();
        if kept > KEPT {
            by_key.clear();
            counts.clear();
        } else if keyed {
            by_key.insert(key, row);
        } else {
            *counts.entry(row).or_default() += 1;
        }
    }
    Ok(if kept > KEPT {
        let digest = chunker
            .finish()
            .iter()
            .map(|chunk| hex(&chunk.digest))
            .collect();
        Rows::Many(rows, digest)
    } else if keyed {
        Rows::Keyed(by_key)
    } else {
        Rows::Counted(counts)
    })
}

/// Returns what happened between two moments, by table and key.
pub fn row_changes(before: &DatabaseState, after: &DatabaseState) -> Vec<RowChange> {
    let names: BTreeSet<&String> = before.0.keys().chain(after.0.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        match (before.0.get(name), after.0.get(name)) {
            (Some(before), Some(after)) if before.layout == after.layout => {
                table_changes(name, before, after, &mut changes);
            }
            (_, _) => changes.push(unlisted(name, "the table itself".to_owned())),
        }
    }
    changes
}

fn unlisted(table: &str, what: String) -> RowChange {
    RowChange {
        kind: ChangeKind::Unlisted,
        table: table.to_owned(),
        key: Vec::new(),
        cells: vec![ChangedCell {
            column: "rows".to_owned(),
            text: what,
            is_counted: false,
        }],
    }
}

fn table_changes(
    name: &str,
    before: &TableState,
    after: &TableState,
    changes: &mut Vec<RowChange>,
) {
    let mut push = |kind, row: &Row, positions: &mut dyn Iterator<Item = usize>| {
        let cell = |position: usize| cell(after, row, position);
        changes.push(RowChange {
            kind,
            table: name.to_owned(),
            key: after.layout.key.iter().copied().map(cell).collect(),
            cells: positions.map(cell).collect(),
        });
    };
    let all = || 0..after.layout.columns.len();
    match (&before.rows, &after.rows) {
        (Rows::Keyed(known), Rows::Keyed(found)) => {
            for (key, row) in found {
                match known.get(key) {
                    None => push(ChangeKind::Inserted, row, &mut all()),
                    Some(old) if old == row => {}
                    Some(old) => {
                        let others = all().filter(|&position| old[position] != row[position]);
                        push(
                            ChangeKind::Updated,
                            row,
                            &mut others.collect::<Vec<_>>().into_iter(),
                        );
                    }
                }
            }
            for (_, row) in known.iter().filter(|(key, _)| !found.contains_key(*key)) {
                push(ChangeKind::Deleted, row, &mut std::iter::empty());
            }
        }
        (Rows::Counted(known), Rows::Counted(found)) => {
            let surplus = |row: &Row, one: &BTreeMap<Row, u64>, other: &BTreeMap<Row, u64>| {
                let count = |rows: &BTreeMap<Row, u64>| rows.get(row).copied().unwrap_or_default();
                count(one).saturating_sub(count(other))
            };
            for row in found.keys() {
                for _ in 0..surplus(row, found, known) {
                    push(ChangeKind::Inserted, row, &mut all());
                }
            }
            for row in known.keys() {
                for _ in 0..surplus(row, known, found) {
                    push(ChangeKind::Deleted, row, &mut all());
                }
            }
        }
        (known, found) if known == found => {}
        (known, found) => {
            let count = |rows: &Rows| match rows {
                Rows::Keyed(rows) => rows.len() as u64,
                Rows::Counted(rows) => rows.values().sum(),
                Rows::Many(rows, _) => *rows,
            };
            let more = i128::from(count(found)) - i128::from(count(known));
            changes.push(unlisted(name, format!("{more:+} rows")));
        }
    }
}

fn cell(table: &TableState, row: &Row, position: usize) -> ChangedCell {
    let column = &table.layout.columns[position];
    let value: &Cell = &row[position];
    let mut text = String::new();
    write_cell(&mut text, value, column.encoding);
    ChangedCell {
        column: column.name.to_string(),
        // A brace would read as a hole.
        text: text.replace("{{", "{\\x7b"),
        is_counted: table.counted.contains(&position),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{
        cell::CellEncoding,
        name::Name,
        rows::KeyPart,
        schema::{Column, ColumnKind},
    };

    fn state(rows: Rows) -> DatabaseState {
        let column = |name: &str, kind| Column {
            name: Name::from(name),
            kind,
            encoding: CellEncoding::Bytes,
        };
        let layout = Layout {
            table: Name::from("log"),
            columns: vec![
                column("id", ColumnKind::Integer),
                column("a", ColumnKind::Text),
            ],
            key: vec![0],
        };
        let table = TableState {
            layout,
            counted: vec![0],
            rows,
        };
        DatabaseState([("log".to_owned(), table)].into())
    }

    fn row(id: &str, a: &str) -> Row {
        vec![Some(id.as_bytes().to_vec()), Some(a.as_bytes().to_vec())]
    }

    #[test]
    fn inserted_updated_and_deleted_rows_are_told_apart() {
        let keyed = |rows: &[(i128, &str)]| {
            let rows = rows
                .iter()
                .map(|(id, a)| (vec![KeyPart::Number(*id)], row(&id.to_string(), a)));
            state(Rows::Keyed(rows.collect()))
        };
        let (before, after) = (
            keyed(&[(1, "x"), (2, "y"), (3, "z")]),
            keyed(&[(2, "y"), (3, "{{"), (4, "n")]),
        );
        let told: Vec<String> = row_changes(&before, &after)
            .iter()
            .map(|change| {
                let cells: Vec<&str> = change.cells.iter().map(|cell| cell.text.as_str()).collect();
                format!(
                    "{} {} {}",
                    change.kind.as_str(),
                    change.key[0].text,
                    cells.join(",")
                )
            })
            .collect();
        assert_eq!(
            told,
            ["updated 3 \"{\\x7b\"", "inserted 4 4,\"n\"", "deleted 1 "]
        );
        assert_eq!(row_changes(&before, &before), []);
    }

    #[test]
    fn a_doubled_row_and_a_large_table_are_changes() {
        let one = state(Rows::Counted([(row("1", "x"), 1)].into()));
        let two = state(Rows::Counted([(row("1", "x"), 2)].into()));
        assert_eq!(row_changes(&one, &two)[0].kind, ChangeKind::Inserted);
        assert_eq!(row_changes(&two, &one)[0].kind, ChangeKind::Deleted);
        let many = |rows, digest: &str| state(Rows::Many(rows, digest.to_owned()));
        assert_eq!(
            row_changes(&many(5, "a"), &many(6, "b"))[0].cells[0].text,
            "+1 rows"
        );
        assert_eq!(
            row_changes(&many(5, "a"), &many(5, "b"))[0].cells[0].text,
            "+0 rows"
        );
        assert_eq!(row_changes(&many(5, "a"), &many(5, "a")), []);
    }
}
