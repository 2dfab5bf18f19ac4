//! One report with every outcome in it, for the tests of all formats.

use std::time::Duration;

use crate::outcome::{
    Carried, Case, CaseId, Difference, RunReport, Stage, StageName, SyslogEntry, SyslogPart, Timed,
};

pub(super) fn report() -> RunReport {
    let id = |parts: &[&str]| CaseId::new(parts);
    let difference = Difference::new("body line 14", "text", "Žltý kôň", "Zlty <kun>\u{1b}[31m")
        .because("the charset was lost");
    RunReport {
        id: Some("20260131-235959-abcde".to_owned()),
        subject: "oci:image:stand-in".to_owned(),
        started_at: "2026-01-31T23:59:59Z".to_owned(),
        stages: vec![
            Stage {
                name: StageName::Preflight,
                took: Duration::from_millis(12),
                cases: vec![Case::same(
                    id(&["preflight", "vsyscall"]),
                    "not needed: no x86-64 libc older than 2.14",
                )],
            },
            Stage {
                name: StageName::Replay,
                took: Duration::from_millis(3400),
                cases: vec![
                    Case::same(id(&["replay", "login", "01-form"]), "1,204 bytes"),
                    Case::compared(
                        id(&["replay", "login", "02-list"]),
                        vec![difference],
                        "status and headers agree",
                    ),
                    Case::broken(
                        id(&["replay", "login", "03-detail"]),
                        &std::io::Error::other("connection reset"),
                    ),
                    Case::not_run(
                        id(&["replay", "login", "04-edit"]),
                        "03-detail did not answer",
                    ),
                ],
            },
            Stage {
                name: StageName::Database,
                took: Duration::ZERO,
                cases: vec![Case::waived(
                    id(&["database"]),
                    "the project does without it",
                )],
            },
        ],
        accepted: vec!["replay/login/01-form (the new <footer>)".to_owned()],
        not_compared: vec!["header Date: it tells the time of the answer".to_owned()],
        carried: vec![Carried {
            scenario: "login".to_owned(),
            what: "hidden field <kun>".to_owned(),
            seen_in: "form".to_owned(),
            used_in: vec!["list".to_owned(), "detail".to_owned()],
        }],
        timed: vec![Timed {
            case: id(&["replay", "login", "01-form"]),
            legacy: Duration::from_millis(12),
            candidate: Duration::from_millis(300),
        }],
        syslog: vec![syslog()],
    }
}

fn syslog() -> SyslogPart {
    SyslogPart {
        name: "replay/login".to_owned(),
        entries: vec![SyslogEntry {
            at: Duration::from_millis(4200),
            facility: "daemon".to_owned(),
            severity: "err".to_owned(),
            program: "apache".to_owned(),
            text: "PHP Warning: <kun>\u{1b}".to_owned(),
            during: vec![
                "replay/login/02-list".to_owned(),
                "replay/search/01-form".to_owned(),
            ],
        }],
        left_out: 3,
        severe: 1,
    }
}
