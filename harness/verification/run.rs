//! The stages in order.

use std::time::{Duration, Instant};

use super::{
    boot,
    boot::Guest,
    build, database, effects, finish,
    logs::new_messages_case,
    options::replay_options,
    plan::Plan,
    reproducibility::{Compared, compare_builds, remove},
    restore,
    second_boot::second_boot_cases,
    stages::{Stages, Verified},
    variations::Variations,
};
use crate::{
    effect::Watch,
    input::InputError,
    machine::Journal,
    outcome::{Case, CaseId, Outcome, Stage, StageName},
    preflight,
    recipe::{self, Built, Inputs},
    replay,
    scenario::{self, Scenario},
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
    let guest = compare(stages, guest).await;
    let compared = |stage: &Stage| {
        stage.name == StageName::Database
            && stage.cases.iter().any(|case| case.outcome == Outcome::Same)
    };
    let has_database = stages.done.iter().any(compared);
    stages.begin(StageName::Shutdown);
    let started = Instant::now();
    let mut logs = vec![finish::syslog_case(plan, &guest).await];
    let (mut cases, journal) = finish::stop_cases(plan, guest, Some(built), has_database).await;
    let (again, left_out) = second_boot_cases(plan, built, has_database).await;
    cases.extend(again);
    stages.not_compared.extend(left_out);
    stages.end(StageName::Shutdown, started.elapsed(), cases);
    logs.extend(journal.as_ref().map(finish::messages_case));
    if let Some(journal) = &journal {
        logs.extend(new_messages_case(plan, journal, &stages.course));
        stages.syslog = stages.course.syslog(&journal.records(), journal.started());
    }
    stages.guest_log.extend(
        journal
            .iter()
            .flat_map(Journal::records)
            .map(|record| record.to_string()),
    );
    stages.end(StageName::Logs, Duration::ZERO, logs);
}

/// Database, replay, database again: the order in which the old server was asked, too.
async fn compare(stages: &mut Stages<'_>, mut guest: Guest) -> Guest {
    let plan = stages.plan;
    let scenarios = scenario::load(&plan.project.folder.join("scenarios"));
    if stages.is_left_out(StageName::Database) {
        stages.leave_out(StageName::Database);
        replay(stages, scenarios, &guest.url, None).await;
        return guest;
    }
    stages.begin(StageName::Database);
    let started = Instant::now();
    let database = match restore::restore(plan, &mut guest.machine).await {
        Ok(database) => database,
        Err(error) => {
            stages.end(
                StageName::Database,
                started.elapsed(),
                vec![Case::broken(CaseId::new(&["database", "restore"]), &error)],
            );
            stages.not_run(
                StageName::Replay,
                "the candidate has no data: the dump was not restored",
            );
            return guest;
        }
    };
    let compared = database::compare(plan, &database.address).await;
    let mut cases = compared.cases;
    stages.not_compared.extend(compared.tolerated);
    let left_out = crate::database::NOT_COMPARED.map(str::to_owned);
    stages.not_compared.extend(left_out);
    let before = database::fingerprint(&database.address).await;
    let mut took = started.elapsed();
    let loaded = scenarios.as_ref().map(Clone::clone).unwrap_or_default();
    let files = match effects::files(plan, &guest.machine).await {
        Ok(files) => files,
        Err(broken) => {
            cases.push(broken);
            None
        }
    };
    let watch = Watch::new(Some(database.address.clone()), files);
    replay(stages, scenarios, &guest.url, Some(&watch)).await;
    stages.course.begin(StageName::Database);
    let started = Instant::now();
    cases.push(match before {
        Ok(before) => database::after_replay(&database.address, &before, &loaded).await,
        Err(broken) => broken,
    });
    if !stages.is_left_out(StageName::Replay) {
        cases.extend(effects::compare(plan, &loaded, &watch));
    }
    took += started.elapsed();
    if loaded.iter().any(|scenario| scenario.mutates) {
        let left_out = effects::not_compared(&plan.project.effects);
        stages.not_compared.extend(left_out);
    }
    stages.end(StageName::Database, took, cases);
    guest
}

async fn replay(
    stages: &mut Stages<'_>,
    scenarios: Result<Vec<Scenario>, InputError>,
    url: &str,
    watch: Option<&Watch>,
) {
    let plan = stages.plan;
    if stages.is_left_out(StageName::Replay) {
        stages.leave_out(StageName::Replay);
        return;
    }
    stages.begin(StageName::Replay);
    let started = Instant::now();
    let scenarios = match scenarios {
        Ok(scenarios) => scenarios,
        Err(error) => {
            stages.end(
                StageName::Replay,
                started.elapsed(),
                vec![Case::broken(CaseId::new(&["replay", "scenarios"]), &error)],
            );
            return;
        }
    };
    let options = match replay_options(&plan.project, plan.clock.clone()) {
        Ok(options) => replay::Options {
            witness: watch.map(Watch::witness),
            ..options
        },
        Err(error) => {
            stages.end(
                StageName::Replay,
                started.elapsed(),
                vec![Case::broken(CaseId::new(&["replay", "options"]), &error)],
            );
            return;
        }
    };
    let snapshots = plan.project.folder.join("snapshots");
    let cases = match replay::replay(
        &scenarios,
        &[],
        &snapshots,
        url,
        &options,
        plan.observer.as_ref(),
    )
    .await
    {
        Ok(result) => {
            stages.accepted.extend(result.accepted);
            stages.not_compared.extend(result.not_compared);
            stages.course.spans = result.spans;
            result.cases
        }
        Err(error) => vec![Case::broken(CaseId::new(&["replay", "server"]), &error)],
    };
    stages.end(StageName::Replay, started.elapsed(), cases);
}
