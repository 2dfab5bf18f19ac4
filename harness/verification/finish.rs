//! The end of a run: the guest's log, its clean stop, and what a boot must leave as it was.

use std::path::Path;

use super::{boot::Guest, part::Part, plan::Plan};
use crate::{
    machine::{Journal, Record, Severity, Source, Stop, changed_mounts, host_mounts},
    outcome::{Case, CaseId, Difference},
    recipe::Built,
    rootfs::{self, Profile},
};

/// So many lines of the guest's log are quoted in a report.
const QUOTED: usize = 20;

/// Sends a message through the guest's /dev/log and looks for it: the way from the guest to the host works.
pub(super) async fn syslog_case(plan: &Plan, guest: &Guest) -> Case {
    let id = CaseId::new(&["logs", "syslog"]);
    let mark = format!("migrate-verify {}", plan.workspace.id);
    let arrived = match guest.machine.syslog_round_trip(&mark).await {
        Ok(arrived) => arrived,
        Err(error) => return Case::broken(id, &error),
    };
    if let Some(at) = arrived {
        let records = guest.machine.journal.records();
        let messages = records
            .iter()
            .filter(|record| record.source == Source::Syslog)
            .count();
        return Case::same(
            id,
            format!(
                "a message sent in the guest arrived after {:.1} s of uptime; {messages} messages in all",
                at.as_secs_f64()
            ),
        );
    }
    let difference = Difference::new(
        "/dev/log",
        "syslog",
        "the message arrives",
        "it did not within 2 s",
    );
    Case::compared(
        id,
        vec![
            difference.because(
                "something in the guest has replaced /dev/log, or logger writes elsewhere",
            ),
        ],
        "round trip",
    )
}

/// Counts the guest's errors and warnings; they are evidence, compared with nothing yet.
pub(super) fn messages_case(id: CaseId, journal: &Journal) -> Case {
    let records = journal.records();
    if journal.dropped() > 0 {
        let reason = format!(
            "the guest wrote so much that {} lines were lost",
            journal.dropped()
        );
        return Case::not_run(id, reason);
    }
    let severe = |wanted: Severity| {
        records
            .iter()
            .filter(|record| record.severity() == Some(wanted))
            .count()
    };
    let (errors, warnings) = (severe(Severity::Error), severe(Severity::Warning));
    let quoted: Vec<String> = records
        .iter()
        .filter(|record| record.severity() == Some(Severity::Error))
        .take(QUOTED)
        .map(ToString::to_string)
        .collect();
    let mut reason = format!(
        "{} lines kept, {errors} errors and {warnings} warnings by syslog's severity",
        records.len()
    );
    if !quoted.is_empty() {
        reason.push_str(":\n");
        reason.push_str(&quoted.join("\n"));
    }
    Case::same(id, reason)
}

/// Stops the guest and judges how it stopped.
pub(super) async fn stop_cases(
    plan: &Plan,
    guest: Guest,
    part: &Part,
    built: Option<&Built>,
    has_database: bool,
) -> (Vec<Case>, Option<Journal>) {
    let limit = plan.project.container.stop_timeout.0;
    let id = |name: &str| part.id("shutdown", name);
    let asked = guest.machine.journal.now();
    let speaks = mentions(&guest.machine.journal.records(), "ready for connections");
    let Guest {
        machine, mounts, ..
    } = guest;
    let (stop, journal) = match machine.stop(limit).await {
        Ok(stopped) => stopped,
        Err(error) => return (vec![Case::broken(id("halt"), &error)], None),
    };
    let mut cases = vec![halt_case(id("halt"), &stop, &journal)];
    if has_database && speaks {
        let mut after = journal.records();
        after.retain(|record| record.at >= asked);
        cases.push(database_case(id("database"), &after));
    } else if has_database {
        let reason = "the database's log reaches neither syslog nor the console: nothing tells how it stopped";
        cases.push(Case::not_run(id("database"), reason));
    }
    cases.push(match host_mounts() {
        Err(error) => Case::broken(id("host-mounts"), &error),
        Ok(after) => {
            let changed = changed_mounts(&mounts, &after).into_iter();
            let differences = changed.map(|(point, before, after)| {
                Difference::new(format!("mount {point}"), "options", before, after)
            });
            Case::compared(
                id("host-mounts"),
                differences.collect(),
                format!("{} mounts of the host", after.len()),
            )
        }
    });
    if let Some(built) = built {
        cases.push(tree_case(id("rootfs"), built).await);
    }
    (cases, Some(journal))
}

pub(super) fn mentions(records: &[Record], words: &str) -> bool {
    records
        .iter()
        .any(|record| record.text().to_ascii_lowercase().contains(words))
}

pub(super) fn halt_case(id: CaseId, stop: &Stop, journal: &Journal) -> Case {
    let found = match stop {
        Stop::Halted => {
            return Case::same(
                id,
                "SIGINT ended in a halt, systemd-nspawn with exit code 0",
            );
        }
        Stop::Rebooted => "a reboot".to_owned(),
        Stop::Ended(how) | Stop::Killed(how) => how.clone(),
        Stop::Hung => "it did not halt in time and was killed".to_owned(),
    };
    let cause = match stop {
        Stop::Rebooted => format!(
            "the ctrlaltdel line of /etc/inittab says `shutdown -r`; the console's end:\n{}",
            journal.console_tail(QUOTED)
        ),
        Stop::Halted | Stop::Ended(_) | Stop::Killed(_) | Stop::Hung => {
            format!("the console's end:\n{}", journal.console_tail(QUOTED))
        }
    };
    Case::compared(
        id,
        vec![Difference::new("SIGINT", "stop", "a halt", found).because(cause)],
        "the guest's end",
    )
}

/// A database that was killed has no "shutdown complete" after its start.
pub(super) fn database_case(id: CaseId, after: &[Record]) -> Case {
    if mentions(after, "shutdown complete") {
        return Case::same(
            id,
            "the database said \"Shutdown complete\" before the halt",
        );
    }
    let difference = Difference::new(
        "database",
        "stop",
        "\"Shutdown complete\" in its log",
        "no such message",
    );
    Case::compared(
        id,
        vec![difference.because("the guest halted before its database had stopped")],
        "the database's end",
    )
}

/// Walks the verified tree again: a boot must not have changed it.
async fn tree_case(id: CaseId, built: &Built) -> Case {
    let tree = built.tree.clone();
    let walked = tokio::task::spawn_blocking(move || rootfs::walk(Path::new(&tree)))
        .await
        .expect("walking does not panic");
    match walked {
        Err(error) => Case::broken(id, &error),
        Ok(listing) => {
            let (before, after) = (
                built.listing.digest(Profile::Strict),
                listing.digest(Profile::Strict),
            );
            let found = crate::reproducibility::compare(&built.listing, &listing);
            let changed = "the boot changed the verified tree";
            let mut differences: Vec<Difference> = found
                .iter()
                .map(|difference| Difference::from(difference).because(changed))
                .collect();
            if differences.is_empty() && before != after {
                let digests = (before.to_string(), after.to_string());
                differences.push(Difference::new("rootfs", "digest", digests.0, digests.1));
            }
            Case::compared(
                id,
                differences,
                format!("{before} before the boot, {after} after it"),
            )
        }
    }
}
