//! Why effects could not be recorded or compared; never a difference.

use std::{io, path::PathBuf};

use crate::rootfs::TreeError;

/// Something kept effects from being looked at.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// The rounds of a recording do not agree, and nothing explains it.
    #[error("the effects vary from round to round: {what}")]
    Unstable {
        /// What varies.
        what: String,
    },
    /// Database or files could not be read at that moment.
    #[error("what was done could not be seen: {reason}")]
    Unseen {
        /// Why.
        reason: String,
    },
    /// The server's files can't be looked at.
    #[error("the server's files can't be looked at")]
    Tree {
        /// Why.
        #[source]
        source: TreeError,
    },
    /// A folder is missing.
    #[error("there is no folder {path} in the server: {why}")]
    NoFolder {
        /// The folder.
        path: String,
        /// What needs it.
        why: &'static str,
    },
    /// Mail would go out, and nobody would see it.
    #[error("/usr/sbin/sendmail in the server is not the one that records")]
    OtherSendmail,
    /// What is mounted shows what was there some seconds ago.
    #[error(
        "{} is a mount ({kind}) that may show what was there before the step: {how}",
        root.display()
    )]
    Remembers {
        /// The root folder.
        root: PathBuf,
        /// The type of its file system.
        kind: String,
        /// How to mount it instead.
        how: &'static str,
    },
    /// A file was removed while it was looked at.
    #[error("{path} went away while it was looked at")]
    Gone {
        /// The file.
        path: String,
    },
    /// There are folders in folders without end.
    #[error("{path} is too deep")]
    TooDeep {
        /// The folder.
        path: String,
    },
    /// There are too many files to look at after each step.
    #[error("effects.files holds more than {most} entries")]
    TooMany {
        /// The limit.
        most: usize,
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
