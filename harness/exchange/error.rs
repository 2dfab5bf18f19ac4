//! Why there is no answer.

use std::{fmt, io, time::Duration};

/// What an exchange was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Opening the connection.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the first byte.
    FirstByte,
    /// Reading the answer.
    Read,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connect => "connecting",
            Self::Send => "sending the request",
            Self::FirstByte => "waiting for the first byte",
            Self::Read => "reading the answer",
        })
    }
}

/// Why an exchange gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The address can't be used.
    #[error("`{url}` is not the address of a server: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused.
    #[error("{authority}: failed while {phase}")]
    Io {
        /// Host and port.
        authority: String,
        /// While doing what.
        phase: Phase,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("{authority}: gave up after {} ms while {phase}", limit.as_millis())]
    Timeout {
        /// Host and port.
        authority: String,
        /// While doing what.
        phase: Phase,
        /// The limit.
        limit: Duration,
    },
    /// The head has no end.
    #[error("{authority}: the answer's head is longer than {limit} bytes")]
    HeadTooLong {
        /// Host and port.
        authority: String,
        /// The limit.
        limit: usize,
    },
    /// The body has no end.
    #[error("{authority}: the answer's body is longer than {limit} bytes")]
    BodyTooLong {
        /// Host and port.
        authority: String,
        /// The limit.
        limit: usize,
    },
    /// The connection was closed without a byte.
    #[error("{authority}: closed the connection without an answer")]
    NoAnswer {
        /// Host and port.
        authority: String,
    },
}

impl ExchangeError {
    /// Returns whether a connection stood: then a server that answers where the other fails is a difference, while a server
    /// that can't be reached says nothing.
    pub fn was_connected(&self) -> bool {
        match self {
            Self::Address { .. } => false,
            Self::Io { phase, .. } | Self::Timeout { phase, .. } => *phase != Phase::Connect,
            Self::HeadTooLong { .. } | Self::BodyTooLong { .. } | Self::NoAnswer { .. } => true,
        }
    }
}
