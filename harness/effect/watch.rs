//! Looks at database and files while scenarios run that change it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::sleep;

use super::{
    change::{Change, Kind},
    error::EffectError,
    files::{FileState, Files},
};
use crate::{
    database::{DatabaseAddress, DatabaseState, database_state, row_changes},
    outcome::chain,
    replay::{Moment, Witness},
};

/// After a step that changed something the next one waits for another second: a clock that is set again within one second
/// would look untouched.
const ANOTHER_SECOND: Duration = Duration::from_secs(1);

/// What one step changed in one round.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When it began and ended, in seconds since 1970.
    pub(super) from: i64,
    pub(super) to: i64,
    /// What it did, or why that could not be seen.
    pub(super) changes: Result<Vec<Change>, String>,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// What was looked at, each kind with where.
    pub(super) looked_at: BTreeMap<Kind, String>,
    /// By scenario, round and step.
    pub(super) scenarios: BTreeMap<String, Vec<Vec<Seen>>>,
}

/// Database and files at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    rows: DatabaseState,
    files: FileState,
}

#[derive(Debug, Default)]
struct Inner {
    observed: Observed,
    last: Option<(i64, Result<State, String>)>,
}

/// Somebody who looks at the database and the files of one server.
#[derive(Clone, Debug)]
pub struct Watch {
    address: Option<DatabaseAddress>,
    files: Option<Files>,
    inner: Arc<Mutex<Inner>>,
}

impl Watch {
    /// Makes a watch of what is named.
    pub fn new(address: Option<DatabaseAddress>, files: Option<Files>) -> Self {
        Self {
            address,
            files,
            inner: Arc::default(),
        }
    }

    /// Returns who has to be told what scenarios do.
    pub fn witness(&self) -> Witness {
        let watch = self.clone();
        Witness::new(move |moment| {
            let watch = watch.clone();
            async move { watch.look(moment).await }
        })
    }

    async fn look(&self, moment: Moment) {
        let state = self.state().await;
        if self.keep(moment, state) {
            sleep(ANOTHER_SECOND).await;
        }
    }

    pub(super) async fn state(&self) -> Result<State, String> {
        let mut state = State::default();
        if let Some(address) = &self.address {
            let rows = database_state(address).await;
            state.rows = rows.map_err(|error| {
                format!("the database could not be looked at: {}", chain(&error))
            })?;
        }
        if let Some(files) = &self.files {
            state.files = files.state().map_err(|error| chain(&error))?;
        }
        Ok(state)
    }

    fn changes(&self, before: &State, after: &State) -> Result<Vec<Change>, EffectError> {
        let rows = row_changes(&before.rows, &after.rows);
        let mut changes: Vec<Change> = rows.into_iter().map(Change::from).collect();
        if let Some(files) = &self.files {
            changes.extend(files.changes(&before.files, &after.files)?);
        }
        Ok(changes)
    }

    /// Says what is looked at.
    fn looked_at(&self) -> BTreeMap<Kind, String> {
        let mut looked_at = BTreeMap::new();
        if self.address.is_some() {
            looked_at.insert(Kind::Rows, String::new());
        }
        if let Some(files) = &self.files {
            if !files.trees.is_empty() {
                let mut paths = files.trees.clone();
                if !files.except.is_empty() {
                    paths.push("without".to_owned());
                    paths.extend(files.except.iter().cloned());
                }
                looked_at.insert(Kind::Files, paths.join(" "));
            }
            if files.mail {
                looked_at.insert(Kind::Mail, String::new());
            }
        }
        looked_at
    }

    /// Keeps what is seen at a moment; returns whether the step before it changed something.
    pub(super) fn keep(&self, moment: Moment, state: Result<State, String>) -> bool {
        let mut inner = self.inner.lock().expect("nobody panics with the lock");
        let last = inner.last.replace((moment.at, state.clone()));
        let rounds = inner.observed.scenarios.entry(moment.scenario).or_default();
        if moment.steps == 0 {
            rounds.push(Vec::new());
            return false;
        }
        let (from, changes) = match (last, state) {
            (Some((from, Ok(before))), Ok(after)) => {
                let changes = self.changes(&before, &after);
                (from, changes.map_err(|error| chain(&error)))
            }
            (Some((from, Err(reason))), _) | (Some((from, _)), Err(reason)) => (from, Err(reason)),
            (None, _) => (moment.at, Err("nothing was seen before".to_owned())),
        };
        let has_changed = changes.as_ref().is_ok_and(|changes| !changes.is_empty());
        if let Some(round) = rounds.last_mut() {
            round.push(Seen {
                from,
                to: moment.at,
                changes,
            });
        }
        has_changed
    }

    /// Returns what was seen.
    pub fn observed(&self) -> Observed {
        let inner = self.inner.lock().expect("nobody panics with the lock");
        Observed {
            looked_at: self.looked_at(),
            scenarios: inner.observed.scenarios.clone(),
        }
    }
}
