//! How long the old server's answers took, in `runs/legacy-times.json`: apart from the snapshots, in which nothing is volatile.
//!
//! ```text
//! { "schema_version": 1, "took_ms": { "replay/login/01-form": 12 } }
//! ```
//! Each is the shortest time of all rounds, in milliseconds. The file is no evidence: without it nothing is said of times.

use std::{collections::BTreeMap, fs, io, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    input::{InputError, read_text},
    outcome::{CaseId, Timed},
    project::Project,
};

/// The version of the format.
const SCHEMA_VERSION: u32 = 1;

/// The file's name in the folder of runs.
const FILE: &str = "legacy-times.json";

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    schema_version: u32,
    took_ms: BTreeMap<String, u64>,
}

/// Keeps how long answers took, beside what is known of others.
pub fn keep_times(project: &Project, times: &[(CaseId, Duration)]) -> Result<(), InputError> {
    let folder = project.folder.join("runs");
    let path = folder.join(FILE);
    // What can't be read is of no use to anybody.
    let mut took_ms = read(&path).unwrap_or_default();
    for (case, took) in times {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        took_ms.insert(case.to_string(), milliseconds);
    }
    let document = Document {
        schema_version: SCHEMA_VERSION,
        took_ms,
    };
    let mut text =
        serde_json::to_string_pretty(&document).expect("names and numbers are always JSON");
    text.push('\n');
    // Whole or not at all: a file that is cut off would be refused.
    let fresh = folder.join(format!(".{FILE}.new"));
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&fresh, text))
        .and_then(|()| fs::rename(&fresh, &path));
    written.map_err(|source| InputError {
        source: Some(source),
        ..InputError::new(&path, "can't be written")
    })
}

/// How long the old server's answers took, by case, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyTimes(BTreeMap<String, u64>);

impl LegacyTimes {
    /// Reads what was kept; nothing is no error. Read it before anything is asked, so that a damaged file costs no result.
    pub fn load(project: &Project) -> Result<Self, InputError> {
        read(&project.folder.join("runs").join(FILE)).map(Self)
    }

    /// Puts how long answers took beside them, where they are known.
    pub fn beside(&self, times: &[(CaseId, Duration)]) -> Vec<Timed> {
        let both = times.iter().filter_map(|(case, candidate)| {
            Some(Timed {
                case: case.clone(),
                legacy: Duration::from_millis(*self.0.get(case.as_str())?),
                candidate: *candidate,
            })
        });
        both.collect()
    }
}

/// Reads the old server's times; none where nothing was kept.
fn read(path: &Path) -> Result<BTreeMap<String, u64>, InputError> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if is_missing(&error) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let wrong = |message: &str| InputError::new(path, message).hint("remove it, or `record` again");
    let document: Document =
        serde_json::from_str(&text).map_err(|_| wrong("is no list of times"))?;
    if document.schema_version != SCHEMA_VERSION {
        return Err(wrong("is of another version of this program"));
    }
    Ok(document.took_ms)
}

fn is_missing(error: &InputError) -> bool {
    let source = error.source.as_ref();
    source.is_some_and(|source| source.kind() == io::ErrorKind::NotFound)
}
