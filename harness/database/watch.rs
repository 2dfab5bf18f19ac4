//! A table that stays as it is while it is read, or is not taken for read.
//!
//! InnoDB shows one moment to a whole transaction. Other engines show what is there when they are asked: a table that is read in
//! parts, or twice, may be another each time. So such a table is locked against changes (READ LOCAL still lets rows be
//! added at the end of a `MyISAM`, which this session does not see), or what its server says about it is compared before and after.
//!
//! Only `MyISAM` tells of every change. Aria, MEMORY, MERGE, CSV and ARCHIVE don't, but the server locks their tables for as long as
//! it answers one question: such a table is read by a single question, which sees one moment. Of other engines nothing is
//! known, and their tables are not read without a lock.

use std::time::Duration;

use super::{
    cell::Row,
    connection::{Connection, SNAPSHOT},
    error::DatabaseError,
    manners::{Lock, Manners},
    name::Name,
    schema::{Table, table_status, text},
};

/// Engines whose tables are read in the snapshot of a transaction.
const WITH_SNAPSHOT: [&str; 5] = ["innodb", "tokudb", "rocksdb", "berkeleydb", "bdb"];

/// Engines whose tables the server locks while it answers a question.
const BY_QUESTION: [&str; 10] = [
    "aria",
    "archive",
    "blackhole",
    "csv",
    // The other server is asked one question, too.
    "federated",
    "heap",
    "isam",
    "memory",
    "merge",
    "mrg_myisam",
];

/// What is known of a table that is read in several questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It is read as it was at one moment.
    Snapshot,
    /// Its server tells whether it changed.
    Told,
    /// It may be another at each question, and is one at each.
    Question,
    /// It may change at any time.
    Unknown,
}

impl Rest {
    /// Returns what is known of the tables of an engine.
    pub(super) fn of(engine: &str) -> Self {
        let engine = engine.to_ascii_lowercase();
        match engine.as_str() {
            "myisam" => Self::Told,
            known if WITH_SNAPSHOT.contains(&known) => Self::Snapshot,
            known if BY_QUESTION.contains(&known) => Self::Question,
            _ => Self::Unknown,
        }
    }

    /// Returns whether a table has to be read by a single question.
    pub(super) fn is_for_one_question(self) -> bool {
        match self {
            Self::Question => true,
            Self::Snapshot | Self::Told | Self::Unknown => false,
        }
    }
}

/// How long another login may keep a table from being locked, where the server can be told.
const LOCK_WAIT: &str = "SET SESSION lock_wait_timeout = 30";

/// How long to wait for the second after a table's last change, in steps.
const STEP: Duration = Duration::from_millis(100);

/// So many steps at most: a time of change in the future never passes.
const STEPS: u32 = 30;

/// What a server says cheaply about a table, and what changes when the table does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// `rows`, `bytes`, the counter, the time of the last change, the checksum.
    facts: Vec<String>,
    /// Whether the last change is known, and lies in an earlier second: the next one shows.
    pub(super) is_settled: bool,
}

impl Stamp {
    /// Returns it as a line.
    pub(super) fn line(&self) -> String {
        self.facts.join(", ")
    }
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Watch {
    name: Name,
    locked: bool,
    /// What the server said before; nothing where a snapshot shows one moment.
    pub(super) stamp: Option<Stamp>,
}

impl Watch {
    /// Locks a table, or remembers what its server says about it.
    pub(super) async fn begin(
        connection: &mut Connection,
        table: &Table,
    ) -> Result<Self, DatabaseError> {
        let mut watch = Self {
            name: table.layout.table.clone(),
            locked: false,
            stamp: None,
        };
        let rest = Rest::of(table.engine());
        if rest == Rest::Snapshot {
            return Ok(watch);
        }
        if connection.manners().lock == Lock::Tables {
            watch.lock(connection).await?;
        }
        match rest {
            Rest::Told => watch.stamp = Some(watch.settle(connection).await?),
            Rest::Unknown if !watch.locked => {
                return Err(DatabaseError::Restless {
                    table: watch.name.to_string(),
                    engine: table.engine().to_owned(),
                    address: connection.address.clone(),
                });
            }
            Rest::Snapshot | Rest::Question | Rest::Unknown => {}
        }
        Ok(watch)
    }

    /// Releases the table; an error if it changed since.
    pub(super) async fn end(self, connection: &mut Connection) -> Result<(), DatabaseError> {
        if self.locked {
            return connection.unlock().await;
        }
        let Some(before) = &self.stamp else {
            return Ok(());
        };
        let after = stamp(connection, &self.name).await?;
        if after.facts == before.facts {
            return Ok(());
        }
        Err(DatabaseError::Changed {
            table: self.name.to_string(),
            address: connection.address.clone(),
        })
    }

    async fn lock(&mut self, connection: &mut Connection) -> Result<(), DatabaseError> {
        connection
            .rows_if_answered("the session", LOCK_WAIT)
            .await?;
        let query = [
            b"LOCK TABLES ".as_slice(),
            &self.name.quoted(),
            b" READ LOCAL",
        ];
        connection
            .rows("a lock", query.concat())
            .await
            .map_err(|error| {
                let DatabaseError::Query {
                    address, source, ..
                } = error
                else {
                    return error;
                };
                DatabaseError::Lock {
                    table: self.name.to_string(),
                    address,
                    source,
                }
            })?;
        connection.is_locked = true;
        self.locked = true;
        Ok(())
    }

    /// Looks at a table; if it changed in this very second, later: times of change are in seconds, and a second change
    /// would not show. A server that serves nobody else is not waited for.
    async fn settle(&self, connection: &mut Connection) -> Result<Stamp, DatabaseError> {
        let patient = connection.manners() != Manners::default();
        let mut steps = 0;
        loop {
            let found = stamp(connection, &self.name).await?;
            if found.is_settled || !patient || steps == STEPS {
                return Ok(found);
            }
            steps += 1;
            tokio::time::sleep(STEP).await;
        }
    }
}

impl Connection {
    /// Releases what is locked, and begins a new snapshot: the lock has ended the one before.
    pub(super) async fn unlock(&mut self) -> Result<(), DatabaseError> {
        self.rows("a lock's end", "UNLOCK TABLES").await?;
        self.is_locked = false;
        self.rows_if_answered("the session", SNAPSHOT).await?;
        Ok(())
    }
}

/// Asks what the server says about a table.
async fn stamp(connection: &mut Connection, name: &Name) -> Result<Stamp, DatabaseError> {
    let now = connection
        .rows("the server's time", "SELECT NOW()")
        .await?
        .first()
        .map(|row| text(row, 0))
        .unwrap_or_default();
    let status = table_status(connection, name).await?;
    Ok(of_status(&status, &now))
}

fn of_status(status: &Row, now: &str) -> Stamp {
    let changed = text(status, 12);
    Stamp {
        facts: vec![
            format!("{} rows", text(status, 4)),
            format!("counter {}", text(status, 10)),
            format!("{} bytes", text(status, 6)),
            format!("changed {changed}"),
            format!("checksum {}", text(status, 15)),
        ],
        is_settled: !changed.is_empty() && changed.as_str() < now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_this_second_is_not_settled() {
        let cell = |text: &str| Some(text.as_bytes().to_vec());
        let mut status: Row = vec![None; 18];
        status[12] = cell("2026-03-01 10:00:00");
        for (now, settled) in [
            ("2026-03-01 10:00:00", false),
            ("2026-03-01 10:00:01", true),
            ("2026-03-01 09:59:59", false),
        ] {
            assert_eq!(of_status(&status, now).is_settled, settled, "{now}");
        }
        status[12] = None;
        assert!(!of_status(&status, "2026-03-01 10:00:01").is_settled);
    }

    #[test]
    fn only_tables_that_show_one_moment_are_read_in_parts() {
        let table = [
            ("InnoDB", Rest::Snapshot),
            ("MyISAM", Rest::Told),
            ("MRG_MyISAM", Rest::Question),
            ("MEMORY", Rest::Question),
            ("Aria", Rest::Question),
            ("SPIDER", Rest::Unknown),
            ("", Rest::Unknown),
        ];
        for (engine, rest) in table {
            assert_eq!(Rest::of(engine), rest, "{engine}");
        }
    }
}
