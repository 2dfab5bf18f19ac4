//! Scenarios with `state = "fresh"`: each group in a guest of its own, on a layer of its own over a tree in which the dump is restored.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    boot::boot_on,
    database,
    finish::{messages_case, stop_cases},
    logs::new_messages_case,
    part::Part,
    replaying::{Data, Replayed, replay_on},
    restore,
    stages::Stages,
    written::{Written, await_link},
};
use crate::{
    database::{Fingerprint, changed_tables},
    machine::{Journal, Layer},
    outcome::{Case, CaseId, Difference, Outcome, StageName, chain},
    progress::Event,
    scenario::{Scenario, State},
};

/// What guests with a fresh state leave for the stages that end later.
#[derive(Debug, Default)]
pub(super) struct FreshGuests {
    /// How they stopped.
    pub(super) shutdown: Vec<Case>,
    /// What they said.
    pub(super) logs: Vec<Case>,
    /// All that they said.
    pub(super) journals: Vec<Journal>,
}

/// Returns the scenarios that ask for a fresh state, by their groups.
pub(super) fn groups(scenarios: &[Scenario]) -> BTreeMap<String, Vec<Scenario>> {
    let mut groups: BTreeMap<String, Vec<Scenario>> = BTreeMap::new();
    for scenario in scenarios {
        if let State::Fresh { group } = &scenario.state {
            groups
                .entry(group.clone())
                .or_default()
                .push(scenario.clone());
        }
    }
    groups
}

/// Replays each group of `scenarios` that asks for a fresh state; each of their scenarios has a case at the end.
pub(super) async fn replay_fresh(
    stages: &mut Stages<'_>,
    scenarios: &[Scenario],
    written: Result<&Written, &Case>,
) -> FreshGuests {
    let mut guests = FreshGuests::default();
    for (group, members) in groups(scenarios) {
        let what = format!("replay, fresh state `{group}`");
        stages.plan.started(&what);
        let started = Instant::now();
        let replayed = match written {
            Ok(written) => {
                let part = Part::Fresh(group);
                replay_group(stages, &part, &members, written, &mut guests).await
            }
            Err(case) => Err(case.reason.clone()),
        };
        let mut replayed = replayed.unwrap_or_else(|why| not_replayed(&members, &why));
        for case in &mut replayed.answers {
            explain(case, scenarios);
        }
        let same = |case: &Case| case.outcome == Outcome::Same;
        let how = if replayed.answers.iter().all(same) {
            "same"
        } else {
            "not the same"
        };
        stages.plan.observer.observe(Event::Finished {
            what,
            how: format!("{how} ({:.1} s)", started.elapsed().as_secs_f64()),
        });
        let guest_took = started.elapsed().saturating_sub(replayed.changes_took);
        stages.add(StageName::Replay, guest_took, replayed.answers);
        stages.add(StageName::Database, replayed.changes_took, replayed.changes);
    }
    guests
}

async fn replay_group(
    stages: &mut Stages<'_>,
    part: &Part,
    members: &[Scenario],
    written: &Written,
    guests: &mut FreshGuests,
) -> Result<Replayed, String> {
    let plan = stages.plan;
    stages.course.begin(StageName::Boot);
    await_link(plan).await;
    let guest = boot_on(plan, &written.tree, Layer::ThrowAway).await;
    let mut guest = guest.map_err(|error| chain(&error))?;
    let opened = match &written.database {
        None => None,
        Some(known) => {
            let opened = restore::open_again(plan, &mut guest.machine, known).await;
            Some(opened.map_err(|error| chain(&error))?)
        }
    };
    let mut data = None;
    let mut state = None;
    if let Some(opened) = &opened {
        let before = database::fingerprint(part, &opened.address).await;
        if let (Some(restored), Ok(found)) = (&written.first.tables, &before) {
            state = Some(state_case(part.id("database", "state"), restored, found));
        }
        data = Some(Data {
            address: opened.address.clone(),
            before,
        });
    }
    let mut replayed = replay_on(stages, members, &guest, data, part).await;
    replayed.changes.extend(state);
    stages.course.begin(StageName::Shutdown);
    let (stopped, journal) = stop_cases(plan, guest, part, None, opened.is_some()).await;
    guests.shutdown.extend(stopped);
    if let Some(journal) = journal {
        let said = part.id("logs", "messages");
        guests.logs.push(messages_case(said, &journal));
        let new = part.id("logs", "new-messages");
        let new = new_messages_case(plan, new, &journal, &stages.course);
        guests.logs.extend(new);
        guests.journals.push(journal);
    }
    Ok(replayed)
}

fn not_replayed(members: &[Scenario], why: &str) -> Replayed {
    let broken = |scenario: &Scenario| {
        let id = CaseId::new(&["replay", &scenario.name]);
        let why = format!("there is no guest with a fresh state for it: {why}");
        Case::broken(id, &std::io::Error::other(why))
    };
    Replayed {
        answers: members.iter().map(broken).collect(),
        answers_took: Duration::ZERO,
        ..Replayed::default()
    }
}

/// Checks that nothing has changed the data since they were restored.
fn state_case(id: CaseId, restored: &Fingerprint, found: &Fingerprint) -> Case {
    let differences = changed_tables(restored, found).into_iter().map(|table| {
        Difference::new(
            format!("table {table}"),
            "state",
            "as restored",
            "changed before the scenarios ran",
        )
        .because("booting the guest, or its database's start, changes data")
    });
    let evidence = format!("{} tables, as they were restored", found.tables.len());
    Case::compared(id, differences.collect(), evidence)
}

/// Says of a case that differs what the old server had seen before and this guest has not.
pub(super) fn explain(case: &mut Case, scenarios: &[Scenario]) {
    let is_of = |scenario: &&Scenario| {
        let own = format!("replay/{}/", scenario.name);
        case.id.as_str().starts_with(&own)
    };
    let Some(scenario) = scenarios.iter().find(is_of) else {
        return;
    };
    let unseen = scenario.unseen_changes(scenarios).join(", ");
    if !unseen.is_empty() && !case.differences().is_empty() {
        let reason = &case.reason;
        case.reason = format!(
            "{reason}; on the old server {unseen} had changed data before, in this state of the candidate not (`state`)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::TableFingerprint;

    fn scenario(name: &str, mutates: bool, state: State) -> Scenario {
        Scenario {
            name: name.to_owned(),
            title: String::new(),
            mutates,
            state,
            steps: Vec::new(),
        }
    }

    fn fresh(group: &str) -> State {
        State::Fresh {
            group: group.to_owned(),
        }
    }

    #[test]
    fn scenarios_of_one_group_share_a_state_and_others_have_their_own() {
        let scenarios = [
            scenario("a", true, fresh("a")),
            scenario("b", true, fresh("marks")),
            scenario("c", false, State::Shared),
            scenario("d", false, fresh("marks")),
        ];
        let names: Vec<(String, Vec<String>)> = groups(&scenarios)
            .into_iter()
            .map(|(group, members)| {
                let names = members.into_iter().map(|member| member.name);
                (group, names.collect())
            })
            .collect();
        let expected = [("a", vec!["a"]), ("marks", vec!["b", "d"])]
            .map(|(group, names)| (group.into(), names.into_iter().map(Into::into).collect()));
        assert_eq!(names, expected);
    }

    #[test]
    fn a_difference_is_told_with_the_changes_that_only_the_old_server_had_seen() {
        let scenarios = [
            scenario("a", true, State::Shared),
            scenario("b", true, fresh("b")),
            scenario("c", true, State::Shared),
            scenario("d", false, fresh("d")),
        ];
        let reason = |id: &[&str], differs: bool| {
            let found = differs.then(|| Difference::new("body line 1", "text", "1", "0"));
            let mut case = Case::compared(CaseId::new(id), found.into_iter().collect(), "body");
            explain(&mut case, &scenarios);
            case.reason
        };
        assert_eq!(reason(&["replay", "a", "01-x"], true), "body");
        assert_eq!(
            reason(&["replay", "b", "01-x"], true),
            "body; on the old server a had changed data before, in this state of the candidate not (`state`)"
        );
        assert_eq!(reason(&["replay", "b", "01-x"], false), "body");
        let shared = reason(&["replay", "c", "01-x"], true);
        assert!(shared.contains("the old server b had changed"), "{shared}");
        assert_eq!(reason(&["replay", "d", "01-x"], true), "body");
    }

    #[test]
    fn data_that_are_not_as_restored_are_named() {
        let print = |digest: &str| {
            let table = TableFingerprint {
                rows: 2,
                digest: digest.to_owned(),
            };
            Fingerprint {
                tables: [("ziaci".to_owned(), table)].into(),
            }
        };
        let case = |found| state_case(CaseId::new(&["database"]), &print("a"), &found);
        assert_eq!(case(print("a")).outcome, Outcome::Same);
        assert_eq!(case(print("b")).differences()[0].locus, "table ziaci");
    }

    #[test]
    fn a_scenario_without_a_guest_is_broken_and_not_forgotten() {
        let members = [scenario("a", true, fresh("a"))];
        let answers = not_replayed(&members, "it did not boot").answers;
        assert_eq!(answers[0].outcome, Outcome::Broken);
        assert_eq!(answers[0].id.as_str(), "replay/a");
    }
}
