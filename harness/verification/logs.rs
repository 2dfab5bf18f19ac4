//! What the guest's syslog says that the old server's never said.

use std::{collections::BTreeMap, fs, path::Path};

use super::{course::Course, plan::Plan};
use crate::{
    machine::{Journal, Message, Record, Severity},
    outcome::{Case, CaseId, Difference},
};

/// A larger log is read to this size only: a year of a school's server.
const LARGEST: usize = 256 << 20;

/// Compares the guest's errors and warnings with the old server's log, where the project has one (`legacy.log`).
pub(super) fn new_messages_case(
    plan: &Plan,
    id: CaseId,
    journal: &Journal,
    course: &Course,
) -> Option<Case> {
    let log = plan.project.legacy.as_ref()?.log.as_ref()?;
    Some(match read(&plan.project.resolve(log)) {
        Err(error) => Case::broken(id, &error),
        Ok(known) if known.is_empty() => {
            Case::not_run(id, format!("{} holds no line of syslog", log.display()))
        }
        Ok(_) if journal.dropped() > 0 => Case::not_run(id, "lines of the guest's log were lost"),
        Ok(known) => judged(id, &journal.records(), &known, |record| {
            course.during(journal.started() + record.at)
        }),
    })
}

/// Reads a log, and counts how often it says the same.
fn read(path: &Path) -> std::io::Result<BTreeMap<Message, u64>> {
    let bytes = fs::read(path)?;
    if bytes.len() > LARGEST {
        return Err(std::io::Error::other(format!(
            "{} has more than {} MiB: take a part of it",
            path.display(),
            LARGEST >> 20
        )));
    }
    let mut known = BTreeMap::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(message) = Message::logged(&Record::escaped(line)) {
            *known.entry(message).or_default() += 1;
        }
    }
    Ok(known)
}

fn judged(
    id: CaseId,
    records: &[Record],
    known: &BTreeMap<Message, u64>,
    during: impl Fn(&Record) -> String,
) -> Case {
    let mut new: BTreeMap<(Message, &str), (&Record, u64)> = BTreeMap::new();
    let mut compared = 0_u64;
    for record in records {
        let word = match record.severity() {
            Some(Severity::Error) => "error",
            Some(Severity::Warning) => "warning",
            Some(Severity::Notice) | None => continue,
        };
        compared += 1;
        let message = Message::sent(&record.text());
        if !known.contains_key(&message) {
            new.entry((message, word)).or_insert((record, 0)).1 += 1;
        }
    }
    let differences = new
        .into_iter()
        .map(|((message, word), (first, times))| {
            let locus = format!("syslog of {}", message.program);
            let (expected, during) = ("not in the old server's log", during(first));
            Difference::new(locus, word, expected, first.text()).because(format!(
                "the old server never said it; the guest did {times} times, first during {during}"
            ))
        })
        .collect();
    Case::compared(
        id,
        differences,
        format!(
            "{compared} errors and warnings of the guest, {} different messages of the old server",
            known.len()
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{machine::Source, outcome::Outcome};

    fn record(priority: u8, bytes: &[u8]) -> Record {
        Record {
            at: Duration::ZERO,
            source: Source::Syslog,
            priority: Some(priority),
            bytes: bytes.to_owned(),
        }
    }

    #[test]
    fn an_error_that_the_old_server_never_had_is_named_and_one_that_it_had_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("syslog");
        // In the old server's charset, with another host, time, process and number.
        let log = b"Mar  3 04:05:06 oldbox mysqld[7]: table 12 u\xe8itelia is full\nnot syslog\n";
        fs::write(&path, log).unwrap();
        let known = read(&path).unwrap();
        assert_eq!(known.len(), 1);
        let judge = |records: &[Record]| {
            judged(CaseId::new(&["logs"]), records, &known, |_| {
                "boot".to_owned()
            })
        };
        let same = record(
            27,
            b"Nov 25 23:40:01 mysqld[99]: table 3 u\xe8itelia is full",
        );
        assert_eq!(judge(std::slice::from_ref(&same)).outcome, Outcome::Same);
        let warning = record(28, b"Nov 25 23:40:01 cron[1]: no such user");
        let notice = record(30, b"Nov 25 23:40:01 cron[1]: started");
        let case = judge(&[same, warning.clone(), warning, notice]);
        let found = case.differences();
        assert_eq!(found.len(), 1, "{case:?}");
        assert_eq!(
            (found[0].locus.as_str(), found[0].aspect.as_ref()),
            ("syslog of cron", "warning")
        );
        assert!(
            found[0]
                .cause
                .as_ref()
                .unwrap()
                .ends_with("2 times, first during boot")
        );
    }
}
