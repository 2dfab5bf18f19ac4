//! What the guest said to syslog, told by the part of the run in which it came.

use std::time::Duration;

/// The messages of one part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogPart {
    /// The part: the name of a stage, or `replay/<scenario>`.
    pub name: String,
    /// The messages, in the order in which they came.
    pub entries: Vec<SyslogEntry>,
    /// How many more came; the run's guest.log has all.
    pub left_out: usize,
    /// How many of all are errors or warnings.
    pub severe: usize,
}

/// One message (RFC 3164).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogEntry {
    /// When it came, since boot.
    pub at: Duration,
    /// The facility's keyword: `daemon`.
    pub facility: String,
    /// The severity's keyword: `warning`.
    pub severity: String,
    /// Who says it; empty where the message names nobody.
    pub program: String,
    /// What it says.
    pub text: String,
    /// The steps that ran when it came, as their cases are called: several, where scenarios ran at the same time.
    pub during: Vec<String>,
}

impl SyslogEntry {
    /// Returns whether it is an error or a warning.
    pub fn is_severe(&self) -> bool {
        matches!(
            self.severity.as_str(),
            "emerg" | "alert" | "crit" | "err" | "warning"
        )
    }
}
