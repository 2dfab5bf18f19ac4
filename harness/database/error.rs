//! Why a database could not be read, recorded or compared; never a difference.

use std::{error::Error, io, path::PathBuf, time::Duration};

/// Something kept a database from being looked at.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// An address is wrong; it is not repeated, for it may hold a password.
    #[error(
        "the database address can't be used: {reason}; write mysql://USER[:PASSWORD]@HOST[:PORT]/NAME"
    )]
    Address {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server can't be reached or refuses the login.
    #[error("can't connect to {address}")]
    Connect {
        /// The server.
        address: String,
        /// The driver's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server doesn't answer.
    #[error("{address} did not answer within {} s", limit.as_secs())]
    TimedOut {
        /// The server.
        address: String,
        /// How long it had.
        limit: Duration,
    },
    /// The server fails at a query, or the connection at it.
    #[error("{what} can't be read from {address}")]
    Query {
        /// What was asked for.
        what: String,
        /// The server.
        address: String,
        /// The driver's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A connection that broke before is not used again.
    #[error("{what} can't be read: the connection to {address} broke before")]
    Broken {
        /// What was asked for.
        what: String,
        /// The server.
        address: String,
    },
    /// The server answers what no server should.
    #[error("{address} answers nonsense for {what}: {reason}")]
    Answer {
        /// What was asked for.
        what: String,
        /// The server.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A table is not what it was when it began to be read.
    #[error("{table} was changed while it was read from {address}")]
    Changed {
        /// The table.
        table: String,
        /// The server.
        address: String,
    },
    /// Nothing keeps a table as it is while it is read.
    #[error(
        "{table} may change while it is read from {address}: nothing is known of its engine {engine:?}; legacy.database_lock = \"tables\" locks it"
    )]
    Restless {
        /// The table.
        table: String,
        /// Its engine.
        engine: String,
        /// The server.
        address: String,
    },
    /// A table can't be locked.
    #[error(
        "{table} can't be locked at {address}: let its login LOCK TABLES, or leave out legacy.database_lock"
    )]
    Lock {
        /// The table.
        table: String,
        /// The server.
        address: String,
        /// The driver's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server has so much to do that it is left alone.
    #[error("{address} is busy: {running} threads run, legacy.database_busy is {limit}")]
    Busy {
        /// The server.
        address: String,
        /// How many threads run.
        running: u32,
        /// How many may.
        limit: u32,
    },
    /// The login does not see all that has to be recorded.
    #[error("{address} can't be read: {reason}")]
    Hidden {
        /// The server.
        address: String,
        /// What it may not see.
        reason: String,
    },
    /// Both ends are one database.
    #[error("both sides are the same database of the same server: {first} and {second}")]
    SameServer {
        /// One address.
        first: String,
        /// The other.
        second: String,
    },
    /// A tolerance can't be used.
    #[error("the tolerance of {column} can't be used: {reason}")]
    Tolerance {
        /// Its place in the list that was given.
        index: usize,
        /// Table and column.
        column: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no recording.
    #[error("{} holds no recorded database", folder.display())]
    NotRecorded {
        /// Where it would be.
        folder: PathBuf,
    },
    /// A file of the recording can't be read.
    #[error("{} can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file of the recording can't be written.
    #[error("{} can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file of the recording isn't what `record` wrote.
    #[error("{}:{line}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl DatabaseError {
    /// Returns whether the server, not the connection, refused.
    pub(super) fn is_refusal(&self) -> bool {
        self.of_server().is_some()
    }

    /// Returns whether the server said that it does not know the syntax, the variable, the table, the column or the function.
    /// MySQL 5.6 takes a function that it does not know for a stored one, which the login may not execute (1370).
    pub(super) fn is_unknown(&self) -> bool {
        const UNKNOWN: [u16; 10] = [1049, 1064, 1109, 1146, 1193, 1235, 1305, 1370, 1577, 1690];
        self.of_server()
            .is_some_and(|error| UNKNOWN.contains(&error.code))
    }

    /// Returns whether the server said that the login may not do this.
    pub(super) fn is_denial(&self) -> bool {
        [1044, 1045, 1142, 1143]
            .into_iter()
            .any(|code| self.has_code(code))
    }

    /// Returns whether the server said this.
    pub(super) fn has_code(&self, code: u16) -> bool {
        self.of_server().is_some_and(|error| error.code == code)
    }

    /// Returns what the server said to a query.
    pub(super) fn of_server(&self) -> Option<&mysql_async::ServerError> {
        match self {
            Self::Query { source, .. } | Self::Lock { source, .. } => source.downcast_ref(),
            Self::Address { .. }
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. }
            | Self::Answer { .. }
            | Self::Changed { .. }
            | Self::Restless { .. }
            | Self::Busy { .. }
            | Self::Hidden { .. }
            | Self::SameServer { .. }
            | Self::NotRecorded { .. }
            | Self::Tolerance { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Format { .. } => None,
        }
    }
}

/// Takes the driver's wrapping off its error, whose text would stand twice in a chain.
pub(super) fn driver_error(error: mysql_async::Error) -> Box<dyn Error + Send + Sync> {
    use mysql_async::{Error as Driver, IoError};
    match error {
        Driver::Io(IoError::Io(error)) => Box::new(error),
        Driver::Server(error) => Box::new(error),
        Driver::Driver(error) => Box::new(error),
        Driver::Url(error) => Box::new(error),
        Driver::Other(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_does_not_know_is_told_from_what_it_refuses() {
        let says = |code: u16| DatabaseError::Query {
            what: "the server's hashes".to_owned(),
            address: "mysql://192.0.2.10".to_owned(),
            source: Box::new(mysql_async::ServerError {
                code,
                message: String::new(),
                state: String::new(),
            }),
        };
        for (code, expected) in [(1305, true), (1370, true), (1142, false), (1045, false)] {
            assert_eq!(says(code).is_unknown(), expected, "{code}");
            assert!(says(code).is_refusal(), "{code}");
        }
    }
}
