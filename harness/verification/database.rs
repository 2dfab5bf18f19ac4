//! The data: compared right after the restore, and looked at again after the scenarios have run.

use super::{part::Part, plan::Plan};
use crate::{
    database::{self, Comparison, DatabaseAddress, Fingerprint, Lock, Manners, Source},
    outcome::{Case, CaseId, Difference},
    project::{DatabaseLock, Legacy},
    scenario::Scenario,
};

/// Compares the candidate's database with the recorded one, or with the old server itself where nothing was recorded.
pub(super) async fn compare(plan: &Plan, candidate: &DatabaseAddress) -> Comparison {
    let known = match known(plan) {
        Ok(known) => known,
        Err(case) => return alone(*case),
    };
    let candidate = Source::Live(candidate.clone());
    let observer = plan.observer.as_ref();
    database::compare_within(&known, &candidate, &plan.tolerances, observer)
        .await
        .unwrap_or_else(|error| alone(Case::broken(CaseId::new(&["database"]), &error)))
}

fn alone(case: Case) -> Comparison {
    Comparison {
        cases: vec![case],
        tolerated: Vec::new(),
    }
}

/// Returns what the candidate is compared with.
fn known(plan: &Plan) -> Result<Source, Box<Case>> {
    let folder = plan.project.folder.join("snapshots/database");
    if folder.is_dir() {
        return Ok(Source::Recorded(folder));
    }
    let live = plan
        .project
        .legacy
        .as_ref()
        .and_then(|legacy| legacy.database.as_ref());
    let Some(text) = live else {
        let reason = "nothing to compare with: `migrate-verify database record` has not been run and legacy.database is not set";
        let case = Case::not_run(CaseId::new(&["database"]), reason);
        return Err(Box::new(case));
    };
    match text.parse::<DatabaseAddress>() {
        Ok(mut legacy) => {
            legacy.manners = plan
                .project
                .legacy
                .as_ref()
                .map(manners)
                .unwrap_or_default();
            legacy.password = legacy.password.or_else(|| plan.database_password.clone());
            Ok(Source::Live(legacy))
        }
        Err(error) => Err(Box::new(Case::broken(CaseId::new(&["database"]), &error))),
    }
}

/// Returns how a project wants its old database to be treated.
pub fn manners(legacy: &Legacy) -> Manners {
    Manners {
        lock: match legacy.database_lock {
            DatabaseLock::None => Lock::None,
            DatabaseLock::Tables => Lock::Tables,
        },
        load: legacy.database_load.0,
        busy: Some(legacy.database_busy),
    }
}

/// Takes the fingerprint that tells which tables the scenarios change.
pub(super) async fn fingerprint(
    part: &Part,
    candidate: &DatabaseAddress,
) -> Result<Fingerprint, Case> {
    database::fingerprint(candidate)
        .await
        .map_err(|error| Case::broken(part.id("database", "after-replay"), &error))
}

/// Says which tables the scenarios changed: none may where none says that it changes data.
pub(super) async fn after_replay(
    id: CaseId,
    candidate: &DatabaseAddress,
    before: &Fingerprint,
    scenarios: &[Scenario],
) -> Case {
    let after = match database::fingerprint(candidate).await {
        Ok(after) => after,
        Err(error) => return Case::broken(id, &error),
    };
    let changed = database::changed_tables(before, &after);
    let mutating: Vec<&str> = scenarios
        .iter()
        .filter(|scenario| scenario.mutates)
        .map(|scenario| scenario.name.as_str())
        .collect();
    if changed.is_empty() && mutating.is_empty() {
        return Case::same(id, "no table was changed by the scenarios");
    }
    if changed.is_empty() {
        let reason = "no table was changed, though scenarios say that they change data: nothing proves that they could";
        return Case::not_run(id, reason);
    }
    if mutating.is_empty() {
        let differences = changed.iter().map(|table| {
            Difference::new(
                format!("table {table}"),
                "side effect",
                "unchanged",
                "changed by the scenarios",
            )
            .because("no scenario has `mutates = true`")
        });
        return Case::compared(
            id,
            differences.collect(),
            "scenarios that only read must not change data",
        );
    }
    Case::same(
        id,
        format!(
            "changed: {}, as {} may",
            changed.join(", "),
            mutating.join(", ")
        ),
    )
}
