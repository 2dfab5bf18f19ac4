//! Why a guest can't be booted, watched or stopped.

use std::{io, path::PathBuf, time::Duration};

use crate::tool::{ToolError, ToolExit};

/// Trouble with the guest that says nothing about whether it is right.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file or socket of ours can't be used.
    #[error("can't {attempt} {}", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("can't {attempt}")]
    Tool {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        #[source]
        source: ToolError,
    },
    /// systemd-nspawn ended before the guest was up.
    #[error(
        "systemd-nspawn ended with {exit} before the guest was up; the console's end:\n{console}"
    )]
    EndedEarly {
        /// How.
        exit: ToolExit,
        /// The end of the console.
        console: String,
    },
    /// The guest took too long.
    #[error("the guest did not {what} within {} s; the console's end:\n{console}", limit.as_secs())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// The limit.
        limit: Duration,
        /// The end of the console.
        console: String,
    },
    /// The guest's address leads somewhere else.
    #[error(
        "the guest says that it is {address}, but this host reaches {address} by {device}: it would be another machine that answers"
    )]
    NotTheGuest {
        /// The address.
        address: std::net::Ipv4Addr,
        /// The device of the route.
        device: String,
    },
    /// Nobody could ask for the guest's ways.
    #[error("the guest's ways can't be asked for: ip ended with {exit}")]
    NotAsked {
        /// How.
        exit: crate::tool::ToolExit,
    },
    /// The guest can't get the way out that was asked for.
    #[error("the guest has no way out, as container.forward asks: {why}")]
    NoWayOut {
        /// Why.
        why: String,
    },
    /// No network range is free.
    #[error("no range of four addresses in 10.198.0.0/16 is free on this host")]
    NoFreeRange,
}

impl MachineError {
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

    /// Makes the adapter for `map_err` that keeps the attempt.
    pub(super) fn tool(attempt: &'static str) -> impl FnOnce(ToolError) -> Self {
        move |source| Self::Tool { attempt, source }
    }
}
