//! `replay`.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use migrate_verify::{
    charset::Charset,
    outcome::{Case, Difference, Outcome, RunReport, Stage, StageName, Verdict},
    progress::Event,
    project::Project,
    replay::{self, Clock, Options, ReplayError, ReplayResult},
    scenario,
    snapshot::Zone,
};

use super::{
    arguments::ReplayArguments,
    context::Context,
    failure::Failure,
    output,
    record::{choose, printable},
};

/// How many cases a person is shown; the others are counted.
const CASES_SHOWN: usize = 12;
/// How many differences of one case a person is shown.
const DIFFERENCES_SHOWN: usize = 3;

/// Compares a candidate's answers.
pub(crate) async fn replay(
    context: &Context,
    arguments: ReplayArguments,
) -> Result<Verdict, Failure> {
    let project = context.project()?;
    let server = arguments
        .server
        .or_else(|| project.candidate.url.clone())
        .ok_or_else(|| {
            Failure::from(project.missing("candidate.url"))
                .hint("or name the candidate with --server URL")
        })?;
    let scenarios = scenario::load(&project.folder.join("scenarios"))?;
    choose(&scenarios, &arguments.scenarios)?;
    let options = options(&project)?;
    let observer = context.observer.as_ref();
    observer.observe(Event::Started {
        what: "replay".to_owned(),
    });
    let (started, clock) = (Instant::now(), options.clock.now());
    let snapshots = project.folder.join("snapshots");
    let result = replay::replay(
        &scenarios,
        &arguments.scenarios,
        &snapshots,
        &server,
        &options,
        observer,
    )
    .await
    .map_err(|error| Failure::inconclusive(&error))?;
    let report = RunReport {
        id: None,
        subject: server,
        started_at: migrate_verify::snapshot::moment::rfc3339(clock),
        stages: vec![Stage {
            name: StageName::Replay,
            took: started.elapsed(),
            cases: result.cases.clone(),
        }],
        not_compared: result.not_compared.clone(),
    };
    let verdict = report.verdict();
    observer.observe(Event::Finished {
        what: "replay".to_owned(),
        how: verdict.to_string(),
    });
    if context.json() {
        output::json(&document(&report));
    } else {
        print(&result, verdict, context.global.verbose);
    }
    Ok(verdict)
}

/// Returns how a project's scenarios are run.
pub(super) fn options(project: &Project) -> Result<Options, Failure> {
    let legacy = project.legacy.as_ref();
    let label = legacy.map_or("windows-1250", |legacy| legacy.charset.as_str());
    let charset = Charset::for_label(label).ok_or_else(|| {
        Failure::input(&ReplayError::Charset {
            label: label.to_owned(),
        })
        .hint("legacy.charset is the charset of pages that declare none, such as windows-1250")
    })?;
    let zone = legacy
        .and_then(|legacy| legacy.timezone.as_deref())
        .map(Zone::parse)
        .transpose()
        .map_err(|error| Failure::input(&error).hint("it stands in legacy.timezone"))?;
    Ok(Options::new(charset, zone, Clock::new(now)))
}

/// Tells the second since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "pages show the time: the command line is where the clock comes in"
)]
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Returns the report as the contract's JSON.
fn document(report: &RunReport) -> serde_json::Value {
    let stages: Vec<serde_json::Value> = report
        .stages
        .iter()
        .map(|stage| {
            serde_json::json!({
                "name": stage.name.as_str(),
                "outcome": stage.outcome_word(),
                "took_ms": u64::try_from(stage.took.as_millis()).unwrap_or(u64::MAX),
                "cases": stage.cases.iter().map(case_document).collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::json!({
        "schema_version": 1,
        "verdict": report.verdict().as_str(),
        "stages": stages,
        "not_compared": report.not_compared,
    })
}

fn case_document(case: &Case) -> serde_json::Value {
    let differences: Vec<serde_json::Value> = case
        .differences()
        .iter()
        .map(|difference| {
            serde_json::json!({
                "locus": difference.locus,
                "aspect": difference.aspect,
                "expected": difference.expected,
                "actual": difference.actual,
                "cause": difference.cause,
            })
        })
        .collect();
    serde_json::json!({
        "id": case.id.as_str(),
        "outcome": word(case),
        "reason": case.reason,
        "differences": differences,
    })
}

fn word(case: &Case) -> &'static str {
    match case.outcome {
        Outcome::Same => "same",
        Outcome::Different(_) => "different",
        Outcome::Broken => "broken",
        Outcome::NotRun | Outcome::Waived => "not_run",
    }
}

fn print(result: &ReplayResult, verdict: Verdict, verbose: bool) {
    let notable: Vec<&Case> = result
        .cases
        .iter()
        .filter(|case| verbose || case.outcome != Outcome::Same)
        .collect();
    let shown = if verbose { notable.len() } else { CASES_SHOWN };
    for case in notable.iter().take(shown) {
        output::line(&format!(
            "{}: {}: {}",
            word(case),
            case.id,
            printable(&case.reason)
        ));
        let differences = case.differences();
        let limit = if verbose {
            differences.len()
        } else {
            DIFFERENCES_SHOWN
        };
        for difference in differences.iter().take(limit) {
            print_difference(difference);
        }
        if differences.len() > limit {
            output::line(&format!(
                "  … and {} more differences (-v shows them)",
                differences.len() - limit
            ));
        }
    }
    if notable.len() > shown {
        output::line(&format!(
            "… and {} more cases (-v shows them)",
            notable.len() - shown
        ));
    }
    if verbose {
        for correlation in &result.correlations {
            output::line(&format!(
                "carried: {}: {} from {} to {}",
                correlation.scenario, correlation.value, correlation.seen_in, correlation.used_in
            ));
        }
    }
    for line in &result.not_compared {
        output::line(&format!("not compared by the byte: {}", printable(line)));
    }
    let same = result
        .cases
        .iter()
        .filter(|case| case.outcome == Outcome::Same)
        .count();
    output::line(&format!(
        "{verdict}: {same} of {} answers are the same",
        result.cases.len()
    ));
}

fn print_difference(difference: &Difference) {
    output::line(&format!(
        "  {} ({})",
        printable(&difference.locus),
        difference.aspect
    ));
    output::line(&format!("    - {}", printable(&difference.expected)));
    output::line(&format!("    + {}", printable(&difference.actual)));
    if let Some(cause) = &difference.cause {
        output::line(&format!("    cause: {}", printable(cause)));
    }
}
