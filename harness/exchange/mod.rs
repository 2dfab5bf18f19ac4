//! One HTTP/1.x request and its answer, kept as it was on the wire.
//!
//! Ordinary clients hide what has to be proved: they fold the case of header names, drop malformed lines, undo content
//! codings. This one keeps the status line, every header line in order and case, the framing, the body before and
//! after its content coding, and names what breaks the protocol as an [`Anomaly`] instead of refusing it. Size and time of
//! everything that a server sends are bounded by [`Limits`]; going over a limit is an [`ExchangeError`], never a panic.

mod answer;
mod chunked;
mod client;
mod coding;
mod error;
mod head;
mod identity;
mod readiness;
mod request;
mod visit;

pub use answer::{Anomaly, Answer, Framing, HeaderLine};
pub use client::{Limits, read_answer, send};
pub use coding::{Coded, is_coding};
pub use error::{ExchangeError, Phase};
pub use head::status_code;
pub use identity::same_machine;
pub use readiness::is_ready;
pub use request::{Dialect, HttpVersion, Request, Server, USER_AGENT};
pub use visit::{Again, Visit};
