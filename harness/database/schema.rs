//! A table as its server describes it, and the layout that its rows are read in.

use super::{
    cell::{Cell, CellEncoding, Row},
    connection::Connection,
    create_table,
    description::Description,
    error::DatabaseError,
    name::{Name, readable},
    objects::without_database,
    table_facts,
};

/// What a column's values are, as far as reading, ordering and explaining them goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// A whole number.
    Integer,
    /// DECIMAL.
    Decimal,
    /// FLOAT and DOUBLE: exact only in the binary protocol.
    Float,
    /// Dates and times.
    Temporal,
    /// CHAR, VARCHAR, BINARY, VARBINARY.
    Text,
    /// TEXT and BLOB.
    Long,
    /// LONGTEXT and LONGBLOB, whose values may be too large to be read; a recording calls them long, too.
    Longest,
    /// ENUM, which has a number beside its text.
    Enumeration,
    /// BIT, SET and whatever else a server may have.
    Other,
}

impl ColumnKind {
    /// All kinds.
    const ALL: [Self; 9] = [
        Self::Integer,
        Self::Decimal,
        Self::Float,
        Self::Temporal,
        Self::Text,
        Self::Long,
        Self::Longest,
        Self::Enumeration,
        Self::Other,
    ];

    /// Returns the kind of a column type: `int(11) unsigned`.
    fn of_type(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let word = lower
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        match word {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Self::Integer,
            "decimal" => Self::Decimal,
            "float" | "double" => Self::Float,
            "date" | "time" | "datetime" | "timestamp" => Self::Temporal,
            "char" | "varchar" | "binary" | "varbinary" => Self::Text,
            "tinytext" | "text" | "mediumtext" | "tinyblob" | "blob" | "mediumblob" => Self::Long,
            "longtext" | "longblob" => Self::Longest,
            "enum" => Self::Enumeration,
            _ => Self::Other,
        }
    }

    /// Returns its word in a recording.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Float => "float",
            Self::Temporal => "temporal",
            Self::Text => "text",
            Self::Long | Self::Longest => "long",
            Self::Enumeration => "enumeration",
            Self::Other => "other",
        }
    }

    /// Reads its word in a recording.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns whether rows can be put in order by it: by number, or by the bytes of its text.
    fn orders(self) -> bool {
        match self {
            Self::Integer | Self::Decimal | Self::Temporal | Self::Text => true,
            Self::Float | Self::Long | Self::Longest | Self::Enumeration | Self::Other => false,
        }
    }
}

/// A column as its values are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: Name,
    /// What its values are.
    pub(super) kind: ColumnKind,
    /// How they are shown.
    pub(super) encoding: CellEncoding,
}

/// How a table's rows are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The table.
    pub(super) table: Name,
    /// Its columns in order.
    pub(super) columns: Vec<Column>,
    /// The columns of its key, by position; none means that rows can't be told apart by a key.
    pub(super) key: Vec<usize>,
}

/// A table: what its server says about it, and how its rows are read.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The schema.
    pub(super) description: Description,
    /// The layout of its rows.
    pub(super) layout: Layout,
}

impl Table {
    /// Returns whether a column may hold NULL.
    pub(super) fn is_nullable(&self, position: usize) -> bool {
        self.column_fact(position, "nullable") != Some("no")
    }

    /// Returns a column's type.
    pub(super) fn type_of(&self, position: usize) -> &str {
        self.column_fact(position, "type").unwrap_or_default()
    }

    /// Returns whether the server counts a column by itself.
    pub(super) fn is_counted(&self, position: usize) -> bool {
        let extra = self.column_fact(position, "extra");
        extra.is_some_and(|extra| extra.contains("auto_increment"))
    }

    /// Returns a column's charset, or nothing for bytes.
    pub(super) fn charset(&self, position: usize) -> &str {
        let collation = self.column_fact(position, "collation").unwrap_or_default();
        collation.split('_').next().unwrap_or_default()
    }

    /// Returns whether its engine reads a whole table several times as fast as it finds the same rows by their key.
    pub(super) fn is_scanned(&self) -> bool {
        !self.engine().eq_ignore_ascii_case("InnoDB")
    }

    /// Returns its engine; empty if the server does not say.
    pub(super) fn engine(&self) -> &str {
        let subjects = &self.description.0;
        let table = subjects.iter().find(|subject| subject.name == "table");
        table
            .and_then(|subject| subject.get("engine"))
            .unwrap_or_default()
    }

    fn column_fact(&self, position: usize, aspect: &str) -> Option<&str> {
        let mut columns = self
            .description
            .0
            .iter()
            .filter(|subject| subject.name.starts_with("column "));
        columns.nth(position)?.get(aspect)
    }
}

/// Returns the text of a catalogue's cell.
pub(super) fn text(row: &Row, index: usize) -> String {
    row.get(index)
        .and_then(Cell::as_deref)
        .map(readable)
        .unwrap_or_default()
}

/// Reads a table's schema.
pub(super) async fn read_table(
    connection: &mut Connection,
    name: &Name,
) -> Result<Table, DatabaseError> {
    let what = format!("the schema of {name}");
    let query = |start: &str| [start.as_bytes(), &name.quoted()].concat();
    let columns = connection
        .rows(&what, query("SHOW FULL COLUMNS FROM "))
        .await?;
    let keys = connection.rows(&what, query("SHOW INDEX FROM ")).await?;
    let created = connection.rows(&what, query("SHOW CREATE TABLE ")).await?;
    let status = table_status(connection, name).await?;
    let nonsense = |reason| DatabaseError::Answer {
        what: what.clone(),
        address: connection.address.clone(),
        reason,
    };
    let statement = created.first().map(|row| text(row, 1)).unwrap_or_default();
    // The own database's name stands before a sequence in a default.
    let statement = without_database(&statement, connection.database());
    assemble(name, &columns, &keys, &statement, &status).map_err(nonsense)
}

/// Reads what a server says about a table as a whole.
pub(super) async fn table_status(
    connection: &mut Connection,
    name: &Name,
) -> Result<Row, DatabaseError> {
    let what = format!("the schema of {name}");
    let like = String::from_utf8(name.0.clone()).map(|text| {
        text.replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_")
    });
    let like = like.map_or_else(
        |_not_utf8| Name(b"%".to_vec()),
        |text| Name(text.into_bytes()),
    );
    let status = connection
        .rows(
            &what,
            [b"SHOW TABLE STATUS LIKE ".as_slice(), &like.literal()].concat(),
        )
        .await?;
    status
        .into_iter()
        .find(|row| row.first() == Some(&Some(name.0.clone())))
        .filter(|row| row.len() > 17)
        .ok_or_else(|| DatabaseError::Answer {
            what,
            address: connection.address.clone(),
            reason: "the table has no status",
        })
}

/// Makes a table of what a server says about it, or what is wrong with that.
pub(super) fn assemble(
    name: &Name,
    columns: &[Row],
    keys: &[Row],
    statement: &str,
    status: &Row,
) -> Result<Table, &'static str> {
    if columns.is_empty() || columns.iter().any(|row| row.len() < 9) {
        return Err("the list of columns is wrong");
    }
    if keys.iter().any(|row| row.len() < 11) {
        return Err("the list of keys is wrong");
    }
    let create = create_table::parse(statement);
    if create.columns.len() != columns.len() {
        return Err("SHOW CREATE TABLE has other columns than SHOW COLUMNS");
    }
    let layout = layout(name, columns, keys);
    Ok(Table {
        description: table_facts::describe(columns, keys, &create, status),
        layout,
    })
}

/// Chooses how rows are read and told apart: by the primary key, or by another unique key without NULL or prefix.
fn layout(name: &Name, columns: &[Row], keys: &[Row]) -> Layout {
    let bytes = |row: &Row, index: usize| row.get(index).cloned().flatten().unwrap_or_default();
    let read: Vec<Column> = columns
        .iter()
        .map(|row| {
            let kind = ColumnKind::of_type(&text(row, 1));
            Column {
                name: Name(bytes(row, 0)),
                kind,
                encoding: CellEncoding::of_collation(&text(row, 2)),
            }
        })
        .collect();
    let usable = |row: &Row| -> Option<usize> {
        let position = read
            .iter()
            .position(|column| column.name.0 == bytes(row, 4))?;
        let whole = row.get(7).is_none_or(Option::is_none);
        let fits = text(row, 1) == "0"
            && whole
            && text(&columns[position], 3) != "YES"
            && read[position].kind.orders();
        fits.then_some(position)
    };
    let mut names: Vec<String> = keys.iter().map(|row| text(row, 2)).collect();
    names.sort_by_key(|key| (key != "PRIMARY", key.clone()));
    names.dedup();
    let key = names
        .iter()
        .find_map(|name| {
            keys.iter()
                .filter(|row| text(row, 2) == *name)
                .map(usable)
                .collect::<Option<Vec<_>>>()
        })
        .unwrap_or_default();
    Layout {
        table: name.clone(),
        columns: read,
        key,
    }
}
