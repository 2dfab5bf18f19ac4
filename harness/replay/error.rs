//! Why a step could not be run or recorded.

use std::{io, path::PathBuf};

use crate::{exchange::ExchangeError, snapshot::SnapshotError};

/// Why a scenario could not be run, recorded or compared.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A server's address is wrong.
    #[error("the server can't be asked")]
    Server(#[source] ExchangeError),
    /// The snapshots can't be used.
    #[error("the snapshots can't be used")]
    Snapshots(#[source] SnapshotError),
    /// The charset of the project is unknown.
    #[error("`{label}` is no charset for pages")]
    Charset {
        /// The label.
        label: String,
    },
    /// The exchange failed.
    #[error("there was no answer")]
    Exchange(#[source] ExchangeError),
    /// A file to upload can't be read.
    #[error("{}: can't be read for upload", path.display())]
    Upload {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file to upload is too large.
    #[error("{}: {size} bytes are too many for an upload", path.display())]
    UploadTooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// A captured value was not there.
    #[error("the capture `{name}` found nothing in the answer")]
    NothingCaptured {
        /// Its name.
        name: String,
    },
    /// A value is used that nothing gave.
    #[error(
        "`${{{name}}}` has no value: no step before captures it, and on the page before no link to this path, hidden field or cookie has this name"
    )]
    NoValue {
        /// Its name.
        name: String,
    },
    /// A value is used of which the page before has several.
    #[error(
        "`${{{name}}}` may be each of {count} values that the page of step `{step}` has under this name: `capture` the one that is meant"
    )]
    SeveralValues {
        /// Its name.
        name: String,
        /// The step whose page was looked at.
        step: String,
        /// How many there are.
        count: usize,
    },
    /// A captured value would break the request.
    #[error("the value of `${{{name}}}` holds a control character")]
    HostileValue {
        /// Its name.
        name: String,
    },
    /// Redirects have no end.
    #[error("more than {limit} redirects")]
    RedirectLoop {
        /// How many are followed.
        limit: usize,
    },
    /// A redirect can't be followed.
    #[error("the redirect to `{location}` leaves the server or is no address")]
    Redirect {
        /// Where it leads.
        location: String,
    },
    /// What varies between the rounds is of no known kind.
    #[error("the old server's answer varies in a way that is not understood: {what}")]
    Unstable {
        /// What, and where.
        what: String,
    },
    /// A task of this program failed.
    #[error("the scenario's task ended early")]
    Task,
}
