//! What a comparison is made between: a live server, a recording or a dump.

use std::{fmt, path::PathBuf};

use super::address::DatabaseAddress;

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A database on a server.
    Live(DatabaseAddress),
    /// A folder that `database record` wrote.
    Recorded(PathBuf),
    /// A file that mysqldump wrote.
    Dump(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(address) => address.fmt(formatter),
            Self::Recorded(path) | Self::Dump(path) => path.display().fmt(formatter),
        }
    }
}
