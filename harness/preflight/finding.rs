//! How a check says what it found: what was seen, why it matters, what mends it.

use crate::outcome::{Case, CaseId, Outcome};

/// The check of one name in one stage: `preflight/vsyscall`, `build/vsyscall`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check<'a> {
    /// The stage's name.
    pub(super) stage: &'a str,
    /// The check's name.
    pub(super) name: &'a str,
}

/// Returns a check of the host.
pub(super) fn host_check(name: &str) -> Check<'_> {
    Check {
        stage: "preflight",
        name,
    }
}

impl Check<'_> {
    fn id(self) -> CaseId {
        CaseId::new(&[self.stage, self.name])
    }

    /// All is well; `seen` is the evidence.
    pub(super) fn fine(self, seen: impl Into<String>) -> Case {
        Case::same(self.id(), seen)
    }

    /// Nothing to check here, and why.
    pub(super) fn does_not_apply(self, why: &str) -> Case {
        Case::same(self.id(), format!("does not apply: {why}"))
    }

    /// Something to mend.
    pub(super) fn finding(self, seen: &str, why: &str, fix: &str) -> Case {
        Case {
            id: self.id(),
            outcome: Outcome::Broken,
            reason: format!("{seen}; {why}. Fix: {fix}"),
        }
    }

    /// The check could not be made, which is never taken for good.
    pub(super) fn not_made(self, reason: &str) -> Case {
        Case::not_run(self.id(), reason)
    }
}
