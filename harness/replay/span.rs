//! When each step ran, for those who kept a log meanwhile.

use std::time::Instant;

use crate::outcome::CaseId;

/// The time in which a step ran: from its request to its last answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The scenario.
    pub scenario: String,
    /// The case of the step's final answer.
    pub case: CaseId,
    /// When it began.
    pub from: Instant,
    /// When it ended.
    pub until: Instant,
}
