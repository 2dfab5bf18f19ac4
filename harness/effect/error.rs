//! Why effects could not be recorded or compared; never a difference.

use std::{io, path::PathBuf};

/// Something kept effects from being looked at.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// The rounds of a recording do not agree, and nothing explains it.
    #[error("the effects vary from round to round: {what}")]
    Unstable {
        /// What varies.
        what: String,
    },
    /// The database could not be read at that moment.
    #[error("the database could not be looked at: {reason}")]
    Unseen {
        /// Why.
        reason: String,
    },
    /// A file can't be read.
    #[error("{} can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file can't be written.
    #[error("{} can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file is not what `record` wrote.
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
