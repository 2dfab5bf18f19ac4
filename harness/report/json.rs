//! `report.json`: one document with a version, and the evidence that every other report can be made from again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::outcome::{
    Carried, Case, CaseId, Difference, Outcome, RunReport, Stage, StageName, SyslogEntry,
    SyslogPart, Timed,
};

/// The version of the format; a change of meaning gets a new one.
const SCHEMA_VERSION: u32 = 1;

/// The document, as serde writes and reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    schema_version: u32,
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    subject: String,
    started_at: String,
    stages: Vec<StageDocument>,
    /// Only where a person accepted answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<String>,
    not_compared: Vec<String>,
    /// Only where something was carried from step to step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    carried: Vec<CarriedDocument>,
    /// Only where it is known how long the old server took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    timed: Vec<TimedDocument>,
    /// Only a run that booted a guest has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    syslog: Vec<PartDocument>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CarriedDocument {
    scenario: String,
    what: String,
    seen_in: String,
    used_in: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TimedDocument {
    case: String,
    legacy_ms: u64,
    candidate_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PartDocument {
    part: String,
    left_out: usize,
    severe: usize,
    entries: Vec<EntryDocument>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct EntryDocument {
    /// Since boot.
    at_ms: u64,
    facility: String,
    severity: String,
    program: String,
    text: String,
    during: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StageDocument {
    name: String,
    outcome: String,
    took_ms: u64,
    cases: Vec<CaseDocument>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CaseDocument {
    id: String,
    outcome: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    waived: bool,
    reason: String,
    differences: Vec<DifferenceDocument>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DifferenceDocument {
    locus: String,
    aspect: String,
    expected: String,
    actual: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// Why a document can't be read back.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON, or has not the format's fields.
    #[error("is not a report")]
    Syntax(#[from] serde_json::Error),
    /// It is of another version.
    #[error("has schema_version {found}, not {SCHEMA_VERSION}")]
    Version {
        /// What it says.
        found: u32,
    },
    /// It has a word that this version does not know.
    #[error("has the unknown {what} `{word}`")]
    Word {
        /// `stage` or `outcome`.
        what: &'static str,
        /// The word.
        word: String,
    },
    /// What it says in one place does not follow from what it says in another.
    #[error(
        "contradicts itself: its cases make the verdict `{verdict}`, and not all that it says follows from them; it was edited"
    )]
    Contradiction {
        /// The verdict on its cases.
        verdict: String,
    },
}

/// Returns the document of a report.
pub fn document(report: &RunReport) -> Document {
    Document {
        schema_version: SCHEMA_VERSION,
        verdict: report.verdict().to_string(),
        id: report.id.clone(),
        subject: report.subject.clone(),
        started_at: report.started_at.clone(),
        stages: report.stages.iter().map(stage).collect(),
        accepted: report.accepted.clone(),
        not_compared: report.not_compared.clone(),
        carried: report.carried.iter().map(carried).collect(),
        timed: report.timed.iter().map(timed).collect(),
        syslog: report.syslog.iter().map(part).collect(),
    }
}

/// Renders the document as text.
pub fn render(report: &RunReport) -> String {
    serde_json::to_string_pretty(&document(report)).expect("strings and numbers are always JSON")
        + "\n"
}

/// Reads a report back.
pub fn parse(text: &str) -> Result<RunReport, DocumentError> {
    let document: Document = serde_json::from_str(text)?;
    if document.schema_version != SCHEMA_VERSION {
        return Err(DocumentError::Version {
            found: document.schema_version,
        });
    }
    let written = document.clone();
    let report = RunReport {
        id: document.id,
        subject: document.subject,
        started_at: document.started_at,
        stages: document
            .stages
            .into_iter()
            .map(parse_stage)
            .collect::<Result<_, _>>()?,
        accepted: document.accepted,
        not_compared: document.not_compared,
        carried: document.carried.into_iter().map(parse_carried).collect(),
        timed: document.timed.iter().map(parse_timed).collect(),
        syslog: document.syslog.into_iter().map(parse_part).collect(),
    };
    // Verdict and outcomes of stages are made of the cases: a file that says something else was not written by a run.
    if self::document(&report) != written {
        return Err(DocumentError::Contradiction {
            verdict: report.verdict().to_string(),
        });
    }
    Ok(report)
}

fn stage(stage: &Stage) -> StageDocument {
    StageDocument {
        name: stage.name.to_string(),
        outcome: stage.outcome_word().to_owned(),
        took_ms: milliseconds(stage.took),
        cases: stage.cases.iter().map(case).collect(),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn carried(one: &Carried) -> CarriedDocument {
    CarriedDocument {
        scenario: one.scenario.clone(),
        what: one.what.clone(),
        seen_in: one.seen_in.clone(),
        used_in: one.used_in.clone(),
    }
}

fn parse_carried(document: CarriedDocument) -> Carried {
    Carried {
        scenario: document.scenario,
        what: document.what,
        seen_in: document.seen_in,
        used_in: document.used_in,
    }
}

fn timed(one: &Timed) -> TimedDocument {
    TimedDocument {
        case: one.case.to_string(),
        legacy_ms: milliseconds(one.legacy),
        candidate_ms: milliseconds(one.candidate),
    }
}

fn parse_timed(document: &TimedDocument) -> Timed {
    Timed {
        case: CaseId::new(&[&document.case]),
        legacy: Duration::from_millis(document.legacy_ms),
        candidate: Duration::from_millis(document.candidate_ms),
    }
}

fn part(part: &SyslogPart) -> PartDocument {
    let entries = part.entries.iter().map(|entry| EntryDocument {
        at_ms: milliseconds(entry.at),
        facility: entry.facility.clone(),
        severity: entry.severity.clone(),
        program: entry.program.clone(),
        text: entry.text.clone(),
        during: entry.during.clone(),
    });
    PartDocument {
        part: part.name.clone(),
        left_out: part.left_out,
        severe: part.severe,
        entries: entries.collect(),
    }
}

fn parse_part(document: PartDocument) -> SyslogPart {
    let entries = document.entries.into_iter().map(|entry| SyslogEntry {
        at: Duration::from_millis(entry.at_ms),
        facility: entry.facility,
        severity: entry.severity,
        program: entry.program,
        text: entry.text,
        during: entry.during,
    });
    SyslogPart {
        name: document.part,
        left_out: document.left_out,
        severe: document.severe,
        entries: entries.collect(),
    }
}

fn case(case: &Case) -> CaseDocument {
    CaseDocument {
        id: case.id.to_string(),
        outcome: outcome_word(&case.outcome).to_owned(),
        waived: case.outcome == Outcome::Waived,
        reason: case.reason.clone(),
        differences: case.differences().iter().map(difference).collect(),
    }
}

/// Returns the document's word for an outcome.
pub(super) fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "same",
        Outcome::Different(_) => "different",
        Outcome::Broken => "broken",
        Outcome::NotRun | Outcome::Waived => "not_run",
    }
}

fn difference(difference: &Difference) -> DifferenceDocument {
    DifferenceDocument {
        locus: difference.locus.clone(),
        aspect: difference.aspect.to_string(),
        expected: difference.expected.clone(),
        actual: difference.actual.clone(),
        cause: difference.cause.clone(),
    }
}

fn parse_stage(document: StageDocument) -> Result<Stage, DocumentError> {
    let name = StageName::ALL
        .into_iter()
        .find(|name| name.as_str() == document.name);
    Ok(Stage {
        name: name.ok_or(DocumentError::Word {
            what: "stage",
            word: document.name,
        })?,
        took: Duration::from_millis(document.took_ms),
        cases: document
            .cases
            .into_iter()
            .map(parse_case)
            .collect::<Result<_, _>>()?,
    })
}

fn parse_case(document: CaseDocument) -> Result<Case, DocumentError> {
    let differences = document.differences.into_iter().map(|one| Difference {
        locus: one.locus,
        aspect: one.aspect.into(),
        expected: one.expected,
        actual: one.actual,
        cause: one.cause,
    });
    let outcome = match (document.outcome.as_str(), document.waived) {
        ("same", _) => Outcome::Same,
        ("different", _) => Outcome::Different(differences.collect()),
        ("broken", _) => Outcome::Broken,
        ("not_run", false) => Outcome::NotRun,
        ("not_run", true) => Outcome::Waived,
        _ => {
            return Err(DocumentError::Word {
                what: "outcome",
                word: document.outcome,
            });
        }
    };
    Ok(Case {
        id: CaseId::new(&[&document.id]),
        outcome,
        reason: document.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn a_report_is_the_same_after_it_was_written_and_read() {
        let report = example::report();
        assert_eq!(parse(&render(&report)).unwrap(), report);
    }

    #[test]
    fn a_report_that_was_edited_into_another_verdict_is_refused() {
        let text = render(&example::report());
        for (from, to) in [
            (r#""verdict": "different""#, r#""verdict": "verified""#),
            (r#""outcome": "different""#, r#""outcome": "same""#),
        ] {
            assert!(text.contains(from), "{from} is not in {text}");
            // The last one is a case's; a stage's own outcome stands before its cases.
            let at = text.rfind(from).unwrap();
            let edited = [&text[..at], to, &text[at + from.len()..]].concat();
            let refused = parse(&edited).unwrap_err();
            assert!(
                matches!(refused, DocumentError::Contradiction { .. }),
                "{from}: {refused}"
            );
        }
    }

    #[test]
    fn the_document_keeps_its_format() {
        let document = serde_json::to_value(document(&example::report())).unwrap();
        assert_eq!(document["schema_version"], 1);
        assert_eq!(document["verdict"], "different");
        assert_eq!(document["stages"][1]["name"], "replay");
        assert_eq!(document["stages"][1]["outcome"], "different");
        assert_eq!(document["stages"][1]["took_ms"], 3400);
        assert_eq!(
            document["stages"][1]["cases"][1]["differences"][0]["locus"],
            "body line 14"
        );
        assert_eq!(document["stages"][1]["cases"][3]["outcome"], "not_run");
        assert_eq!(document["stages"][2]["outcome"], "not_run");
        assert_eq!(
            document["accepted"][0],
            "replay/login/01-form (the new <footer>)"
        );
    }
}
