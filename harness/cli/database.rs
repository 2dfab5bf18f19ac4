//! `database record` and `database compare`: the old server's data, and the candidate's beside it.

use std::{env, path::PathBuf, time::Instant};

use migrate_verify::{
    database::{self, Comparison, DatabaseAddress, DatabaseError, Password, Recorded, Source},
    outcome::{RunReport, Stage, StageName, Verdict},
    project::{Legacy, Project},
    verification::{manners, misplaced_tolerance, tolerances},
};

use super::{arguments::DatabaseCommand, clock, context::Context, failure::Failure, output};

/// The password, for an address that holds none.
const PASSWORD: &str = "MIGRATE_VERIFY_DATABASE_PASSWORD";

/// Works on databases.
pub(crate) async fn database(
    context: &Context,
    command: DatabaseCommand,
) -> Result<Verdict, Failure> {
    let project = context.project()?;
    let folder = project.folder.join("snapshots").join("database");
    match command {
        DatabaseCommand::Record { server } => {
            let configured = project
                .legacy
                .as_ref()
                .and_then(|legacy| legacy.database.clone());
            let mut address = address(&project, server.or(configured), "legacy.database")?;
            let legacy = project.legacy.as_ref();
            address.manners = legacy.map(manners).unwrap_or_default();
            record(context, &address, folder).await
        }
        DatabaseCommand::Compare { expected, server } => {
            let expected = match expected {
                Some(text) => source(&project, text)?,
                None => Source::Recorded(folder),
            };
            let server = server.or_else(|| project.candidate.database.clone());
            let actual = match server {
                Some(text) => source(&project, text)?,
                None => Source::Live(address(&project, None, "candidate.database")?),
            };
            compare(context, &project, &expected, &actual).await
        }
    }
}

/// Returns the password for addresses that hold none.
pub(super) fn password() -> Option<Password> {
    let password = env::var_os(PASSWORD)?.into_string().ok()?;
    Some(Password(password))
}

/// Reads one side of a comparison: an address, a dump, or a folder.
fn source(project: &Project, text: String) -> Result<Source, Failure> {
    if text.contains("://") {
        let mut address = address(project, Some(text), "candidate.database")?;
        if let Some(legacy) = project.legacy.as_ref().filter(|old| is_of(old, &address)) {
            address.manners = manners(legacy);
        }
        Ok(Source::Live(address))
    } else if PathBuf::from(&text).is_file() {
        Ok(Source::Dump(PathBuf::from(text)))
    } else {
        Ok(Source::Recorded(PathBuf::from(text)))
    }
}

/// Returns whether an address is one of the old server.
fn is_of(legacy: &Legacy, address: &DatabaseAddress) -> bool {
    let old = legacy.database.as_ref();
    let old = old.and_then(|text| text.parse::<DatabaseAddress>().ok());
    old.is_some_and(|old| old.target == address.target)
}

/// Reads the address; its password may come from the environment instead.
pub(super) fn address(
    project: &Project,
    text: Option<String>,
    key: &str,
) -> Result<DatabaseAddress, Failure> {
    let text = text.ok_or_else(|| {
        Failure::from(
            project
                .missing(key)
                .hint("name the database with --server mysql://USER@HOST/NAME"),
        )
    })?;
    let mut address: DatabaseAddress = text.parse().map_err(|error| Failure::input(&error))?;
    if address.password.is_none() {
        address.password = password();
    }
    Ok(address)
}

async fn record(
    context: &Context,
    address: &DatabaseAddress,
    folder: PathBuf,
) -> Result<Verdict, Failure> {
    let recorded = database::record(address, &folder, context.observer.as_ref())
        .await
        .map_err(|error| failure(&error))?;
    let shown = |path: &PathBuf| {
        path.strip_prefix(&folder)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    if context.json() {
        output::json(&serde_json::json!({
            "schema_version": 1,
            "server": recorded.server,
            "tables": recorded.tables,
            "rows": recorded.rows,
            "digested": recorded.digested,
            "hidden": recorded.hidden,
            "resumed": recorded.resumed,
            "changed": recorded.changed.iter().map(shown).collect::<Vec<_>>(),
        }));
    } else {
        output::line(&summary(&recorded));
        for path in &recorded.changed {
            output::line(&format!("  wrote {}", shown(path)));
        }
    }
    for table in &recorded.resumed {
        output::message(
            "note",
            &format!("taken over from a session that was cut off, unchanged since: {table}"),
        );
    }
    for table in &recorded.digested {
        output::message(
            "note",
            &format!("{table} is too large to be listed: it is recorded by digests"),
        );
    }
    for reason in &recorded.hidden {
        output::message("warning", &format!("not recorded: {reason}"));
    }
    // What could not be recorded can never be compared.
    Ok(if recorded.tables > 0 && recorded.hidden.is_empty() {
        Verdict::Verified
    } else {
        Verdict::Inconclusive
    })
}

fn summary(recorded: &Recorded) -> String {
    let files = match recorded.changed.len() {
        0 => "no file changed".to_owned(),
        1 => "1 file changed".to_owned(),
        count => format!("{count} files changed"),
    };
    format!(
        "recorded {}: {} tables, {} rows, {files}",
        recorded.server, recorded.tables, recorded.rows
    )
}

async fn compare(
    context: &Context,
    project: &Project,
    expected: &Source,
    actual: &Source,
) -> Result<Verdict, Failure> {
    let start = Instant::now();
    let tolerances = tolerances(project)?;
    let observer = context.observer.as_ref();
    let compared = database::compare_within(expected, actual, &tolerances, observer).await;
    let Comparison { cases, tolerated } =
        compared.map_err(|error| match misplaced_tolerance(project, error) {
            Ok(wrong) => Failure::from(wrong),
            Err(error) => failure(&error),
        })?;
    let mut not_compared = database::NOT_COMPARED.map(str::to_owned).to_vec();
    not_compared.extend(tolerated);
    if matches!(expected, Source::Dump(_)) || matches!(actual, Source::Dump(_)) {
        not_compared.extend(database::not_in_dumps(&cases));
    }
    let stage = Stage {
        name: StageName::Database,
        took: start.elapsed(),
        cases,
    };
    let report = RunReport {
        id: None,
        subject: actual.to_string(),
        started_at: clock::rfc3339(clock::now()),
        stages: vec![stage],
        accepted: Vec::new(),
        not_compared,
        carried: Vec::new(),
        timed: Vec::new(),
        syslog: Vec::new(),
    };
    let verdict = report.verdict();
    output::report(context, &report, false);
    Ok(verdict)
}

fn failure(error: &DatabaseError) -> Failure {
    match error {
        DatabaseError::Address { .. } => Failure::input(error),
        DatabaseError::Connect { .. } => Failure::inconclusive(error).hint(format!(
            "a password that is not in the address is read from {PASSWORD}"
        )),
        DatabaseError::TimedOut { .. }
        | DatabaseError::Query { .. }
        | DatabaseError::Broken { .. }
        | DatabaseError::Answer { .. }
        | DatabaseError::Changed { .. }
        | DatabaseError::Restless { .. }
        | DatabaseError::Lock { .. }
        | DatabaseError::Busy { .. }
        | DatabaseError::Hidden { .. }
        | DatabaseError::SameServer { .. }
        | DatabaseError::Tolerance { .. }
        | DatabaseError::NotRecorded { .. }
        | DatabaseError::Read { .. }
        | DatabaseError::Write { .. }
        | DatabaseError::Format { .. } => Failure::inconclusive(error),
    }
}
