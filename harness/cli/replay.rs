//! `replay`.

use std::time::{Duration, Instant};

use migrate_verify::{
    effect::{self, Watch},
    exchange::{Server, same_machine},
    outcome::{RunReport, Stage, StageName, Verdict},
    progress::Event,
    project::Project,
    replay::{self, Clock, ReplayResult},
    report,
    scenario::{self, Scenario, State},
    verification::{LegacyTimes, effect_cases, effects_not_compared, replay_options},
};

use super::{
    arguments::ReplayArguments,
    clock,
    context::Context,
    failure::Failure,
    output,
    record::{choose, printable, watch},
};

/// Compares a candidate's answers.
pub(crate) async fn replay(
    context: &Context,
    arguments: ReplayArguments,
) -> Result<Verdict, Failure> {
    let project = context.project()?;
    let server = candidate(&project, arguments.server)?;
    let scenarios = scenario::load(&project.folder.join("scenarios"))?;
    let chosen = choose(&scenarios, &arguments.scenarios)?;
    let times = LegacyTimes::load(&project)?;
    let mut options = replay_options(&project, Clock::new(clock::now))?;
    options.parallel = arguments.jobs.into();
    different_machines(&project, &server, arguments.same_machine).await?;
    let observer = context.observer.as_ref();
    observer.observe(Event::Started {
        what: "replay".to_owned(),
    });
    let (started, second) = (Instant::now(), options.clock.now());
    let snapshots = project.folder.join("snapshots");
    let named = &project.candidate;
    let database = (named.database.clone(), "candidate.database");
    let watch = watch(&project, database, named.root.as_deref(), &options)?;
    let watch = watch.as_ref();
    options.witness = watch.map(Watch::witness);
    let mut result = replay::replay(&chosen, &snapshots, &server, &options, observer).await?;
    let left_out = replay::left_out(&scenarios, &chosen, &snapshots)?;
    result.cases.extend(left_out);
    result.not_compared.extend(not_fresh(&chosen));
    let mut stages = vec![Stage {
        name: StageName::Replay,
        took: started.elapsed(),
        cases: result.cases.clone(),
    }];
    let left_out = &mut result.not_compared;
    stages.extend(effects(&project, &chosen, watch, &options, left_out));
    let report = RunReport {
        id: None,
        subject: server,
        started_at: clock::rfc3339(second),
        stages,
        accepted: result.accepted.clone(),
        not_compared: result.not_compared.clone(),
        carried: result.carried.clone(),
        timed: times.beside(&result.times),
        syslog: Vec::new(),
    };
    let verdict = report.verdict();
    observer.observe(Event::Finished {
        what: "replay".to_owned(),
        how: verdict.to_string(),
    });
    if context.json() {
        output::json(&report::json::document(&report));
    } else {
        print(&report, &result, context.global.verbose);
    }
    Ok(verdict)
}

/// Returns the candidate's address.
fn candidate(project: &Project, named: Option<String>) -> Result<String, Failure> {
    named
        .or_else(|| project.candidate.url.clone())
        .ok_or_else(|| {
            Failure::from(project.missing("candidate.url"))
                .hint("or name the candidate with --server URL")
        })
}

/// Compares what the scenarios did beside answering, where anybody looked; what was not compared is added to `left_out`.
fn effects(
    project: &Project,
    scenarios: &[Scenario],
    watch: Option<&Watch>,
    options: &replay::Options,
    left_out: &mut Vec<String>,
) -> Option<Stage> {
    let mut cases = effect::outgrown(scenarios, &project.folder.join("snapshots"));
    match watch {
        _ if !scenarios.iter().any(|scenario| scenario.mutates) => {}
        None => {
            let line = "side effects of scenarios with `mutates = true`: neither candidate.database nor candidate.root is set";
            left_out.push(line.to_owned());
        }
        Some(watch) => {
            left_out.extend(effects_not_compared(&project.effects));
            cases.extend(effect_cases(project, scenarios, watch, options));
        }
    }
    (!cases.is_empty()).then_some(Stage {
        name: StageName::Database,
        took: Duration::ZERO,
        cases,
    })
}

/// Says which scenarios ran in another state than they ask for.
fn not_fresh(scenarios: &[Scenario]) -> Option<String> {
    let names: Vec<&str> = scenarios
        .iter()
        .filter(|scenario| scenario.state != State::Shared)
        .map(|scenario| scenario.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "a fresh state, for which {} ask: `run` makes one; here they saw what the server holds, and what the scenarios before them left",
            names.join(", ")
        )
    })
}

/// Refuses to compare the old server with itself: that is always the same, and proves nothing.
async fn different_machines(
    project: &Project,
    candidate: &str,
    allowed: bool,
) -> Result<(), Failure> {
    let legacy = project
        .legacy
        .as_ref()
        .and_then(|legacy| legacy.url.as_deref());
    let (Some(Ok(legacy)), Ok(candidate)) = (legacy.map(Server::parse), Server::parse(candidate))
    else {
        return Ok(());
    };
    if allowed || !same_machine(&legacy, &candidate).await {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} is the old server itself (legacy.url)",
        candidate.authority
    ))
    .hint("name the candidate with --server URL or candidate.url; --same-machine compares the old server with itself on purpose"))
}

/// Prints the summary and what was not compared by the byte; with `-v` also which headers may differ.
fn print(report: &RunReport, result: &ReplayResult, verbose: bool) {
    output::raw(&report::summary::render(report, verbose));
    for line in &result.not_compared {
        output::line(&format!("not compared by the byte: {}", printable(line)));
    }
    for (name, rule) in replay::HEADER_RULES.iter().filter(|_| verbose) {
        output::line(&format!("may differ: header {name}: {}", rule.reason()));
    }
}
