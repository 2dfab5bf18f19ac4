//! One table in a recording: schema, then rows or the digests of chunks, then a digest of the file itself.
//!
//! ```text
//! table
//!   engine: MyISAM
//! column id
//!   type: int(11)
//!
//! rows 2 listed
//! values integer bytes 1 id
//! values text cp1250 - meno
//!
//! 1⇥"Novák"
//! 2⇥NULL
//! end sha256:…
//! ```
//!
//! The file reads well in a diff, and no byte of a row is lost. It is written by `record` alone: the digest at its end
//! tells a file that was cut short or edited from one that was recorded.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    cell::{CellEncoding, Row},
    chunk::{Chunk, Chunker, Part, from_hex, hex},
    description::{self, Description},
    error::DatabaseError,
    name::Name,
    rows::{Key, KeyPart, write_row},
    schema::{Column, ColumnKind, Layout, Table},
};

/// Rows are listed up to this size of text; beyond, a table is recorded by digests.
pub(super) const LISTED: usize = 16 << 20;

/// What a line in memory costs beside its text.
const LINE_COST: usize = 32;

/// A table as it is read back.
#[derive(Debug)]
pub(super) struct TableFile {
    /// The file.
    pub(super) path: PathBuf,
    /// Schema and layout.
    pub(super) table: Table,
    /// How many rows the table has.
    pub(super) rows: u64,
    /// Digests, if the rows are not listed.
    pub(super) chunks: Option<Vec<Chunk>>,
    /// The number of the line before the first row.
    pub(super) first_row: usize,
    text: String,
    body: usize,
}

impl TableFile {
    /// Returns the lines of the rows.
    pub(super) fn row_lines(&self) -> std::str::SplitTerminator<'_, char> {
        self.text[self.body..].split_terminator('\n')
    }
}

/// Takes rows and makes the text of a table's file.
#[derive(Debug)]
pub(super) struct TableWriter<'a> {
    table: &'a Table,
    limit: usize,
    /// The rows' lines, as long as they are within the limit; with a key they are one text.
    lines: Option<Vec<String>>,
    size: usize,
    rows: u64,
    chunker: Chunker,
}

impl<'a> TableWriter<'a> {
    /// Begins a table.
    pub(super) fn new(table: &'a Table, limit: usize) -> Self {
        let keyed = !table.layout.key.is_empty();
        Self {
            table,
            limit,
            lines: Some(Vec::new()),
            size: 0,
            rows: 0,
            chunker: Chunker::new(keyed),
        }
    }

    /// Takes one row.
    pub(super) fn add(&mut self, key: Key, row: &Row) {
        self.rows += 1;
        if let Some(lines) = &mut self.lines {
            let keyed = !self.table.layout.key.is_empty();
            if lines.is_empty() || !keyed {
                lines.push(String::new());
            }
            let line = lines.last_mut().expect("a line was pushed");
            let before = line.len();
            write_row(line, row, &self.table.layout);
            line.push('\n');
            self.size += line.len() - before + if keyed { 0 } else { LINE_COST };
            if self.size > self.limit {
                self.lines = None;
            }
        }
        self.chunker.add(key, row);
    }

    /// Returns how many rows it took.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns whether the rows are still within the limit.
    pub(super) fn is_listing(&self) -> bool {
        self.lines.is_some()
    }

    /// Returns the file's text.
    pub(super) fn finish(self) -> String {
        let Self {
            table,
            lines,
            rows,
            chunker,
            ..
        } = self;
        let mut text = String::new();
        description::write(&mut text, &table.description);
        let how = if lines.is_some() {
            "listed"
        } else {
            "digested"
        };
        writeln!(text, "\nrows {rows} {how}").expect("a string can be written to");
        for (position, column) in table.layout.columns.iter().enumerate() {
            let place = table.layout.key.iter().position(|key| *key == position);
            let place = place.map_or_else(|| "-".to_owned(), |place| (place + 1).to_string());
            let (kind, encoding) = (column.kind.as_str(), column.encoding.as_str());
            let name = column.name.escaped();
            writeln!(text, "values {kind} {encoding} {place} {name}")
                .expect("a string can be written to");
        }
        text.push('\n');
        match lines {
            Some(mut lines) => {
                if table.layout.key.is_empty() {
                    lines.sort_unstable();
                }
                text.extend(lines);
            }
            None => chunker
                .finish()
                .iter()
                .for_each(|chunk| write_chunk(&mut text, chunk)),
        }
        seal(text)
    }
}

/// Ends a file with the digest of what stands before.
pub(super) fn seal(mut text: String) -> String {
    let digest = Sha256::digest(text.as_bytes()).into();
    writeln!(text, "end {}", hex(&digest)).expect("a string can be written to");
    text
}

/// Returns a file's text without its end, or what is wrong with it.
pub(super) fn unseal(text: &str) -> Result<&str, &'static str> {
    const DAMAGED: &str = "the file was cut short or edited: record the database again";
    let body = text.strip_suffix('\n').ok_or(DAMAGED)?;
    let start = body.rfind('\n').map_or(0, |position| position + 1);
    let digest = body[start..]
        .strip_prefix("end ")
        .and_then(from_hex)
        .ok_or(DAMAGED)?;
    let found: [u8; 32] = Sha256::digest(&text.as_bytes()[..start]).into();
    if found == digest {
        Ok(&text[..start])
    } else {
        Err(DAMAGED)
    }
}

fn write_chunk(text: &mut String, chunk: &Chunk) {
    let (rows, digest) = (chunk.rows, hex(&chunk.digest));
    let line = match &chunk.part {
        Part::UpTo(key) => {
            key.iter()
                .fold(format!("chunk {rows} {digest}"), |line, part| match part {
                    KeyPart::Null => line + "\tNULL",
                    KeyPart::Number(number) => format!("{line}\t{number}"),
                    KeyPart::Bytes(bytes) => format!("{line}\t={}", Name(bytes.clone()).escaped()),
                })
        }
        Part::Bucket(_) if rows == 0 => return,
        Part::Bucket(bucket) => format!("bucket {bucket:02x} {rows} {digest}"),
    };
    text.push_str(&line);
    text.push('\n');
}

/// Reads a table's file.
pub(super) fn parse(
    path: &Path,
    name: &Name,
    mut text: String,
) -> Result<TableFile, DatabaseError> {
    let wrong = |line: usize, reason| DatabaseError::Format {
        path: path.to_owned(),
        line: line + 1,
        reason,
    };
    let length = unseal(&text)
        .map_err(|reason| wrong(text.lines().count().saturating_sub(1), reason))?
        .len();
    text.truncate(length);
    let lines: Vec<&str> = text
        .split('\n')
        .take_while(|line| !line.is_empty())
        .collect();
    let description = description::parse(lines.iter().copied())
        .map_err(|line| wrong(line, "it is no fact and no subject"))?;
    let mut number = lines.len() + 1;
    let mut offset = lines.iter().map(|line| line.len() + 1).sum::<usize>() + 1;
    let mut rest = text.get(offset..).unwrap_or_default().split('\n');
    let head = rest.next().unwrap_or_default();
    let (rows, listed) =
        head_of(head).ok_or_else(|| wrong(number, "the number of rows is missing"))?;
    offset += head.len() + 1;
    let mut columns = Vec::new();
    let mut key = Vec::new();
    for line in rest.by_ref().take_while(|line| !line.is_empty()) {
        number += 1;
        offset += line.len() + 1;
        let (column, place) =
            column_of(line).ok_or_else(|| wrong(number, "it describes no values"))?;
        key.extend(place.map(|place| (place, columns.len())));
        columns.push(column);
    }
    key.sort_unstable();
    let layout = Layout {
        table: name.clone(),
        columns,
        key: key.into_iter().map(|(_, position)| position).collect(),
    };
    let (body, first_row) = ((offset + 1).min(text.len()), number + 2);
    let chunks = if listed {
        None
    } else {
        Some(
            parse_chunks(&text[body..], &layout)
                .map_err(|line| wrong(first_row + line, "it is no chunk"))?,
        )
    };
    let table = Table {
        description,
        layout,
    };
    Ok(TableFile {
        path: path.to_owned(),
        table,
        rows,
        chunks,
        first_row,
        text,
        body,
    })
}

fn head_of(line: &str) -> Option<(u64, bool)> {
    let (rows, how) = line.strip_prefix("rows ")?.split_once(' ')?;
    let listed = match how {
        "listed" => true,
        "digested" => false,
        _ => return None,
    };
    Some((rows.parse().ok()?, listed))
}

fn column_of(line: &str) -> Option<(Column, Option<usize>)> {
    let mut words = line.strip_prefix("values ")?.splitn(4, ' ');
    let kind = ColumnKind::from_word(words.next()?)?;
    let encoding = CellEncoding::from_word(words.next()?)?;
    let place = match words.next()? {
        "-" => None,
        place => Some(place.parse().ok()?),
    };
    Some((
        Column {
            name: Name::from_escaped(words.next()?),
            kind,
            encoding,
        },
        place,
    ))
}

fn parse_chunks(text: &str, layout: &Layout) -> Result<Vec<Chunk>, usize> {
    let mut chunks = Vec::new();
    if layout.key.is_empty() {
        chunks = Chunker::new(false).finish();
    }
    for (number, line) in text.split_terminator('\n').enumerate() {
        let chunk = parse_chunk(line, layout).ok_or(number)?;
        match chunk.part {
            Part::Bucket(bucket) => chunks[usize::from(bucket)] = chunk,
            Part::UpTo(_) => chunks.push(chunk),
        }
    }
    Ok(chunks)
}

fn parse_chunk(line: &str, layout: &Layout) -> Option<Chunk> {
    if let Some(rest) = line.strip_prefix("bucket ") {
        let mut words = rest.split(' ');
        let part = Part::Bucket(u8::from_str_radix(words.next()?, 16).ok()?);
        if !layout.key.is_empty() {
            return None;
        }
        return Some(Chunk {
            part,
            rows: words.next()?.parse().ok()?,
            digest: from_hex(words.next()?)?,
        });
    }
    let mut fields = line.strip_prefix("chunk ")?.split('\t');
    let (rows, digest) = fields.next()?.split_once(' ')?;
    let key = layout
        .key
        .iter()
        .map(
            |&position| match (fields.next()?, layout.columns[position].kind) {
                ("NULL", _) => Some(KeyPart::Null),
                (text, ColumnKind::Integer) => text.parse().ok().map(KeyPart::Number),
                (text, _) => Some(KeyPart::Bytes(
                    Name::from_escaped(text.strip_prefix('=')?).0,
                )),
            },
        )
        .collect::<Option<Key>>()?;
    if key.is_empty() || fields.next().is_some() {
        return None;
    }
    Some(Chunk {
        part: Part::UpTo(key),
        rows: rows.parse().ok()?,
        digest: from_hex(digest)?,
    })
}

/// Writes descriptions alone: the server, views, triggers, routines.
pub(super) fn describe(description: &Description) -> String {
    let mut text = String::new();
    description::write(&mut text, description);
    seal(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{description::Subject, rows::key_of};

    fn table(keyed: bool) -> Table {
        let column = |name: &str, kind, encoding| Column {
            name: Name::from(name),
            kind,
            encoding,
        };
        let columns = vec![
            column("id", ColumnKind::Integer, CellEncoding::Bytes),
            column("meno a", ColumnKind::Text, CellEncoding::Windows1250),
        ];
        let mut subject = Subject::new("table");
        subject.fact("engine", "MyISAM");
        subject.fact("comment", "");
        Table {
            description: Description(vec![subject]),
            layout: Layout {
                table: Name::from("t"),
                columns,
                key: if keyed { vec![1, 0] } else { Vec::new() },
            },
        }
    }

    fn text(table: &Table, rows: &[(&str, Option<&[u8]>)], limit: usize) -> String {
        let mut writer = TableWriter::new(table, limit);
        for (id, name) in rows {
            let row = vec![Some(id.as_bytes().to_vec()), name.map(<[u8]>::to_vec)];
            writer.add(key_of(&table.layout, &row).unwrap(), &row);
        }
        writer.finish()
    }

    #[test]
    fn a_table_reads_well_and_is_read_back() {
        let table = table(true);
        let written = text(
            &table,
            &[("2", None), ("1", Some(b"\x8elt\xfd\n")), ("-3", Some(b""))],
            LISTED,
        );
        let (body, _digest) = written.rsplit_once("end ").unwrap();
        insta::assert_snapshot!(body, @r#"
        table
          engine: MyISAM
          comment:

        rows 3 listed
        values integer bytes 2 id
        values text cp1250 1 meno a

        2	NULL
        1	"Žltý\n"
        -3	""
        "#);
        let file = parse(Path::new("t.txt"), &Name::from("t"), written).unwrap();
        assert_eq!(file.table.layout, table.layout);
        assert_eq!(file.table.description, table.description);
        assert_eq!(file.row_lines().count(), 3);
        assert_eq!((file.rows, file.chunks, file.first_row), (3, None, 8));
    }

    #[test]
    fn a_table_beyond_the_limit_is_read_back_as_digests() {
        for keyed in [true, false] {
            let table = table(keyed);
            let rows = [
                ("1", None),
                ("2", Some(b"NULL".as_slice())),
                ("3", Some(b"\x9e=\t%")),
            ];
            let written = text(&table, &rows, 10);
            assert!(!written.contains("\"NULL\""), "{written}");
            let mut chunker = Chunker::new(keyed);
            for (id, name) in rows {
                let row = vec![Some(id.as_bytes().to_vec()), name.map(<[u8]>::to_vec)];
                chunker.add(key_of(&table.layout, &row).unwrap(), &row);
            }
            let file = parse(Path::new("t.txt"), &Name::from("t"), written).unwrap();
            assert_eq!(file.chunks, Some(chunker.finish()));
        }
    }

    #[test]
    fn a_file_that_was_cut_short_or_edited_is_refused() {
        let written = text(&table(false), &[("1", None), ("2", None)], LISTED);
        let table = [
            written.replace("2\tNULL", "3\tNULL"),
            written.replace("2\tNULL\n", ""),
            written.replace("MyISAM", "InnoDB"),
            written[..written.len() / 2].to_owned(),
            written.trim_end().to_owned(),
            String::new(),
            seal(String::new()),
            seal("table\n  engine: x\n".to_owned()),
            seal(
                "table\n\nrows 1 digested\nvalues integer bytes 1 id\n\nchunk 1 sha256:00\t1\n"
                    .to_owned(),
            ),
        ];
        for text in table {
            let error = parse(Path::new("t.txt"), &Name::from("t"), text.clone()).unwrap_err();
            assert!(error.to_string().starts_with("t.txt:"), "{error}: {text}");
        }
    }
}
