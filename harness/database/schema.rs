//! A table as its server describes it, and the layout that its rows are read in.

use super::{
    cell::{Cell, CellEncoding, Row},
    connection::Connection,
    create_table::{self, CreateTable},
    description::{Description, Subject},
    error::DatabaseError,
    name::{Name, readable},
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
    let mut subjects = vec![table_subject(status, &create)];
    subjects.extend(column_subjects(columns, &create));
    subjects.extend(key_subjects(keys));
    for (constraint, definition) in &create.constraints {
        let mut subject = Subject::new(format!("constraint {constraint}"));
        subject.fact("definition", definition);
        subjects.push(subject);
    }
    Ok(Table {
        description: Description(subjects),
        layout,
    })
}

fn table_subject(status: &Row, create: &CreateTable) -> Subject {
    let mut subject = Subject::new("table");
    subject.fact("engine", text(status, 1));
    subject.fact("collation", text(status, 14));
    if text(status, 1).eq_ignore_ascii_case("MyISAM") {
        // Fixed or dynamic; other engines have another one in every version.
        let format = text(status, 3);
        if !format.is_empty() {
            subject.fact("row format", format);
        }
    }
    let counter = text(status, 10);
    if !counter.is_empty() {
        subject.fact("auto_increment", counter);
    }
    let options = text(status, 16);
    let mut options: Vec<&str> = options.split_whitespace().collect();
    options.sort_unstable();
    subject.fact("options", options.join(" "));
    let comment = text(status, 17);
    // InnoDB of MySQL 5.0 puts its free space here.
    let comment: Vec<&str> = comment
        .split("; ")
        .filter(|part| !part.starts_with("InnoDB free: "))
        .collect();
    subject.fact("comment", comment.join("; "));
    if let Some(storage) = &create.storage {
        subject.fact("storage", storage);
    }
    subject
}

fn column_subjects(columns: &[Row], create: &CreateTable) -> Vec<Subject> {
    let mut after = "first".to_owned();
    let mut subjects = Vec::new();
    for row in columns {
        let name = text(row, 0);
        let line = create.columns.get(&name).cloned().unwrap_or_default();
        let nullable = text(row, 3) == "YES";
        let mut subject = Subject::new(format!("column {name}"));
        let kind = text(row, 1);
        subject.fact("type", kind.split(" /*").next().unwrap_or_default());
        subject.fact("collation", text(row, 2));
        subject.fact("nullable", if nullable { "yes" } else { "no" });
        let none = if nullable { "NULL" } else { "none" };
        subject.fact("default", line.default.as_deref().unwrap_or(none));
        subject.fact("on update", line.on_update.as_deref().unwrap_or("none"));
        subject.fact("generated", line.generated.as_deref().unwrap_or("no"));
        let extra = text(row, 6).to_ascii_lowercase();
        let kept = ["auto_increment", "invisible"]
            .into_iter()
            .filter(|word| extra.contains(word));
        subject.fact("extra", kept.collect::<Vec<_>>().join(" "));
        subject.fact("comment", text(row, 8));
        subject.fact("after", &after);
        after = name;
        subjects.push(subject);
    }
    subjects
}

fn key_subjects(keys: &[Row]) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    for row in keys {
        let name = format!("key {}", text(row, 2));
        let length = text(row, 7);
        let mut column = if length.is_empty() {
            text(row, 4)
        } else {
            format!("{}({length})", text(row, 4))
        };
        if text(row, 5) == "D" {
            column.push_str(" DESC");
        }
        if let Some(subject) = subjects.iter_mut().find(|subject| subject.name == name) {
            if let Some((_, columns)) = subject.facts.first_mut() {
                columns.push_str(", ");
                columns.push_str(&column);
            }
            continue;
        }
        let mut subject = Subject::new(name);
        subject.fact("columns", column);
        subject.fact("unique", if text(row, 1) == "0" { "yes" } else { "no" });
        subject.fact("kind", text(row, 10));
        subjects.push(subject);
    }
    subjects.sort_by(|first, second| first.name.cmp(&second.name));
    subjects
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
