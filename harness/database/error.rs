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
    /// The login does not see all that has to be recorded.
    #[error("{address} can't be recorded: {reason}")]
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
