//! One thing that a step did: a row that it changed, a file that it wrote, a mail that it sent.

use crate::database::{ChangeKind, ChangedCell, RowChange};

/// What is looked at; a recording says which of these it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Rows of the database.
    Rows,
    /// Files below `effects.files`.
    Files,
    /// Mail given to `sendmail`.
    Mail,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Rows, Self::Files, Self::Mail];

    /// Returns its word in a recording.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Files => "files",
            Self::Mail => "mail",
        }
    }

    /// Returns what `what` speaks of. No verb is one of the database's.
    pub(super) fn of(what: &str) -> Self {
        match what.split(' ').next() {
            Some("created" | "edited" | "removed") => Self::Files,
            Some("sent") => Self::Mail,
            Some(_) | None => Self::Rows,
        }
    }

    /// Counts in words: `1 row`, `2 mails`.
    pub(super) fn count(self, count: usize) -> String {
        let noun = match self {
            Self::Rows => "row",
            Self::Files => "file",
            Self::Mail => "mail",
        };
        match count {
            1 => format!("1 {noun}"),
            _ => format!("{count} {noun}s"),
        }
    }
}

/// One thing that a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// `inserted log`, `created file`, `sent mail`.
    pub(super) what: String,
    /// What it is known by; nothing where all follows in `cells`.
    pub(super) key: Vec<ChangedCell>,
    /// Its values.
    pub(super) cells: Vec<ChangedCell>,
    /// Whether it is new, so that the server counted numbers for it.
    pub(super) is_new: bool,
}

impl From<RowChange> for Change {
    fn from(row: RowChange) -> Self {
        let key = match row.kind {
            // All its values follow.
            ChangeKind::Inserted | ChangeKind::Unlisted => Vec::new(),
            ChangeKind::Updated | ChangeKind::Deleted => row.key,
        };
        Self {
            what: format!("{} {}", row.kind.as_str(), row.table),
            key,
            cells: row.cells,
            is_new: row.kind == ChangeKind::Inserted,
        }
    }
}

/// Makes a cell that the server does not count.
pub(super) fn cell(column: impl Into<String>, text: impl Into<String>) -> ChangedCell {
    ChangedCell {
        column: column.into(),
        text: text.into(),
        is_counted: false,
    }
}
