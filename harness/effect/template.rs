//! `snapshots/<scenario>/effects.txt`: what was looked at, and what each step changed, with holes.
//!
//! ```text
//! effects 2
//! looked at rows
//! looked at files /var/www
//! step 04-ulozenie
//!   inserted log
//!     id: {{id-1}}
//!     kedy: "{{clock Y-m-d H:i:s}}"
//!   updated ziaci
//!     key id: 314
//!     meno: "Žofia"
//! ```

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use super::{change::Kind, error::EffectError};

/// The first line.
const HEAD: &str = "effects 2";

/// The first line of a file from before files and mail were looked at.
const HEAD_OF_ROWS: &str = "effects 1";

/// Begins a line that says what was looked at.
const LOOKED_AT: &str = "looked at ";

/// No file is larger.
const LARGEST: u64 = 64 << 20;

/// What happened to one row, with holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// `inserted log`.
    pub(super) what: String,
    /// Its key.
    pub(super) key: Vec<(String, String)>,
    /// Its values.
    pub(super) cells: Vec<(String, String)>,
}

/// What one step changed, with holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// `04-ulozenie`.
    pub(super) name: String,
    /// The rows.
    pub(super) entries: Vec<Entry>,
}

/// What was recorded of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recorded {
    /// What was looked at, each kind with where.
    pub(super) looked_at: BTreeMap<Kind, String>,
    /// What each step did.
    pub(super) steps: Vec<Step>,
}

/// Returns the file of a scenario.
pub(super) fn path(snapshots: &Path, scenario: &str) -> PathBuf {
    snapshots.join(scenario).join("effects.txt")
}

/// Writes a recording as text.
pub(super) fn write(recorded: &Recorded) -> String {
    let mut text = format!("{HEAD}\n");
    let mut line = |line: String| writeln!(text, "{line}").expect("a string can be written to");
    for (kind, place) in &recorded.looked_at {
        let text = format!("{LOOKED_AT}{} {place}", kind.as_str());
        line(text.trim_end().to_owned());
    }
    for step in &recorded.steps {
        line(format!("step {}", step.name));
        for entry in &step.entries {
            line(format!("  {}", entry.what));
            for (column, value) in &entry.key {
                line(format!("    key {}: {value}", escape(column)));
            }
            for (column, value) in &entry.cells {
                line(format!("    {}: {value}", escape(column)));
            }
        }
    }
    text
}

/// A colon ends a column's name.
fn escape(column: &str) -> String {
    column
        .replace('%', "%25")
        .replace(':', "%3A")
        .replace('\n', "%0A")
}

/// Reads what [`write()`] wrote; the error is the number of the wrong line, from 0.
fn parse(text: &str) -> Result<Recorded, usize> {
    let mut lines = text.lines().enumerate();
    let mut looked_at = BTreeMap::new();
    match lines.next() {
        Some((_, HEAD)) => {}
        Some((_, HEAD_OF_ROWS)) => {
            looked_at.insert(Kind::Rows, String::new());
        }
        Some(_) | None => return Err(0),
    }
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in lines {
        if let Some(name) = line.strip_prefix("step ") {
            steps.push(Step {
                name: name.to_owned(),
                entries: Vec::new(),
            });
            continue;
        }
        if let (Some(looked), true) = (line.strip_prefix(LOOKED_AT), steps.is_empty()) {
            let (word, place) = looked.split_once(' ').unwrap_or((looked, ""));
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
            looked_at.insert(kind.ok_or(number)?, place.to_owned());
            continue;
        }
        let step = steps.last_mut().ok_or(number)?;
        if let Some(cell) = line.strip_prefix("    ") {
            let entry = step.entries.last_mut().ok_or(number)?;
            let (column, value) = cell.split_once(": ").ok_or(number)?;
            let value = value.to_owned();
            match column.strip_prefix("key ") {
                Some(column) => entry.key.push((column.to_owned(), value)),
                None => entry.cells.push((column.to_owned(), value)),
            }
        } else if let Some(what) = line.strip_prefix("  ") {
            step.entries.push(Entry {
                what: what.to_owned(),
                ..Entry::default()
            });
        } else {
            return Err(number);
        }
    }
    Ok(Recorded { looked_at, steps })
}

/// Reads a scenario's file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Recorded>, EffectError> {
    let failed = |source| EffectError::Read {
        path: path.to_owned(),
        source,
    };
    let wrong = |line: usize, reason| EffectError::Format {
        path: path.to_owned(),
        line: line + 1,
        reason,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.len() > LARGEST => {
            return Err(wrong(0, "the file is larger than any that is recorded"));
        }
        Ok(_) => {}
    }
    let text = String::from_utf8(fs::read(path).map_err(failed)?)
        .map_err(|_not_utf8| wrong(0, "the file is not UTF-8 text"))?;
    parse(&text)
        .map(Some)
        .map_err(|line| wrong(line, "it is no step, no row and no value"))
}

/// Writes a scenario's file where it would change; returns whether it did.
pub(super) fn store(path: &Path, recorded: &Recorded) -> Result<bool, EffectError> {
    let failed = |source| EffectError::Write {
        path: path.to_owned(),
        source,
    };
    let text = write(recorded);
    if fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let new = path.with_extension("txt.new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_survive_writing_and_reading() {
        let cell = |column: &str, value: &str| (column.to_owned(), value.to_owned());
        let steps = vec![
            Step {
                name: "01-a".to_owned(),
                entries: Vec::new(),
            },
            Step {
                name: "02-b".to_owned(),
                entries: vec![Entry {
                    what: "updated ziaci".to_owned(),
                    key: vec![cell("id", "314")],
                    cells: vec![cell("meno", "\"Žofia: x\""), cell("rok", "NULL")],
                }],
            },
        ];
        let looked_at = [(Kind::Rows, ""), (Kind::Files, "/var/www /srv/a")];
        let recorded = Recorded {
            looked_at: looked_at
                .map(|(kind, place)| (kind, place.to_owned()))
                .into(),
            steps,
        };
        assert_eq!(parse(&write(&recorded)), Ok(recorded));
        let of_rows = parse("effects 1\nstep a\n").unwrap();
        assert_eq!(
            of_rows.looked_at.into_keys().collect::<Vec<_>>(),
            [Kind::Rows]
        );
        for wrong in [
            "",
            "effects 3\n",
            "effects 2\nlooked at x\n",
            "effects 1\n  inserted x\n",
            "effects 1\nstep a\n    x: y\n",
            "effects 1\nstep a\n  inserted x\n    y\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
