//! Why a snapshot can't be used.

use std::{io, path::PathBuf};

/// Why a snapshot could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refused.
    #[error("{}: can't be {attempt}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// `read`, `written`.
        attempt: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file is no snapshot of this program.
    #[error("{}: is no snapshot: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A time zone is unknown.
    #[error(
        "`{name}` is no time zone: write a name like Europe/Bratislava or an offset like +01:00"
    )]
    Zone {
        /// The name.
        name: String,
    },
}
