//! `record`: writes what the old server holds, so that it can be compared with when that server is gone.
//!
//! The old server is treated with its manners: tables are read in ranges of their key where they have a number for it, and
//! the server rests between. What is cut off goes on where it stopped (see `unfinished`), and nothing half-recorded takes
//! the place of a recording. Only files whose text is another are written: recording an unchanged server twice changes
//! nothing. Counters (`AUTO_INCREMENT`), times of update and sizes are not recorded.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    address::DatabaseAddress,
    connection::Connection,
    contents::{Contents, Kind, recorded_tables},
    description,
    error::DatabaseError,
    name::Name,
    objects::{hidden, is_withheld},
    ranges::{FIRST, bounds, next_width},
    rows::{Selection, Side},
    schema::{ColumnKind, Table, read_table, text},
    server,
    table_file::{LISTED, TableWriter, describe},
    unfinished::{ReadTable, Unfinished, digest_of},
    watch::{Rest, Watch},
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
    /// Tables that an earlier session had read, which was cut off, and when; they have not changed since.
    pub resumed: Vec<String>,
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
        resumed: Vec::new(),
        changed: Vec::new(),
    };
    let server = describe(&server);
    let mut files = Vec::new();
    for kind in Kind::ALL {
        let description = contents.objects(kind, &names).await?;
        match hidden(&description) {
            Some(_) if kind.is_optional() && !is_withheld(&description) => continue,
            reason => recorded.hidden.extend(reason.map(str::to_owned)),
        }
        files.push((
            folder.join(kind.as_str()).with_extension("txt"),
            describe(&description),
        ));
    }
    let unfinished = Unfinished::of(folder);
    record_tables(
        &mut contents,
        (&names.tables, &server),
        &unfinished,
        observer,
        &mut recorded,
    )
    .await?;
    let mut stale = recorded_tables(folder)?;
    stale.retain(|name| names.tables.binary_search(name).is_err());
    unfinished.finish(
        folder,
        &server,
        &files,
        (&names.tables, &stale),
        &mut recorded,
    )?;
    let how = format!("{} tables, {} rows", recorded.tables, recorded.rows);
    observer.observe(Event::Finished { what, how });
    Ok(recorded)
}

/// Records the tables one by one.
async fn record_tables(
    contents: &mut Contents,
    (tables, server): (&[Name], &str),
    unfinished: &Unfinished,
    observer: &dyn Observer,
    recorded: &mut Recorded,
) -> Result<(), DatabaseError> {
    for name in tables {
        contents.mend().await?;
        let Contents::Live(connection, _) = contents else {
            unreachable!("it was opened live");
        };
        let read = record_table(connection, name, unfinished, server, recorded).await?;
        recorded.tables += 1;
        recorded.rows += read.rows;
        if !read.is_listed {
            recorded.digested.push(name.to_string());
        }
        observer.observe(Event::Counted {
            what: "database record".to_owned(),
            done: recorded.tables,
            total: tables.len() as u64,
        });
    }
    Ok(())
}

/// Reads a table, or takes it over from a session before.
async fn record_table(
    connection: &mut Connection,
    name: &Name,
    unfinished: &Unfinished,
    server: &str,
    recorded: &mut Recorded,
) -> Result<ReadTable, DatabaseError> {
    let table = read_table(connection, name).await?;
    let watch = Watch::begin(connection, &table).await?;
    let stamp = watch.stamp.as_ref().filter(|stamp| stamp.is_settled);
    let seen = stamp.map(|stamp| {
        let mut seen = format!("{}\n{server}{}\n", connection.address, stamp.line());
        description::write(&mut seen, &table.description);
        digest_of(seen.as_bytes())
    });
    if let Some(read) = seen.as_ref().and_then(|seen| unfinished.kept(name, seen)) {
        watch.end(connection).await?;
        recorded
            .resumed
            .push(format!("{name} (read at {} UTC)", read.at));
        return Ok(read);
    }
    let at = connection.rows("the server's time", "SELECT NOW()").await?;
    let (text_of_file, rows, is_listed) = read_rows(connection, &table).await?;
    watch.end(connection).await?;
    let read = ReadTable {
        rows,
        is_listed,
        at: at.first().map(|row| text(row, 0)).unwrap_or_default(),
    };
    unfinished.keep(name, &text_of_file, &read, seen.as_deref())?;
    Ok(read)
}

/// Reads a table's rows into the text of its file; returns their number and whether they are listed.
async fn read_rows(
    connection: &mut Connection,
    table: &Table,
) -> Result<(String, u64, bool), DatabaseError> {
    let mut writer = TableWriter::new(table, LISTED);
    let layout = &table.layout;
    let number = layout
        .key
        .first()
        .map(|&position| &layout.columns[position])
        .filter(|column| column.kind == ColumnKind::Integer)
        .filter(|_| !Rest::of(table.engine()).is_for_one_question());
    if let Some(key) = number {
        let bounds = bounds(connection, &layout.table, &key.name).await?;
        let (mut start, last) = bounds.unwrap_or((0, -1));
        let mut width = FIRST;
        while start <= last {
            let end = last.min(start + width - 1);
            let (began, before) = (Instant::now(), writer.rows());
            read_part(
                connection,
                table,
                Selection::Between(start, end),
                &mut writer,
            )
            .await?;
            start = end + 1;
            width = next_width(width, began.elapsed(), writer.rows() - before);
        }
    } else {
        let selection = if layout.key.is_empty() {
            Selection::AnyOrder
        } else {
            Selection::ByKey
        };
        read_part(connection, table, selection, &mut writer).await?;
    }
    let (rows, listed) = (writer.rows(), writer.is_listing());
    Ok((writer.finish(), rows, listed))
}

async fn read_part(
    connection: &mut Connection,
    table: &Table,
    selection: Selection,
    writer: &mut TableWriter<'_>,
) -> Result<(), DatabaseError> {
    let mut side = Side::Live(connection, &table.layout);
    let mut source = side.open(selection).await?;
    while let Some((key, row)) = source.next().await? {
        writer.add(key, &row);
    }
    Ok(())
}
