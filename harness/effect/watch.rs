//! Looks at the database while scenarios run that change it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    database::{DatabaseAddress, DatabaseState, RowChange, database_state, row_changes},
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
    /// The rows, or why they could not be seen.
    pub(super) changes: Result<Vec<RowChange>, String>,
}

/// Everything that was seen: by scenario, round and step.
#[derive(Clone, Debug, Default)]
pub struct Observed(pub(super) BTreeMap<String, Vec<Vec<Seen>>>);

#[derive(Debug, Default)]
struct Inner {
    observed: Observed,
    last: Option<(i64, Result<DatabaseState, String>)>,
}

/// Somebody who looks at one database.
#[derive(Clone, Debug)]
pub struct Watch {
    address: DatabaseAddress,
    inner: Arc<Mutex<Inner>>,
}

impl Watch {
    /// Makes a watch of a database.
    pub fn new(address: &DatabaseAddress) -> Self {
        Self {
            address: address.clone(),
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
        let state = database_state(&self.address)
            .await
            .map_err(|error| chain(&error));
        if self.keep(moment, state) {
            sleep(ANOTHER_SECOND).await;
        }
    }

    /// Keeps what is seen at a moment; returns whether the step before it changed something.
    fn keep(&self, moment: Moment, state: Result<DatabaseState, String>) -> bool {
        let mut inner = self.inner.lock().expect("nobody panics with the lock");
        let last = inner.last.replace((moment.at, state.clone()));
        let rounds = inner.observed.0.entry(moment.scenario).or_default();
        if moment.steps == 0 {
            rounds.push(Vec::new());
            return false;
        }
        let (from, changes) = match (last, state) {
            (Some((from, Ok(before))), Ok(after)) => (from, Ok(row_changes(&before, &after))),
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
        self.inner
            .lock()
            .expect("nobody panics with the lock")
            .observed
            .clone()
    }
}
