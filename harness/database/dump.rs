//! An SQL dump as one side of a comparison: its tables and rows, without a server.
//!
//! What mysqldump writes is read, from version 4.1 on, in CP1250, UTF-8, latin1, latin2 or binary. A dump that ends early, or
//! holds bytes that its charset can't hold, is an error and never compared. Settings and logins are not read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use super::{
    cell::{Cell, Row},
    contents::Kind,
    description::Description,
    dump_objects::Objects,
    dump_table,
    dump_text::{Literal, Remark, Remarks, Statement, Statements, TextError, rows},
    dump_value::{bytes_of, convert, float, table_of},
    error::DatabaseError,
    large,
    name::{Name, readable},
    objects::without_database,
    rows::key_of,
    schema::{ColumnKind, Table, assemble},
    table_file::{LISTED, TableWriter},
};

/// Rows of a table are put in order in memory, up to this many bytes.
const SORTED: usize = 1 << 30;

/// A dump that was read: the tables as recordings of them would be.
#[derive(Debug)]
pub(super) struct Dump {
    /// The file.
    pub(super) path: PathBuf,
    /// The text of each table's file.
    pub(super) tables: BTreeMap<Name, String>,
    /// Views, triggers, routines and events.
    objects: Objects,
    remarks: Remarks,
}

impl Dump {
    /// Returns the names of its views.
    pub(super) fn views(&self) -> Vec<Name> {
        self.objects.views()
    }

    /// Returns what it makes of a kind, or why it does not say.
    pub(super) fn objects(&self, kind: Kind) -> Description {
        self.objects.of(kind, &self.remarks)
    }
}

/// A table whose rows are being read.
struct Open {
    table: Table,
    rows: Vec<Row>,
    size: usize,
}

/// What is known while a dump is read.
struct Reading {
    dump: Dump,
    charset: String,
    open: Option<(Name, Open)>,
}

/// Reads a dump.
pub(super) fn read(path: &Path) -> Result<Dump, DatabaseError> {
    let failed = |source| DatabaseError::Read {
        path: path.to_owned(),
        source,
    };
    let wrong = |line: usize, reason| DatabaseError::Format {
        path: path.to_owned(),
        line,
        reason,
    };
    let file = File::open(path).map_err(failed)?;
    let mut statements = Statements::new(BufReader::with_capacity(1 << 20, file));
    let mut reading = Reading {
        dump: Dump {
            path: path.to_owned(),
            tables: BTreeMap::new(),
            objects: Objects::default(),
            remarks: Remarks::default(),
        },
        charset: "binary".to_owned(),
        open: None,
    };
    let mut last = 1;
    loop {
        match statements.next() {
            Ok(Some(statement)) => {
                last = statement.line;
                reading
                    .take(&statement, &statements.remarks)
                    .map_err(|reason| wrong(last, reason))?;
            }
            Ok(None) => break,
            Err(TextError::Io(source)) => return Err(failed(source)),
            Err(TextError::Wrong(line, reason)) => return Err(wrong(line, reason)),
        }
    }
    reading.close();
    reading.dump.remarks = statements.remarks;
    let said = &reading.dump.remarks.said;
    if said.contains(&Remark::Begun) && !said.contains(&Remark::Completed) {
        return Err(wrong(
            last,
            "the dump has no `-- Dump completed` at its end: mysqldump did not finish",
        ));
    }
    if reading.dump.tables.is_empty() {
        return Err(wrong(last, "the dump makes no table"));
    }
    Ok(reading.dump)
}

impl Reading {
    /// Takes one statement; those that make nothing, fill no table and set nothing say nothing here.
    fn take(&mut self, statement: &Statement, remarks: &Remarks) -> Result<(), &'static str> {
        if let Some(name) = names_of(statement) {
            self.charset = name;
        } else if statement.text.starts_with(b"CREATE TABLE ") {
            self.close();
            let database = remarks.database.as_deref().map(readable);
            let (name, table) = create(statement, &self.charset, database.as_deref())?;
            if self.dump.tables.contains_key(&name) {
                return Err("the dump makes this table twice");
            }
            self.open = Some((
                name,
                Open {
                    table,
                    rows: Vec::new(),
                    size: 0,
                },
            ));
        } else if let Some((name, values)) = insert_of(&statement.text) {
            let charset = &self.charset;
            let name = Name(decode(&name.0, charset).into_bytes());
            let Some((_, table)) = self.open.as_mut().filter(|(known, _)| *known == name) else {
                return Err("rows of a table that is not the last that was made");
            };
            rows(
                values,
                |reason| reason,
                |literals| table.add(literals, charset),
            )?;
        } else if [
            b"INSERT".as_slice(),
            b"REPLACE",
            b"UPDATE",
            b"DELETE",
            b"ALTER TABLE `",
        ]
        .into_iter()
        .any(|start| statement.text.starts_with(start))
        {
            return Err(
                "a statement that changes data in a way that is not read: write the dump without --complete-insert",
            );
        } else {
            let charset = &self.charset;
            let decode = |text: &[u8]| decode(text, charset);
            self.dump.objects.take(&statement.text, decode, remarks)?;
        }
        Ok(())
    }

    /// Puts the rows of the open table in order and writes them down.
    fn close(&mut self) {
        if let Some((name, Open { table, rows, .. })) = self.open.take() {
            let mut keyed: Vec<_> = rows
                .into_iter()
                .map(|row| (key_of(&table.layout, &row).unwrap_or_default(), row))
                .collect();
            keyed.sort_by(|(first, _), (second, _)| first.cmp(second));
            let mut writer = TableWriter::new(&table, LISTED);
            for (key, row) in keyed {
                writer.add(key, &row);
            }
            self.dump.tables.insert(name, writer.finish());
        }
    }
}

/// Decodes names and definitions.
fn decode(text: &[u8], charset: &str) -> String {
    match table_of(charset) {
        Some(table) => table.decode_without_bom_handling(text).0.into_owned(),
        None => readable(text),
    }
}

/// Returns the charset of `SET NAMES`.
fn names_of(statement: &Statement) -> Option<String> {
    let text = str::from_utf8(&statement.text).ok()?;
    let text = text.strip_prefix("/*!").map_or(text, |text| {
        text.trim_start_matches(|digit: char| digit.is_ascii_digit())
            .trim_start()
    });
    let name = text.strip_prefix("SET NAMES ")?;
    Some(
        name.split([' ', '*'])
            .next()?
            .trim_matches('\'')
            .to_ascii_lowercase(),
    )
}

/// Reads ``INSERT INTO `t` VALUES …``; a list of columns is not written by mysqldump unless it is asked to.
fn insert_of(text: &[u8]) -> Option<(Name, &[u8])> {
    let rest = [
        b"INSERT INTO `".as_slice(),
        b"INSERT IGNORE INTO `",
        b"REPLACE INTO `",
        b"INSERT  IGNORE INTO `",
    ]
    .into_iter()
    .find_map(|start| text.strip_prefix(start))?;
    let end = rest.windows(8).position(|window| window == b"` VALUES")?;
    let name = rest[..end].split(|byte| *byte == b'`').collect::<Vec<_>>();
    let name: Vec<&[u8]> = name.into_iter().filter(|part| !part.is_empty()).collect();
    Some((Name(name.join(b"`".as_slice())), &rest[end + 8..]))
}

fn create(
    statement: &Statement,
    charset: &str,
    database: Option<&str>,
) -> Result<(Name, Table), &'static str> {
    let text = decode(&statement.text, charset);
    let text = database.map_or(text.clone(), |own| without_database(&text, own));
    let rest = text.strip_prefix("CREATE TABLE ").and_then(|rest| {
        rest.strip_prefix('`')
            .or_else(|| rest.strip_prefix("IF NOT EXISTS `"))
    });
    let (name, _) =
        super::create_table::identifier(rest.ok_or("the table has no name in backticks")?);
    let shown = dump_table::read(&name, &text)?;
    let name = Name(name.into_bytes());
    let table = assemble(&name, &shown.columns, &shown.keys, &text, &shown.status)?;
    Ok((name, table))
}

impl Open {
    /// Takes one row.
    fn add(&mut self, literals: Vec<Literal>, charset: &str) -> Result<(), &'static str> {
        if literals.len() != self.table.layout.columns.len() {
            return Err("a row has another number of values than the table has columns");
        }
        let row: Row = literals
            .into_iter()
            .enumerate()
            .map(|(position, literal)| self.cell(position, literal, charset))
            .collect::<Result<_, _>>()?;
        if row.iter().flatten().any(|value| large::is_large(value)) {
            return Err(
                "a value is too large to be compared from a dump: restore it and compare the server",
            );
        }
        if key_of(&self.table.layout, &row).is_none() {
            return Err("a key is not a number");
        }
        self.size += row
            .iter()
            .flatten()
            .map(|bytes| 24 + bytes.len())
            .sum::<usize>();
        self.rows.push(row);
        if self.size > SORTED {
            return Err(
                "the table is too large to be compared from a dump: restore it and compare the server",
            );
        }
        Ok(())
    }

    fn has_floats(&self) -> bool {
        let mut columns = self.table.layout.columns.iter();
        columns.any(|column| column.kind == ColumnKind::Float)
    }

    /// Returns a value as a server gives it.
    fn cell(&self, position: usize, literal: Literal, charset: &str) -> Result<Cell, &'static str> {
        let column = &self.table.layout.columns[position];
        let value = match literal {
            Literal::Null => return Ok(None),
            Literal::Bits(bits) => return bytes_of(&bits, self.table.type_of(position)).map(Some),
            Literal::Bytes(bytes) => return Ok(Some(bytes)),
            Literal::Bare(text) | Literal::Text(text) => text,
        };
        Ok(Some(match column.kind {
            // Such a table is read in the binary protocol, which has no leading zeros.
            ColumnKind::Integer if self.has_floats() => {
                let number = str::from_utf8(&value).ok();
                let number = number.and_then(|text| text.parse::<i128>().ok());
                number
                    .ok_or("a number can't be read")?
                    .to_string()
                    .into_bytes()
            }
            ColumnKind::Float => {
                float(&value, self.table.type_of(position)).ok_or("a number can't be read")?
            }
            ColumnKind::Enumeration
                if value.is_empty() && !self.table.type_of(position).contains("''") =>
            {
                vec![0]
            }
            ColumnKind::Text
            | ColumnKind::Long
            | ColumnKind::Longest
            | ColumnKind::Enumeration
            | ColumnKind::Other
                if !self.table.charset(position).is_empty() =>
            {
                convert(value, charset, column.encoding)?
            }
            ColumnKind::Integer
            | ColumnKind::Decimal
            | ColumnKind::Temporal
            | ColumnKind::Text
            | ColumnKind::Long
            | ColumnKind::Longest
            | ColumnKind::Enumeration
            | ColumnKind::Other => value,
        }))
    }
}
