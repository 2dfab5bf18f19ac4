//! Why a workspace can't be made, read or removed.

use std::{io, path::PathBuf};

/// Trouble with the folder of a run.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// A file operation failed.
    #[error("can't {attempt} {}", path.display())]
    File {
        /// What was attempted: `create`, `lock`, `remove`.
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Another run has this id.
    #[error("{} is in use by a living run", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A process of a dead run does not end.
    #[error("process {pid} of the dead run {run} does not end")]
    Unkillable {
        /// The process.
        pid: i32,
        /// The run.
        run: String,
    },
}

impl WorkspaceError {
    /// Makes the adapter for `map_err` that keeps attempt and path.
    pub(super) fn file(
        attempt: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            attempt,
            path,
            source,
        }
    }
}
