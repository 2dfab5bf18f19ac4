//! `report`: a run's evidence rendered again.

use std::{fs, path::PathBuf};

use migrate_verify::{input::InputError, outcome::Verdict, report as reports};

use super::{arguments::ReportArguments, context::Context, failure::Failure, output, run};

/// Reads `report.json` of a run, writes the other formats again and prints the summary. The verdict is the run's.
pub(crate) fn report(context: &Context, arguments: &ReportArguments) -> Result<Verdict, Failure> {
    let folder = find(context, &arguments.run)?;
    let path = folder.join("report.json");
    let text = fs::read_to_string(&path).map_err(|source| InputError {
        source: Some(source),
        ..InputError::new(&path, "can't be read")
    })?;
    let parsed = reports::json::parse(&text).map_err(|error| {
        InputError::new(&path, migrate_verify::outcome::chain(&error))
            .hint("only reports written by `migrate-verify run` can be rendered again")
    })?;
    run::save_reports(&folder, &parsed).map_err(|error| Failure::inconclusive(&error))?;
    output::report(context, &parsed, false);
    output::message("report", &folder.join("report.html").display().to_string());
    Ok(parsed.verdict())
}

fn find(context: &Context, name: &str) -> Result<PathBuf, Failure> {
    let direct = PathBuf::from(name);
    if direct.join("report.json").exists() {
        return Ok(direct);
    }
    let runs = context.project()?.folder.join("runs");
    let folder = runs.join(name);
    if folder.join("report.json").exists() {
        return Ok(folder);
    }
    let hint = match name {
        "latest" => format!(
            "no run has ended with a report since the last one was started; earlier ones are in {}",
            runs.display()
        ),
        _ => format!("the runs are in {}", runs.display()),
    };
    Err(InputError::new(folder, "is no run: it has no report.json")
        .hint(hint)
        .into())
}
