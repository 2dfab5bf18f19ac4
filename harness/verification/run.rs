//! The stages in order.

use std::time::{Duration, Instant};

use super::{
    boot,
    boot::Guest,
    build, database, effects, finish,
    fresh::{self, replay_fresh},
    logs::new_messages_case,
    part::Part,
    plan::Plan,
    replaying::{Data, replay_on},
    reproducibility::{Compared, compare_builds, remove},
    restore,
    second_boot::{self, second_boot_cases},
    stages::{Stages, Verified},
    variations::Variations,
    written,
};
use crate::{
    effect,
    machine::Journal,
    outcome::{Case, CaseId, Outcome, Stage, StageName},
    preflight,
    recipe::{self, Built, Inputs},
    replay,
    scenario::{self, Scenario, State},
};

/// Does the whole run. Whatever goes wrong is some case's outcome.
pub async fn verify(plan: &Plan) -> Verified {
    let mut stages = Stages::new(plan);
    let ready = preflight(&mut stages).await;
    let built = if ready {
        build(&mut stages).await
    } else {
        None
    };
    if let Some(built) = built {
        boot_and_compare(&mut stages, &built).await;
    }
    // No stage can be forgotten: a run without one of them is not verified.
    for name in StageName::ALL {
        if !stages.done.iter().any(|stage| stage.name == name) {
            stages.not_run(name, "an earlier stage failed");
        }
    }
    stages.finish()
}

/// Builds twice and compares: the stages build and reproducibility alone.
pub async fn verify_rootfs(plan: &Plan) -> (Verified, Option<Built>) {
    let mut stages = Stages::new(plan);
    let built = build(&mut stages).await;
    (stages.finish(), built)
}

async fn preflight(stages: &mut Stages<'_>) -> bool {
    let plan = stages.plan;
    if stages.is_left_out(StageName::Preflight) {
        stages.leave_out(StageName::Preflight);
        return true;
    }
    stages.begin(StageName::Preflight);
    let started = Instant::now();
    let host = preflight::Host {
        folder: &plan.workspace.folder,
        seed: plan.workspace.id.suffix(),
        machine: Some(&plan.project.container.machine),
        tree: None,
    };
    let mut cases = preflight::host(&host, &plan.toolbox).await;
    cases.extend(preflight::project(&plan.project));
    // What could not be looked at makes the verdict inconclusive, and may be waived by name; it is no reason to stop.
    let ready = cases.iter().all(|case| case.outcome != Outcome::Broken);
    stages.end(StageName::Preflight, started.elapsed(), cases);
    ready
}

async fn build(stages: &mut Stages<'_>) -> Option<Built> {
    let plan = stages.plan;
    stages.begin(StageName::Build);
    let started = Instant::now();
    let inputs = match recipe::prepare(&plan.project, &plan.store()).await {
        Ok(inputs) => inputs,
        Err(error) => {
            stages.end(
                StageName::Build,
                started.elapsed(),
                vec![Case::broken(CaseId::new(&["build", "inputs"]), &error)],
            );
            stages.not_run(StageName::Reproducibility, "there are no builds to compare");
            return None;
        }
    };
    let mut variations = Variations::decide(plan, &inputs, 0).await;
    let begun = plan.clock.now();
    let (first, second) = build::build_twice(plan, &inputs, &variations).await;
    let window = begun..=plan.clock.now();
    let mut cases = vec![
        inputs_case(&inputs),
        build::built_case("first", &first),
        build::built_case("second", &second),
    ];
    if let Ok(first) = &first {
        stages.build_log.extend(first.log());
        cases.extend(build::package_cases(&plan.project, &inputs, first));
        cases.extend(build::guest_cases(plan, first).await);
    }
    stages.end(StageName::Build, started.elapsed(), cases);
    stages.not_compared.extend(variations.not_varied());
    stages
        .not_compared
        .extend(plan.project.rootfs.state.iter().map(|state| {
            format!(
                "{} is state, not rootfs: the build empties it, the guest makes it again at boot",
                state.path.display()
            )
        }));
    let (Ok(one), Ok(other)) = (&first, &second) else {
        let reason = "there are no two builds to compare";
        stages.not_run(StageName::Reproducibility, reason);
        return first.ok();
    };
    variations.learn(other);
    let compared = Compared {
        first: one,
        second: other,
        window,
        variations: &variations,
    };
    reproducibility(stages, &inputs, compared).await;
    first.ok()
}

/// Compares the two builds, then as many more with the first one as are asked for.
async fn reproducibility(stages: &mut Stages<'_>, inputs: &Inputs, compared: Compared<'_>) {
    let plan = stages.plan;
    let started = Instant::now();
    let mut cases = compare_builds(plan, inputs, "two-builds", &compared).await;
    cases.extend(compared.variations.cases());
    for round in 1..plan.comparison.rounds {
        let name = format!("round-{}", round + 1);
        let mut variations = Variations::decide(plan, inputs, round).await;
        let begun = plan.clock.now();
        let other = variations
            .build(plan, inputs, &name, &variations.applied)
            .await;
        let other = match other {
            Ok(other) => other,
            Err(error) => {
                cases.push(Case::broken(
                    CaseId::new(&["reproducibility", &name]),
                    &error,
                ));
                continue;
            }
        };
        variations.learn(&other);
        let compared = Compared {
            first: compared.first,
            second: &other,
            window: *compared.window.start().min(&begun)..=plan.clock.now(),
            variations: &variations,
        };
        cases.extend(compare_builds(plan, inputs, &name, &compared).await);
        // What was varied is told once; what was not, in whatever round.
        for case in variations.cases() {
            if case.outcome == Outcome::NotRun
                && !cases
                    .iter()
                    .any(|known| known.id == case.id && known.outcome == Outcome::NotRun)
            {
                cases.retain(|known| known.id != case.id);
                cases.push(case);
            }
        }
        if let Err(error) = remove(&other) {
            cases.push(Case::broken(
                CaseId::new(&["reproducibility", &name]),
                &error,
            ));
        }
    }
    stages.end(StageName::Reproducibility, started.elapsed(), cases);
}

fn inputs_case(inputs: &Inputs) -> Case {
    let image = &inputs.lock.image;
    let packages = inputs.lock.locked.len();
    Case::same(
        CaseId::new(&["build", "inputs"]),
        format!(
            "{} {}, {packages} locked packages",
            image.source, image.digest
        ),
    )
}

async fn boot_and_compare(stages: &mut Stages<'_>, built: &Built) {
    let plan = stages.plan;
    stages.begin(StageName::Boot);
    let started = Instant::now();
    let guest = match boot::boot_guest(plan, &built.tree).await {
        Ok(guest) => guest,
        Err(error) => {
            stages.end(
                StageName::Boot,
                started.elapsed(),
                vec![Case::broken(CaseId::new(&["boot", "ready"]), &error)],
            );
            for name in [
                StageName::Replay,
                StageName::Database,
                StageName::Logs,
                StageName::Shutdown,
            ] {
                stages.not_run(name, "the guest did not boot");
            }
            return;
        }
    };
    let cases = boot::boot_cases(plan, &guest).await;
    stages.end(StageName::Boot, started.elapsed(), cases);
    let (guest, scenarios) = compare(stages, guest).await;
    stop_and_boot_again(stages, built, guest, &scenarios).await;
}

/// Stops the guest, and looks at what shows on another boot alone; scenarios that ask for a fresh state have theirs in between.
async fn stop_and_boot_again(
    stages: &mut Stages<'_>,
    built: &Built,
    guest: Guest,
    scenarios: &[Scenario],
) {
    let plan = stages.plan;
    let compared = |stage: &Stage| {
        stage.name == StageName::Database
            && stage.cases.iter().any(|case| case.outcome == Outcome::Same)
    };
    let has_database = stages.done.iter().any(compared);
    stages.begin(StageName::Shutdown);
    let started = Instant::now();
    let mut logs = vec![finish::syslog_case(plan, &guest).await];
    let shared = Part::Shared;
    let (mut cases, journal) =
        finish::stop_cases(plan, guest, &shared, Some(built), has_database).await;
    let mut took = started.elapsed();
    if let Some(journal) = &journal {
        logs.push(finish::messages_case(
            shared.id("logs", "messages"),
            journal,
        ));
        let id = shared.id("logs", "new-messages");
        logs.extend(new_messages_case(plan, id, journal, &stages.course));
    }
    let mut journals: Vec<Journal> = journal.into_iter().collect();
    if second_boot::is_left_out(plan) && fresh::groups(scenarios).is_empty() {
        cases.push(second_boot::left_out());
    } else {
        let started = Instant::now();
        plan.started("second boot");
        let written = written::write(plan, built, has_database).await;
        took += started.elapsed();
        let fresh = replay_fresh(stages, scenarios, written.as_ref()).await;
        cases.extend(fresh.shutdown);
        logs.extend(fresh.logs);
        journals.extend(fresh.journals);
        let started = Instant::now();
        let (again, left_out) = second_boot_cases(plan, written).await;
        took += started.elapsed();
        cases.extend(again);
        stages.not_compared.extend(left_out);
    }
    stages.end(StageName::Shutdown, took, cases);
    let said: Vec<_> = journals
        .iter()
        .map(|journal| (journal.records(), journal.started()))
        .collect();
    stages.syslog = stages.course.syslog(&said);
    let lines = said.iter().flat_map(|(records, _)| records);
    stages.guest_log.extend(lines.map(ToString::to_string));
    stages.end(StageName::Logs, Duration::ZERO, logs);
}

/// Database, replay, database again: the order in which the old server was asked, too.
///
/// Also returns the scenarios; none where they could not be replayed at all.
async fn compare(stages: &mut Stages<'_>, mut guest: Guest) -> (Guest, Vec<Scenario>) {
    let plan = stages.plan;
    let mut cases = Vec::new();
    let mut took = Duration::ZERO;
    let mut data = None;
    // The handle by which the database is reached.
    let mut _opened = None;
    if stages.is_left_out(StageName::Database) {
        stages.leave_out(StageName::Database);
    } else {
        stages.begin(StageName::Database);
        let started = Instant::now();
        let database = match restore::restore(plan, &mut guest.machine).await {
            Ok(database) => database,
            Err(error) => {
                let broken = Case::broken(CaseId::new(&["database", "restore"]), &error);
                stages.end(StageName::Database, started.elapsed(), vec![broken]);
                let reason = "the candidate has no data: the dump was not restored";
                stages.not_run(StageName::Replay, reason);
                return (guest, Vec::new());
            }
        };
        let compared = database::compare(plan, &database.address).await;
        cases = compared.cases;
        stages.not_compared.extend(compared.tolerated);
        let left_out = crate::database::NOT_COMPARED.map(str::to_owned);
        stages.not_compared.extend(left_out);
        data = Some(Data {
            address: database.address.clone(),
            before: database::fingerprint(&Part::Shared, &database.address).await,
        });
        took = started.elapsed();
        _opened = Some(database);
    }
    let has_database = data.is_some();
    let scenarios = replay(stages, &guest, data, &mut cases, &mut took).await;
    if has_database {
        if scenarios.iter().any(|scenario| scenario.mutates) {
            let left_out = effects::not_compared(&plan.project.effects);
            stages.not_compared.extend(left_out);
        }
        stages.end(StageName::Database, took, cases);
    } else if !cases.is_empty() || scenarios.iter().any(|scenario| scenario.mutates) {
        let left_out = effects::left_out_with(StageName::Database);
        stages.not_compared.push(left_out);
    }
    (guest, scenarios)
}

/// Replays the scenarios that share a state, and adds what they changed to the cases of the database.
async fn replay(
    stages: &mut Stages<'_>,
    guest: &Guest,
    data: Option<Data>,
    changes: &mut Vec<Case>,
    changes_took: &mut Duration,
) -> Vec<Scenario> {
    let folder = &stages.plan.project.folder;
    if stages.is_left_out(StageName::Replay) {
        stages.leave_out(StageName::Replay);
        let left_out = effects::left_out_with(StageName::Replay);
        stages.not_compared.push(left_out);
        return Vec::new();
    }
    stages.begin(StageName::Replay);
    let scenarios = match scenario::load(&folder.join("scenarios")) {
        Ok(scenarios) => scenarios,
        Err(error) => {
            let broken = Case::broken(CaseId::new(&["replay", "scenarios"]), &error);
            stages.end(StageName::Replay, Duration::ZERO, vec![broken]);
            return Vec::new();
        }
    };
    let mut shared = scenarios.clone();
    shared.retain(|scenario| scenario.state == State::Shared);
    let mut replayed = replay_on(stages, &shared, guest, data, &Part::Shared).await;
    for case in &mut replayed.answers {
        fresh::explain(case, &scenarios);
    }
    match replay::left_out(&scenarios, &scenarios, &folder.join("snapshots")) {
        Ok(stale) => replayed.answers.extend(stale),
        Err(error) => {
            let broken = Case::broken(CaseId::new(&["replay", "snapshots"]), &error);
            replayed.answers.push(broken);
        }
    }
    stages.end(StageName::Replay, replayed.answers_took, replayed.answers);
    changes.extend(replayed.changes);
    changes.extend(effect::outgrown(&scenarios, &folder.join("snapshots")));
    *changes_took += replayed.changes_took;
    scenarios
}
