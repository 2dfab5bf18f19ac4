//! `junit.xml`: different is a failure, broken an error, not run is skipped; one suite a stage, one test case a case.
//!
//! A case that was not run makes the run inconclusive, which CI systems can't say: it is an error unless it was waived.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::outcome::{Case, Outcome, RunReport, Stage};

/// Renders the report as JUnit XML.
pub fn render(report: &RunReport) -> String {
    let mut document = Report::new(format!("migrate-verify {}", report.subject));
    for stage in &report.stages {
        document.add_test_suite(suite(stage));
    }
    document
        .to_string()
        .expect("writing into a string does not fail, and quick-junit drops what XML can't hold")
}

fn suite(stage: &Stage) -> TestSuite {
    let mut suite = TestSuite::new(stage.name.as_str());
    suite.set_time(stage.took);
    suite.add_test_cases(stage.cases.iter().map(|case| test_case(stage, case)));
    if stage.cases.is_empty() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("nothing was checked");
        suite.add_test_case(TestCase::new(stage.name.as_str(), status));
    }
    suite
}

fn test_case(stage: &Stage, case: &Case) -> TestCase {
    let status = match &case.outcome {
        Outcome::Same => TestCaseStatus::success(),
        Outcome::Different(_) => {
            let lines = case.differences().iter().map(|difference| {
                let why = difference
                    .cause
                    .as_ref()
                    .map(|cause| format!(" ({cause})"))
                    .unwrap_or_default();
                format!(
                    "{}: {}: expected {:?}, found {:?}{why}",
                    difference.locus, difference.aspect, difference.expected, difference.actual
                )
            });
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(case.reason.clone())
                .set_type("different");
            status.set_description(lines.collect::<Vec<_>>().join("\n"));
            status
        }
        Outcome::Broken | Outcome::NotRun => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(case.reason.clone());
            status.set_type(if case.outcome == Outcome::Broken {
                "broken"
            } else {
                "not_run"
            });
            status
        }
        Outcome::Waived => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(case.reason.clone());
            status
        }
    };
    let mut test_case = TestCase::new(case.id.as_str(), status);
    test_case.set_classname(stage.name.as_str());
    test_case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn failures_errors_and_skips_are_told_apart() {
        let xml = render(&example::report());
        assert!(
            xml.contains(
                r#"<testsuite name="replay" tests="4" skipped="0" errors="2" failures="1""#
            ),
            "{xml}"
        );
        assert!(xml.contains("<skipped"), "{xml}");
        assert!(xml.contains("Zlty &lt;kun&gt;"), "{xml}");
        assert!(!xml.contains('\u{1b}'), "{xml}");
        assert_eq!(xml, render(&example::report()));
    }
}
