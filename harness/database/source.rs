//! What a comparison is made between: a live server or a recording.

use std::{fmt, path::PathBuf};

use super::address::DatabaseAddress;

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A database on a server.
    Live(DatabaseAddress),
    /// A folder that `database record` wrote.
    Recorded(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(address) => address.fmt(formatter),
            Self::Recorded(folder) => folder.display().fmt(formatter),
        }
    }
}
