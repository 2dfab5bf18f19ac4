//! `doctor`: what host and project lack, each finding with its fix.

use std::time::Instant;

use migrate_verify::{
    outcome::{RunReport, Stage, StageName, Verdict},
    preflight,
};

use super::{clock, context::Context, failure::Failure, output};

/// Checks the host, and the project where there is one.
pub(crate) async fn doctor(context: &Context) -> Result<Verdict, Failure> {
    let started = Instant::now();
    let mut cases = preflight::host(Context::state_folder(), &context.toolbox).await;
    let mut subject = "this host".to_owned();
    if context.global.project.is_some() || Context::is_in_project() {
        let project = context.project()?;
        subject = project.folder.display().to_string();
        cases.extend(preflight::project(&project));
    }
    let report = RunReport {
        id: None,
        subject,
        started_at: clock::rfc3339(clock::now()),
        stages: vec![Stage {
            name: StageName::Preflight,
            took: started.elapsed(),
            cases,
        }],
        not_compared: Vec::new(),
    };
    output::report(context, &report, true);
    Ok(report.verdict())
}
