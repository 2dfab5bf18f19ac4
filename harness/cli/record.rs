//! `record`.

use std::{path::Path, time::Duration};

use migrate_verify::{
    effect::{self, Watch},
    outcome::{Case, Outcome, Verdict, chain},
    progress::Event,
    project::Project,
    replay::{self, Clock, Pace, RecordManner, RecordResult},
    report,
    scenario::{self, Scenario},
    snapshot::Zone,
    verification::{effect_files, keep_times, replay_options},
};

use super::{
    arguments::RecordArguments, clock, context::Context, database::address, failure::Failure,
    output,
};

/// Records the old server's answers.
pub(crate) async fn record(
    context: &Context,
    arguments: RecordArguments,
) -> Result<Verdict, Failure> {
    let project = context.project()?;
    let server = old_server(&project, arguments.server)?;
    let scenarios = scenario::load(&project.folder.join("scenarios"))?;
    let chosen: Vec<Scenario> = choose(&scenarios, &arguments.scenarios)?;
    let mut options = replay_options(&project, Clock::new(clock::now))?;
    options.pace = Pace {
        rest: Duration::from_secs(1) / u32::from(arguments.rate),
        retries: 3,
    };
    let manner = RecordManner {
        rounds: arguments.rounds,
        allow_writes: arguments.allow_writes,
        pending: arguments.pending,
    };
    let observer = context.observer.as_ref();
    observer.observe(Event::Started {
        what: "record".to_owned(),
    });
    let snapshots = project.folder.join("snapshots");
    // Effects are no answers: nobody decides on them, so that none is looked at.
    let writes = arguments.allow_writes && !arguments.pending;
    let watch = match &project.legacy {
        Some(legacy) if writes => {
            let database = (legacy.database.clone(), "legacy.database");
            watch(&project, database, legacy.root.as_deref(), &options)?
        }
        Some(_) | None => None,
    };
    options.witness = watch.as_ref().map(Watch::witness);
    let mut result =
        replay::record(&chosen, &snapshots, &server, manner, &options, observer).await?;
    if !arguments.pending {
        record_effects(&chosen, &snapshots, watch.as_ref(), &options, &mut result)?;
    }
    if !arguments.pending {
        keep_times(&project, &result.times)?;
    }
    if writes && chosen.iter().any(|scenario| scenario.mutates) {
        result.notes.extend(unseen(&project));
    }
    let verdict = Verdict::of(&result.cases);
    observer.observe(Event::Finished {
        what: "record".to_owned(),
        how: verdict.to_string(),
    });
    if context.json() {
        output::json(&document(&result, verdict));
    } else {
        print(&result, &project, verdict);
        if context.global.verbose && !result.carried.is_empty() {
            output::raw(&report::summary::carried(&result.carried));
        }
    }
    Ok(verdict)
}

/// Returns the old server's address.
fn old_server(project: &Project, named: Option<String>) -> Result<String, Failure> {
    let legacy = project.legacy.as_ref();
    named
        .or_else(|| legacy.and_then(|legacy| legacy.url.clone()))
        .ok_or_else(|| {
            Failure::from(project.missing("legacy.url"))
                .hint("or name the old server with --server URL")
        })
}

/// Returns who looks at a server's database and files while scenarios change them, if the project names them; `key` is the database's.
pub(super) fn watch(
    project: &Project,
    (database, key): (Option<String>, &'static str),
    root: Option<&Path>,
    options: &replay::Options,
) -> Result<Option<Watch>, Failure> {
    let database = match database {
        Some(text) => Some(address(project, Some(text), key)?),
        None => None,
    };
    let files = root.and_then(|root| effect_files(project, &project.resolve(root), options));
    if let Some(files) = &files {
        files
            .show_the_moment()
            .map_err(|error| Failure::usage(chain(&error)))?;
    }
    let is_blind = database.is_none() && files.is_none();
    Ok((!is_blind).then(|| Watch::new(database, files)))
}

/// Says what of the scenarios' side effects was not recorded because the project does not say where to look.
fn unseen(project: &Project) -> Vec<String> {
    let legacy = project.legacy.as_ref();
    let mut notes = Vec::new();
    if legacy.is_none_or(|legacy| legacy.database.is_none()) {
        let note = "legacy.database is not set: which rows the scenarios change was not recorded";
        notes.push(note.to_owned());
    }
    if project.effects.needs_root() && legacy.is_none_or(|legacy| legacy.root.is_none()) {
        let note = "legacy.root is not set: files that the scenarios write and mail that they send were not recorded";
        notes.push(note.to_owned());
    }
    notes
}

/// Writes what the scenarios changed, where anybody looked, and removes what others are not asked for any more.
fn record_effects(
    scenarios: &[Scenario],
    snapshots: &Path,
    watch: Option<&Watch>,
    options: &replay::Options,
    result: &mut RecordResult,
) -> Result<(), Failure> {
    let removed = effect::remove_outgrown(scenarios, snapshots);
    result.written += removed.map_err(|error| Failure::inconclusive(&error))?;
    let Some(watch) = watch else {
        return Ok(());
    };
    let zone = options.zone.clone().unwrap_or_else(Zone::utc);
    let tolerance = i64::try_from(options.tolerance.as_secs()).unwrap_or(i64::MAX);
    let effects = effect::record(scenarios, snapshots, &watch.observed(), &zone, tolerance)
        .map_err(|error| Failure::inconclusive(&error))?;
    result.cases.extend(effects.cases);
    result.written += effects.written;
    result.unchanged += effects.unchanged;
    Ok(())
}

/// Returns the scenarios of these names, all where there are none.
pub(super) fn choose(scenarios: &[Scenario], names: &[String]) -> Result<Vec<Scenario>, Failure> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !scenarios.iter().any(|scenario| scenario.name == **name))
    {
        return Err(Failure::usage(format!("there is no scenario `{unknown}`")));
    }
    Ok(scenarios
        .iter()
        .filter(|scenario| names.is_empty() || names.contains(&scenario.name))
        .cloned()
        .collect())
}

fn document(result: &RecordResult, verdict: Verdict) -> serde_json::Value {
    let cases: Vec<serde_json::Value> = result
        .cases
        .iter()
        .map(|case| {
            serde_json::json!({
                "id": case.id.as_str(),
                "outcome": word(case),
                "reason": case.reason,
            })
        })
        .collect();
    serde_json::json!({
        "schema_version": 1,
        "verdict": verdict.as_str(),
        "written": result.written,
        "unchanged": result.unchanged,
        "pending": result.pending,
        "notes": result.notes,
        "cases": cases,
    })
}

fn word(case: &Case) -> &'static str {
    match case.outcome {
        Outcome::Same => "recorded",
        Outcome::Different(_) => "different",
        Outcome::Broken => "broken",
        Outcome::NotRun => "not_run",
        Outcome::Waived => "waived",
    }
}

fn print(result: &RecordResult, project: &Project, verdict: Verdict) {
    for case in result
        .cases
        .iter()
        .filter(|case| case.outcome != Outcome::Same)
    {
        output::line(&format!(
            "{}: {}: {}",
            word(case),
            case.id,
            printable(&case.reason)
        ));
    }
    for note in &result.notes {
        output::line(&format!("note: {}", printable(note)));
    }
    let recorded = result
        .cases
        .iter()
        .filter(|case| case.outcome == Outcome::Same)
        .count();
    output::line(&format!(
        "recorded {recorded} of {} answers into {}: {} files written, {} unchanged",
        result.cases.len(),
        project.folder.join("snapshots").display(),
        result.written,
        result.unchanged,
    ));
    if result.pending > 0 {
        output::line(&format!(
            "{} answers wait for a decision: `migrate-verify review`",
            result.pending
        ));
    } else if verdict != Verdict::Verified {
        output::line("not everything was recorded");
    }
}

/// Escapes control characters: reports quote what servers sent.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            if character.is_control() {
                character.escape_default().collect::<Vec<_>>()
            } else {
                vec![character]
            }
        })
        .collect()
}
