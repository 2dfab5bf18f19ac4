//! Why a tree on disk could not be read or changed.

use std::io;

/// A tree that could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The system refused something.
    #[error("can't {attempt} {path}")]
    System {
        /// What was attempted: `open`, `list`, `write`.
        attempt: &'static str,
        /// Where, escaped.
        path: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A path that can't be below a root.
    #[error("`{path}` is no path below a root")]
    Path {
        /// The path, escaped.
        path: String,
        /// Why.
        #[source]
        source: super::path::PathError,
    },
    /// A file was changed by somebody else while it was read.
    #[error("{path} changed while it was read")]
    Changed {
        /// Where, escaped.
        path: String,
    },
    /// Something that must not be there or must be of another kind.
    #[error("{path} is not a {expected}")]
    Kind {
        /// Where, escaped.
        path: String,
        /// What was needed.
        expected: &'static str,
    },
}
