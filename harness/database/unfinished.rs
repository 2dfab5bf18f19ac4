//! A recording on its way: what was read so far, beside the recording that is in force.
//!
//! ```text
//! snapshots/database/unfinished/
//!   ziaci.txt          the table as it will be recorded
//!   ziaci.seen         what tells that it is still the same on the server
//! ```
//!
//! A table is taken over by a later session only if it is proved to be what it was: by the time of its last change, which
//! only `MyISAM` tells. Then the recording is still one of one moment, that of the later session. All other tables are read
//! again. The files move to their places when all are there; the first of them that goes and the last that comes is
//! `server.txt`, without which there is no recording.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    chunk::hex, contents::table_path, error::DatabaseError, name::Name, recording::Recorded,
};

/// A table that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadTable {
    /// How many rows it has.
    pub(super) rows: u64,
    /// Whether they are listed.
    pub(super) is_listed: bool,
    /// When it was read, by the server's clock, in UTC.
    pub(super) at: String,
}

/// The folder of a recording on its way.
#[derive(Debug)]
pub(super) struct Unfinished {
    folder: PathBuf,
}

impl Unfinished {
    /// Returns the one that belongs to the recording in `folder`.
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.join("unfinished"),
        }
    }

    fn path(&self, table: &Name, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", table.escaped()))
    }

    /// Returns a table that was read before, if `seen`, a line, is what was seen of it then and its text is whole.
    pub(super) fn kept(&self, table: &Name, seen: &str) -> Option<ReadTable> {
        let note = fs::read_to_string(self.path(table, "seen")).ok()?;
        let lines: Vec<&str> = note.lines().collect();
        let &[known, digest, rows, how, at] = lines.as_slice() else {
            return None;
        };
        let text = fs::read(self.path(table, "txt")).ok()?;
        (known == seen && digest == digest_of(&text)).then_some(ReadTable {
            rows: rows.parse().ok()?,
            is_listed: how == "listed",
            at: at.to_owned(),
        })
    }

    /// Keeps a table; `seen` is what a later session must see of it, nothing if it can't tell.
    pub(super) fn keep(
        &self,
        table: &Name,
        text: &str,
        read: &ReadTable,
        seen: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let note = self.path(table, "seen");
        remove(&note)?;
        write(&self.path(table, "txt"), text)?;
        let Some(seen) = seen else {
            return Ok(());
        };
        let how = if read.is_listed { "listed" } else { "digested" };
        let digest = digest_of(text.as_bytes());
        write(
            &note,
            &format!("{seen}\n{digest}\n{}\n{how}\n{}\n", read.rows, read.at),
        )
    }

    /// Moves everything to its place: `files` and the tables. Nothing is touched that would not change.
    pub(super) fn finish(
        self,
        folder: &Path,
        server: &str,
        files: &[(PathBuf, String)],
        tables: (&[Name], &[Name]),
        recorded: &mut Recorded,
    ) -> Result<(), DatabaseError> {
        let (tables, stale) = tables;
        let head = folder.join("server.txt");
        let mut moves = Vec::new();
        for (path, text) in files {
            let new = self
                .folder
                .join(path.file_name().unwrap_or_default())
                .with_extension("new");
            if !is_same(path, text.as_bytes()) {
                write(&new, text)?;
                moves.push((new, path.clone()));
            }
        }
        for table in tables {
            let (new, place) = (self.path(table, "txt"), table_path(folder, table));
            let text = fs::read(&new).map_err(|source| DatabaseError::Read {
                path: new.clone(),
                source,
            })?;
            if !is_same(&place, &text) {
                moves.push((new, place));
            }
        }
        let gone: Vec<PathBuf> = stale.iter().map(|name| table_path(folder, name)).collect();
        let is_known = is_same(&head, server.as_bytes());
        if !moves.is_empty() || !gone.is_empty() {
            remove(&head)?;
        }
        for (new, place) in moves {
            rename(&new, &place)?;
            recorded.changed.push(place);
        }
        for path in gone {
            remove(&path)?;
            recorded.changed.push(path);
        }
        if !is_known || !recorded.changed.is_empty() {
            write(&head, server)?;
        }
        if !is_known {
            recorded.changed.push(head);
        }
        match fs::remove_dir_all(&self.folder) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DatabaseError::Write {
                path: self.folder,
                source,
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Returns the digest of a text.
pub(super) fn digest_of(text: &[u8]) -> String {
    hex(&Sha256::digest(text).into())
}

fn is_same(path: &Path, text: &[u8]) -> bool {
    fs::read(path).is_ok_and(|known| known == text)
}

fn remove(path: &Path) -> Result<(), DatabaseError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DatabaseError::Write {
            path: path.to_owned(),
            source,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), DatabaseError> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::rename(from, to))
        .map_err(|source| DatabaseError::Write {
            path: to.to_owned(),
            source,
        })
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), DatabaseError> {
    let failed = |source| DatabaseError::Write {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut new = path.as_os_str().to_owned();
    new.push(".part");
    fs::File::create(&new)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_taken_over_only_as_it_was_seen_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = Unfinished::of(folder.path());
        let name = Name::from("ziaci");
        let read = ReadTable {
            rows: 2,
            is_listed: true,
            at: "2026-03-01 10:00:00".to_owned(),
        };
        assert_eq!(unfinished.kept(&name, "seen"), None);
        unfinished
            .keep(&name, "text\n", &read, Some("seen"))
            .unwrap();
        assert_eq!(unfinished.kept(&name, "seen"), Some(read.clone()));
        assert_eq!(unfinished.kept(&name, "other"), None);
        fs::write(unfinished.path(&name, "txt"), "te").unwrap();
        assert_eq!(unfinished.kept(&name, "seen"), None);
        unfinished.keep(&name, "text\n", &read, None).unwrap();
        assert_eq!(unfinished.kept(&name, "seen"), None);
    }
}
