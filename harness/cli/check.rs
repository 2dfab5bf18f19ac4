//! `check`.

use migrate_verify::{
    outcome::Verdict,
    replay::{self, Clock, FilesChecked, FindingKind},
    scenario,
    verification::replay_options,
};

use super::{
    arguments::CheckArguments, clock, context::Context, failure::Failure, output, record::printable,
};

/// Checks a project's files on their own: no server is asked.
pub(crate) fn check(context: &Context, arguments: &CheckArguments) -> Result<Verdict, Failure> {
    let project = context.project()?;
    let scenarios = scenario::load(&project.folder.join("scenarios"))?;
    let snapshots = project.folder.join("snapshots");
    let limits = replay_options(&project, Clock::new(clock::now))?.limits;
    let checked = replay::check_files(&scenarios, &snapshots, &limits, arguments.secrets)?;
    let invalid = checked
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Invalid)
        .count();
    let verdict = if !checked.findings.is_empty() {
        Verdict::Different
    } else if checked.snapshots == 0 {
        Verdict::Inconclusive
    } else {
        Verdict::Verified
    };
    if context.json() {
        output::json(&document(&checked, verdict));
    } else {
        print(&checked, scenarios.len());
    }
    if invalid > 0 {
        return Err(
            Failure::usage(format!("{invalid} snapshot files are invalid"))
                .hint("`record` writes them again"),
        );
    }
    Ok(verdict)
}

fn document(checked: &FilesChecked, verdict: Verdict) -> serde_json::Value {
    let findings: Vec<serde_json::Value> = checked
        .findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "file": finding.file,
                "kind": finding.kind.as_str(),
                "message": finding.message,
            })
        })
        .collect();
    serde_json::json!({
        "schema_version": 1,
        "verdict": verdict.as_str(),
        "snapshots": checked.snapshots,
        "accepted": checked.accepted.iter().map(|(file, reason)| serde_json::json!({ "file": file, "reason": reason })).collect::<Vec<_>>(),
        "findings": findings,
    })
}

fn print(checked: &FilesChecked, scenarios: usize) {
    for finding in &checked.findings {
        output::line(&format!(
            "{}: {}: {}",
            printable(&finding.file),
            finding.kind.as_str().replace('_', " "),
            printable(&finding.message)
        ));
    }
    for (file, reason) in &checked.accepted {
        output::line(&format!(
            "{}: accepted, not the old server's answer: {}",
            printable(file),
            printable(reason)
        ));
    }
    output::line(&format!(
        "{scenarios} scenarios, {} snapshots: {} findings",
        checked.snapshots,
        checked.findings.len()
    ));
    if checked.snapshots == 0 {
        output::line("nothing was checked: there are no snapshots");
    }
}
