//! One thing that was compared, and what came of it.

use std::{borrow::Cow, fmt};

/// Names one case in a way that stays the same from run to run: `replay/login/02-class-list`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseId(String);

impl CaseId {
    /// Joins the parts of an id with slashes.
    pub fn new(parts: &[&str]) -> Self {
        Self(parts.join("/"))
    }

    /// Returns the id as it stands in reports.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One way in which the candidate is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: `body line 14`, `header Content-Type`, `etc/passwd`, `ziaci[id=17].meno`.
    pub locus: String,
    /// In what respect, as a word of the field: `status`, `charset`, `mode`, `collation`.
    pub aspect: Cow<'static, str>,
    /// What was expected: the old server's answer, the first build.
    pub expected: String,
    /// What was found: the candidate's answer, the second build.
    pub actual: String,
    /// The most likely cause, in one sentence, where there is evidence for one.
    pub cause: Option<String>,
}

impl Difference {
    /// Makes a difference without a known cause.
    pub fn new(
        locus: impl Into<String>,
        aspect: impl Into<Cow<'static, str>>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Self {
        Self {
            locus: locus.into(),
            aspect: aspect.into(),
            expected: expected.into(),
            actual: actual.into(),
            cause: None,
        }
    }

    /// Adds the sentence that explains it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was compared and is the same.
    Same,
    /// It was compared and differs; never an empty list.
    Different(Vec<Difference>),
    /// It could not be compared: an error on the way, which says nothing about the candidate.
    Broken,
    /// It was not looked at.
    NotRun,
    /// It was not looked at, and the project says by name that it does without it.
    Waived,
}

/// One thing that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub id: CaseId,
    /// What came of it.
    pub outcome: Outcome,
    /// Why: what was compared (same), a summary (different), the error (broken), what was missing (not run).
    pub reason: String,
}

impl Case {
    /// Makes a case that was compared and is the same; `evidence` says what was compared.
    pub fn same(id: CaseId, evidence: impl Into<String>) -> Self {
        Self {
            id,
            outcome: Outcome::Same,
            reason: evidence.into(),
        }
    }

    /// Makes a case out of what was found: without differences it is the same, and `evidence` says what was compared.
    pub fn compared(id: CaseId, differences: Vec<Difference>, evidence: impl Into<String>) -> Self {
        let outcome = if differences.is_empty() {
            Outcome::Same
        } else {
            Outcome::Different(differences)
        };
        Self {
            id,
            outcome,
            reason: evidence.into(),
        }
    }

    /// Makes a case that could not be compared, with the whole chain of the error as its reason.
    pub fn broken(id: CaseId, error: &(dyn std::error::Error + 'static)) -> Self {
        Self {
            id,
            outcome: Outcome::Broken,
            reason: chain(error),
        }
    }

    /// Makes a case that was not looked at.
    pub fn not_run(id: CaseId, reason: impl Into<String>) -> Self {
        Self {
            id,
            outcome: Outcome::NotRun,
            reason: reason.into(),
        }
    }

    /// Makes a case that the project does without, by name.
    pub fn waived(id: CaseId, reason: impl Into<String>) -> Self {
        Self {
            id,
            outcome: Outcome::Waived,
            reason: reason.into(),
        }
    }

    /// Returns the differences, none unless the case is different.
    pub fn differences(&self) -> &[Difference] {
        match &self.outcome {
            Outcome::Different(differences) => differences,
            Outcome::Same | Outcome::Broken | Outcome::NotRun | Outcome::Waived => &[],
        }
    }
}

/// Returns an error and its sources as one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
