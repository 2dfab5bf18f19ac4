//! How long answers took.

use std::time::Duration;

use super::case::CaseId;

/// How long one answer took, from the request to its end: a hint for people, and no part of any verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// The case in which the answer was compared.
    pub case: CaseId,
    /// On the old server, when it was recorded: the shortest of all rounds.
    pub legacy: Duration,
    /// On the candidate.
    pub candidate: Duration,
}

impl Timed {
    /// Returns how much longer the candidate took.
    pub fn longer(&self) -> Duration {
        self.candidate.saturating_sub(self.legacy)
    }
}
