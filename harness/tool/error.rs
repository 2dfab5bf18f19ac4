//! Why an external program did not do its work.

use std::{io, time::Duration};

/// A program that could not be started, failed or took too long.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is in none of the folders that were searched.
    #[error("{program} is not installed")]
    NotInstalled {
        /// The program.
        program: String,
    },
    /// It could not be started.
    #[error("can't start {program}")]
    Start {
        /// The program.
        program: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// It ended with an error.
    #[error("`{call}` failed with {status}{}", tail(stderr))]
    Failed {
        /// The call as a shell would read it.
        call: String,
        /// Exit code or signal.
        status: String,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It did not end in time and was killed.
    #[error("`{call}` did not end within {} s{}", limit.as_secs(), tail(stderr))]
    TimedOut {
        /// The call as a shell would read it.
        call: String,
        /// The limit.
        limit: Duration,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// Talking to it failed.
    #[error("lost the connection to {program}")]
    Lost {
        /// The program.
        program: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

fn tail(stderr: &str) -> String {
    let stderr = stderr.trim();
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}
