//! Which guest of a run a case is about.

use crate::outcome::CaseId;

/// A guest of the run: the one that all scenarios share, or one of a fresh state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The guest in which the scenarios run that ask for nothing else.
    Shared,
    /// The guest of a group of scenarios that ask for a fresh state.
    Fresh(String),
}

impl Part {
    /// Names a case of a stage: `shutdown/halt`, `shutdown/fresh/<group>/halt`.
    pub(super) fn id(&self, stage: &str, name: &str) -> CaseId {
        match self {
            Self::Shared => CaseId::new(&[stage, name]),
            Self::Fresh(group) => CaseId::new(&[stage, "fresh", group, name]),
        }
    }
}
