//! What can be compared: a live database, or a recorded one. Both answer the same questions.
//!
//! ```text
//! snapshots/database/
//!   server.txt  views.txt  triggers.txt  routines.txt  events.txt
//!   tables/ziaci.txt
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    address::DatabaseAddress,
    chunk::Chunk,
    collations,
    connection::Connection,
    description::{self, Description},
    dump::{self, Dump},
    error::DatabaseError,
    grants,
    name::Name,
    objects::{self, Names},
    rows::Side,
    schema::{self, Layout, Table},
    server,
    source::Source,
    table_file::{self, TableFile, unseal},
    watch::Watch,
};

/// The largest file of a recording: rows are listed up to 16 MiB, chunks of ten million rows take less.
const LARGEST_FILE: u64 = 64 << 20;

/// What a database holds beside its tables, by the file that records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Views.
    Views,
    /// Triggers.
    Triggers,
    /// Procedures and functions.
    Routines,
    /// Events.
    Events,
    /// Logins and what they may do.
    Grants,
    /// How collations compare and sort words.
    Collations,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::Views,
        Self::Triggers,
        Self::Routines,
        Self::Events,
        Self::Grants,
        Self::Collations,
    ];

    /// Returns whether a recording may lack it: the login may see no other logins, and old recordings have no words.
    pub(super) fn is_optional(self) -> bool {
        match self {
            Self::Grants | Self::Collations => true,
            Self::Views | Self::Triggers | Self::Routines | Self::Events => false,
        }
    }

    /// Returns whether mysqldump writes it only where it is asked for it.
    pub(super) fn may_lack_in_dumps(self) -> bool {
        match self {
            Self::Routines | Self::Events => true,
            Self::Views | Self::Triggers | Self::Grants | Self::Collations => false,
        }
    }

    /// Returns its word in case ids and file names.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::Triggers => "triggers",
            Self::Routines => "routines",
            Self::Events => "events",
            Self::Grants => "grants",
            Self::Collations => "collations",
        }
    }
}

/// A database, live or recorded.
#[derive(Debug)]
pub(super) enum Contents {
    /// On a server.
    Live(Box<Connection>, DatabaseAddress),
    /// In a folder.
    Recorded(PathBuf),
    /// In a dump.
    Dump(Dump),
}

/// A table out of one of them.
#[derive(Debug)]
pub(super) enum Found {
    /// On a server.
    Live(Table),
    /// In a file.
    Recorded(Box<TableFile>),
}

impl Found {
    /// Returns schema and layout.
    pub(super) fn table(&self) -> &Table {
        match self {
            Self::Live(table) => table,
            Self::Recorded(file) => &file.table,
        }
    }

    /// Returns the recorded digests, if that is all there is of the rows.
    pub(super) fn chunks(&self) -> Option<&[Chunk]> {
        match self {
            Self::Live(_) => None,
            Self::Recorded(file) => file.chunks.as_deref(),
        }
    }

    /// Returns where the rows come from, read in `layout`'s columns and order where they are live.
    pub(super) fn side<'a>(&'a self, contents: &'a mut Contents, layout: &'a Layout) -> Side<'a> {
        match (self, contents) {
            (Self::Recorded(file), _) => Side::Recorded(file),
            (Self::Live(_), Contents::Live(connection, _)) => Side::Live(connection, layout),
            (Self::Live(_), Contents::Recorded(_) | Contents::Dump(_)) => {
                unreachable!("a recording holds no live table")
            }
        }
    }
}

impl Contents {
    /// Opens one side of a comparison.
    pub(super) async fn open(source: &Source) -> Result<Self, DatabaseError> {
        match source {
            Source::Live(address) => Self::live(address).await,
            Source::Recorded(folder) => Self::recorded(folder),
            Source::Dump(path) => dump::read(path).map(Self::Dump),
        }
    }

    /// Returns whether it is a dump.
    pub(super) fn is_dump(&self) -> bool {
        matches!(self, Self::Dump(_))
    }

    /// Makes a connection again that broke at what was read before.
    pub(super) async fn mend(&mut self) -> Result<(), DatabaseError> {
        match self {
            Self::Live(connection, _) => connection.mend().await,
            Self::Recorded(_) | Self::Dump(_) => Ok(()),
        }
    }

    /// Begins to watch a table, if it is on a server.
    pub(super) async fn watch(&mut self, found: &Found) -> Result<Option<Watch>, DatabaseError> {
        match (self, found) {
            (Self::Live(connection, _), Found::Live(table)) => {
                Watch::begin(connection, table).await.map(Some)
            }
            (Self::Live(..) | Self::Recorded(_) | Self::Dump(_), _) => Ok(None),
        }
    }

    /// Connects to a live database.
    pub(super) async fn live(address: &DatabaseAddress) -> Result<Self, DatabaseError> {
        let connection = Connection::open(address).await?;
        Ok(Self::Live(Box::new(connection), address.clone()))
    }

    /// Opens a recording.
    pub(super) fn recorded(folder: &Path) -> Result<Self, DatabaseError> {
        if !folder.join("server.txt").is_file() {
            return Err(DatabaseError::NotRecorded {
                folder: folder.to_owned(),
            });
        }
        Ok(Self::Recorded(folder.to_owned()))
    }

    /// Returns the server's identity and settings.
    pub(super) async fn server(&mut self) -> Result<Description, DatabaseError> {
        match self {
            Self::Live(connection, address) => server::read_server(connection, &address.name).await,
            Self::Recorded(folder) => read_description(&folder.join("server.txt")),
            Self::Dump(_) => Ok(Description::default()),
        }
    }

    /// Returns the names of its tables and views.
    pub(super) async fn names(&mut self) -> Result<Names, DatabaseError> {
        match self {
            Self::Live(connection, address) => objects::read_names(connection, &address.name).await,
            Self::Recorded(folder) => {
                let views = read_description(&folder.join("views.txt"))?;
                let name = |subject: &description::Subject| {
                    Name::from(subject.name.strip_prefix("view ").unwrap_or_default())
                };
                Ok(Names {
                    tables: recorded_tables(folder)?,
                    views: views.0.iter().map(name).collect(),
                    hidden: None,
                })
            }
            Self::Dump(dump) => Ok(Names {
                tables: dump.tables.keys().cloned().collect(),
                views: dump.views(),
                hidden: None,
            }),
        }
    }

    /// Returns its views, triggers, routines or events.
    pub(super) async fn objects(
        &mut self,
        kind: Kind,
        names: &Names,
    ) -> Result<Description, DatabaseError> {
        match (self, kind) {
            (Self::Live(connection, address), Kind::Views) => {
                objects::read_views(connection, &names.views, &address.name).await
            }
            (Self::Live(connection, address), Kind::Triggers) => {
                objects::read_triggers(connection, &address.name).await
            }
            (Self::Live(connection, address), Kind::Events) => {
                objects::read_events(connection, &address.name).await
            }
            (Self::Live(connection, address), Kind::Routines) => {
                objects::read_routines(connection, &address.name).await
            }
            (Self::Live(connection, address), Kind::Grants) => {
                grants::read_grants(connection, &address.name).await
            }
            (Self::Live(connection, _), Kind::Collations) => {
                collations::read_collations(connection).await
            }
            (Self::Dump(dump), _) => Ok(dump.objects(kind)),
            (Self::Recorded(folder), _) => {
                let path = folder.join(kind.as_str()).with_extension("txt");
                if kind.is_optional() && !path.exists() {
                    return Ok(objects::hide(
                        "it was not recorded: record the database again",
                    ));
                }
                read_description(&path)
            }
        }
    }

    /// Returns a table.
    pub(super) async fn table(&mut self, name: &Name) -> Result<Found, DatabaseError> {
        match self {
            Self::Live(connection, _) => {
                schema::read_table(connection, name).await.map(Found::Live)
            }
            Self::Recorded(folder) => {
                let path = table_path(folder, name);
                let text = read(&path)?;
                table_file::parse(&path, name, text).map(|file| Found::Recorded(Box::new(file)))
            }
            Self::Dump(dump) => {
                let text = dump.tables.get(name).cloned().unwrap_or_default();
                table_file::parse(&dump.path, name, text)
                    .map(|file| Found::Recorded(Box::new(file)))
            }
        }
    }
}

/// Returns the file that records a table.
pub(super) fn table_path(folder: &Path, name: &Name) -> PathBuf {
    folder
        .join("tables")
        .join(format!("{}.txt", name.escaped()))
}

/// Returns the tables that a recording holds.
pub(super) fn recorded_tables(folder: &Path) -> Result<Vec<Name>, DatabaseError> {
    let tables = folder.join("tables");
    let failed = |source: io::Error| DatabaseError::Read {
        path: tables.clone(),
        source,
    };
    let entries = match fs::read_dir(&tables) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".txt")) {
            names.push(Name::from_escaped(stem));
        }
    }
    names.sort();
    Ok(names)
}

/// Reads a file of a recording.
pub(super) fn read(path: &Path) -> Result<String, DatabaseError> {
    let failed = |source| DatabaseError::Read {
        path: path.to_owned(),
        source,
    };
    let wrong = |reason| DatabaseError::Format {
        path: path.to_owned(),
        line: 1,
        reason,
    };
    if fs::metadata(path).map_err(failed)?.len() > LARGEST_FILE {
        return Err(wrong("the file is larger than any that is recorded"));
    }
    String::from_utf8(fs::read(path).map_err(failed)?)
        .map_err(|_not_utf8| wrong("the file is not UTF-8 text"))
}

fn read_description(path: &Path) -> Result<Description, DatabaseError> {
    let text = read(path)?;
    let wrong = |line: usize, reason| DatabaseError::Format {
        path: path.to_owned(),
        line: line + 1,
        reason,
    };
    let body =
        unseal(&text).map_err(|reason| wrong(text.lines().count().saturating_sub(1), reason))?;
    description::parse(body.split_terminator('\n'))
        .map_err(|line| wrong(line, "it is no fact and no subject"))
}
