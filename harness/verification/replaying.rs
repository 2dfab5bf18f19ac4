//! Scenarios on one guest: their answers, and what they changed beside answering.

use std::time::{Duration, Instant};

use super::{
    boot::Guest, database, effects, options::replay_options, part::Part, stages::Stages,
    times::LegacyTimes,
};
use crate::{
    database::{DatabaseAddress, Fingerprint},
    effect::Watch,
    outcome::{Case, StageName},
    replay::{self, Options},
    scenario::Scenario,
};

/// What came of scenarios on one guest.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// Their answers.
    pub(super) answers: Vec<Case>,
    /// How long that took.
    pub(super) answers_took: Duration,
    /// What they changed.
    pub(super) changes: Vec<Case>,
    /// How long that took.
    pub(super) changes_took: Duration,
}

/// The guest's database before scenarios run, and what it held then.
pub(super) struct Data {
    /// Its address.
    pub(super) address: DatabaseAddress,
    /// What its tables held, or why that is not known.
    pub(super) before: Result<Fingerprint, Case>,
}

/// Replays scenarios on a guest; without `data` nobody looks at what they change.
pub(super) async fn replay_on(
    stages: &mut Stages<'_>,
    scenarios: &[Scenario],
    guest: &Guest,
    data: Option<Data>,
    part: &Part,
) -> Replayed {
    let mut replayed = Replayed::default();
    let options = match replay_options(&stages.plan.project, stages.plan.clock.clone()) {
        Ok(options) => options,
        Err(error) => {
            let broken = Case::broken(part.id("replay", "options"), &error);
            replayed.answers.push(broken);
            return replayed;
        }
    };
    let watch = match &data {
        None => None,
        Some(data) => {
            let files = effects::files(stages.plan, &guest.machine, part).await;
            let files = files.unwrap_or_else(|broken| {
                replayed.changes.push(broken);
                None
            });
            Some(Watch::new(Some(data.address.clone()), files))
        }
    };
    let options = Options {
        witness: watch.as_ref().map(Watch::witness),
        ..options
    };
    stages.course.begin(StageName::Replay);
    let started = Instant::now();
    replayed.answers = answers(stages, scenarios, &guest.url, &options, part).await;
    replayed.answers_took = started.elapsed();
    stages.course.begin(StageName::Database);
    let started = Instant::now();
    if let (Some(data), Some(watch)) = (data, watch) {
        let id = part.id("database", "after-replay");
        replayed.changes.push(match data.before {
            Ok(before) => database::after_replay(id, &data.address, &before, scenarios).await,
            Err(broken) => broken,
        });
        let project = &stages.plan.project;
        let compared = effects::effect_cases(project, scenarios, &watch, &options);
        replayed.changes.extend(compared);
    }
    replayed.changes_took = started.elapsed();
    replayed
}

async fn answers(
    stages: &mut Stages<'_>,
    scenarios: &[Scenario],
    url: &str,
    options: &Options,
    part: &Part,
) -> Vec<Case> {
    let snapshots = stages.plan.project.folder.join("snapshots");
    let observer = stages.plan.observer.as_ref();
    match replay::replay(scenarios, &snapshots, url, options, observer).await {
        Ok(result) => {
            stages.accepted.extend(result.accepted);
            stages.not_compared.extend(result.not_compared);
            stages.carried.extend(result.carried);
            match LegacyTimes::load(&stages.plan.project) {
                Ok(legacy) => stages.timed.extend(legacy.beside(&result.times)),
                Err(error) => stages
                    .not_compared
                    .push(format!("how long answers took: {error}")),
            }
            stages.course.spans.extend(result.spans);
            result.cases
        }
        Err(error) => vec![Case::broken(part.id("replay", "server"), &error)],
    }
}
