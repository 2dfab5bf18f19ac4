//! `record`: writes what the old server holds, so that it can be compared with when that server is gone.
//!
//! A file is written beside its place and renamed, and only if its text is another: recording an unchanged server twice
//! changes nothing. Counters (`AUTO_INCREMENT`), times of update and sizes are not recorded.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    address::DatabaseAddress,
    connection::Connection,
    contents::{Contents, Kind, recorded_tables, table_path},
    error::DatabaseError,
    name::Name,
    objects::hidden,
    rows::{Selection, Side},
    schema::{Table, read_table},
    server,
    table_file::{LISTED, TableWriter, describe},
};
use crate::progress::{Event, Observer};

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The server: version and host.
    pub server: String,
    /// How many tables.
    pub tables: u64,
    /// How many rows they have.
    pub rows: u64,
    /// Tables that are recorded by digests only, for they are too large to be listed.
    pub digested: Vec<String>,
    /// What was not recorded because the login may not see it; comparing it will say so.
    pub hidden: Vec<String>,
    /// The files that were written or removed; none if nothing has changed.
    pub changed: Vec<PathBuf>,
}

/// Records a database into `folder`.
pub async fn record(
    address: &DatabaseAddress,
    folder: &Path,
    observer: &dyn Observer,
) -> Result<Recorded, DatabaseError> {
    let what = "database record".to_owned();
    observer.observe(Event::Started { what: what.clone() });
    let mut contents = Contents::live(address).await?;
    let server = contents.server().await?;
    let names = contents.names().await?;
    if let Some(reason) = names.hidden {
        return Err(DatabaseError::Hidden {
            address: address.to_string(),
            reason,
        });
    }
    let mut recorded = Recorded {
        server: server::title(&server),
        tables: 0,
        rows: 0,
        digested: Vec::new(),
        hidden: Vec::new(),
        changed: Vec::new(),
    };
    let mut files = vec![(folder.join("server.txt"), describe(&server))];
    for kind in Kind::ALL {
        let description = contents.objects(kind, &names).await?;
        match hidden(&description) {
            Some(_) if kind.is_optional() => continue,
            reason => recorded.hidden.extend(reason.map(str::to_owned)),
        }
        files.push((
            folder.join(kind.as_str()).with_extension("txt"),
            describe(&description),
        ));
    }
    record_tables(
        &mut contents,
        &names.tables,
        folder,
        observer,
        &mut recorded,
    )
    .await?;
    for (path, text) in files {
        write(&path, &text, &mut recorded.changed)?;
    }
    for stale in recorded_tables(folder)? {
        if names.tables.binary_search(&stale).is_err() {
            let path = table_path(folder, &stale);
            fs::remove_file(&path).map_err(|source| DatabaseError::Write {
                path: path.clone(),
                source,
            })?;
            recorded.changed.push(path);
        }
    }
    let how = format!("{} tables, {} rows", recorded.tables, recorded.rows);
    observer.observe(Event::Finished { what, how });
    Ok(recorded)
}

/// Records the tables one by one.
async fn record_tables(
    contents: &mut Contents,
    tables: &[Name],
    folder: &Path,
    observer: &dyn Observer,
    recorded: &mut Recorded,
) -> Result<(), DatabaseError> {
    let Contents::Live(connection, _) = contents else {
        unreachable!("it was opened live");
    };
    for name in tables {
        let table = read_table(connection, name).await?;
        let (text, rows, listed) = read_rows(connection, &table).await?;
        recorded.tables += 1;
        recorded.rows += rows;
        if !listed {
            recorded.digested.push(name.to_string());
        }
        write(&table_path(folder, name), &text, &mut recorded.changed)?;
        let total = tables.len() as u64;
        observer.observe(Event::Counted {
            what: "database record".to_owned(),
            done: recorded.tables,
            total,
        });
    }
    Ok(())
}

/// Reads a table's rows into the text of its file; returns their number and whether they are listed.
async fn read_rows(
    connection: &mut Connection,
    table: &Table,
) -> Result<(String, u64, bool), DatabaseError> {
    let mut writer = TableWriter::new(table, LISTED);
    let selection = if table.layout.key.is_empty() {
        Selection::AnyOrder
    } else {
        Selection::ByKey
    };
    let mut side = Side::Live(connection, &table.layout);
    let mut source = side.open(selection).await?;
    while let Some((key, row)) = source.next().await? {
        writer.add(key, &row);
    }
    let (rows, listed) = (writer.rows(), writer.is_listing());
    Ok((writer.finish(), rows, listed))
}

/// Writes a file if it would change, whole or not at all.
fn write(path: &Path, text: &str, changed: &mut Vec<PathBuf>) -> Result<(), DatabaseError> {
    let failed = |source| DatabaseError::Write {
        path: path.to_owned(),
        source,
    };
    if fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let new = path.with_extension("txt.new");
    let written = fs::File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed)?;
    changed.push(path.to_owned());
    Ok(())
}
