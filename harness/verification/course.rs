//! What ran when: so that each message of the guest's syslog is told with what it came from.
//!
//! A message counts to the steps that ran when it arrived. Scenarios that change nothing run at the same time: then all of their steps are
//! named, because nothing tells which of them it was.

use std::{collections::BTreeMap, time::Instant};

use crate::{
    machine::{Record, Source, program_and_text},
    outcome::{StageName, SyslogEntry, SyslogPart},
    replay::Span,
};

/// So many messages of a part stand in the report, errors and warnings before others.
const SHOWN: usize = 40;

/// The course of a run.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// When stages began or went on, in this order.
    pub(super) begun: Vec<(StageName, Instant)>,
    /// When the steps of scenarios ran.
    pub(super) spans: Vec<Span>,
}

impl Course {
    /// Notes that a stage begins, or goes on.
    pub(super) fn begin(&mut self, stage: StageName) {
        self.begun.push((stage, Instant::now()));
    }

    /// Returns the steps that ran at a moment.
    fn steps(&self, at: Instant) -> Vec<&Span> {
        self.spans
            .iter()
            .filter(|span| (span.from..=span.until).contains(&at))
            .collect()
    }

    fn stage(&self, at: Instant) -> StageName {
        self.begun
            .iter()
            .rev()
            .find(|(_, from)| *from <= at)
            .map_or(StageName::Boot, |(stage, _)| *stage)
    }

    /// Says what ran at a moment.
    pub(super) fn during(&self, at: Instant) -> String {
        let steps = self.steps(at);
        if steps.is_empty() {
            return self.stage(at).to_string();
        }
        let names: Vec<&str> = steps.iter().map(|span| span.case.as_str()).collect();
        names.join(" or ")
    }

    /// Tells the syslog of guests, each with the moment at which it was started, part by part.
    pub(super) fn syslog(&self, guests: &[(Vec<Record>, Instant)]) -> Vec<SyslogPart> {
        let mut parts: BTreeMap<(StageName, String), Vec<SyslogEntry>> = BTreeMap::new();
        let records = guests.iter().flat_map(|(records, started)| {
            records
                .iter()
                .filter(|record| record.source == Source::Syslog)
                .map(move |record| (record, *started))
        });
        for (record, started) in records {
            let steps = self.steps(started + record.at);
            let entry = entry(record, &steps);
            if steps.is_empty() {
                let stage = self.stage(started + record.at);
                let part = parts.entry((stage, stage.to_string()));
                part.or_default().push(entry.clone());
            }
            let mut scenarios: Vec<&str> =
                steps.iter().map(|span| span.scenario.as_str()).collect();
            scenarios.dedup();
            for scenario in scenarios {
                let name = format!("{}/{scenario}", StageName::Replay);
                let part = parts.entry((StageName::Replay, name));
                part.or_default().push(entry.clone());
            }
        }
        parts
            .into_iter()
            .map(|((_, name), entries)| shown(name, entries))
            .collect()
    }
}

fn entry(record: &Record, steps: &[&Span]) -> SyslogEntry {
    let text = record.text();
    let (program, text) = program_and_text(&text);
    let (facility, severity) = record.keywords().unwrap_or(("unknown", "unknown"));
    SyslogEntry {
        at: record.at,
        facility: facility.to_owned(),
        severity: severity.to_owned(),
        program: program.to_owned(),
        text: text.to_owned(),
        during: steps.iter().map(|span| span.case.to_string()).collect(),
    }
}

/// Keeps what a report can show of a part: errors and warnings first, all in their order.
fn shown(name: String, entries: Vec<SyslogEntry>) -> SyslogPart {
    let severe = entries.iter().filter(|entry| entry.is_severe()).count();
    let mut severe_left = severe.min(SHOWN);
    let mut others_left = SHOWN - severe_left;
    let all = entries.len();
    let entries: Vec<SyslogEntry> = entries
        .into_iter()
        .filter(|entry| {
            let left = if entry.is_severe() {
                &mut severe_left
            } else {
                &mut others_left
            };
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            is_kept
        })
        .collect();
    SyslogPart {
        name,
        left_out: all - entries.len(),
        severe,
        entries,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::CaseId;

    fn said(second: u64, priority: u8, text: &str) -> Record {
        Record {
            at: Duration::from_secs(second),
            source: Source::Syslog,
            priority: Some(priority),
            bytes: text.as_bytes().to_owned(),
        }
    }

    fn course(started: Instant) -> Course {
        let at = |second| started + Duration::from_secs(second);
        let span = |scenario: &str, step: &str, from, until| Span {
            scenario: scenario.to_owned(),
            case: CaseId::new(&["replay", scenario, step]),
            from: at(from),
            until: at(until),
        };
        Course {
            begun: vec![
                (StageName::Boot, started),
                (StageName::Replay, at(10)),
                (StageName::Shutdown, at(20)),
            ],
            spans: vec![
                span("login", "01-form", 11, 13),
                span("search", "01-form", 12, 14),
            ],
        }
    }

    #[test]
    fn a_message_is_told_with_the_steps_that_ran_when_it_came() {
        let started = Instant::now();
        let records = [
            said(1, 30, "Nov 25 23:40:01 cron[7]: (CRON) INFO 17"),
            said(11, 27, "Nov 25 23:40:11 apache: PHP Warning"),
            said(12, 28, "Nov 25 23:40:12 apache: whose?"),
            said(15, 30, "between"),
            said(21, 30, "init: halting"),
        ];
        let course = course(started);
        let parts = course.syslog(&[(records.to_vec(), started)]);
        let text: Vec<String> = parts
            .iter()
            .flat_map(|part| part.entries.iter().map(move |entry| (part, entry)))
            .map(|(part, entry)| {
                format!(
                    "{}: {}.{} {} | {} {:?}",
                    part.name,
                    entry.facility,
                    entry.severity,
                    entry.program,
                    entry.text,
                    entry.during
                )
            })
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        boot: daemon.info cron | (CRON) INFO 17 []
        replay: daemon.info  | between []
        replay/login: daemon.err apache | PHP Warning ["replay/login/01-form"]
        replay/login: daemon.warning apache | whose? ["replay/login/01-form", "replay/search/01-form"]
        replay/search: daemon.warning apache | whose? ["replay/login/01-form", "replay/search/01-form"]
        shutdown: daemon.info init | halting []
        "#);
        let during = |second| course.during(started + Duration::from_secs(second));
        assert_eq!(during(12), "replay/login/01-form or replay/search/01-form");
        assert_eq!(during(15), "replay");
    }

    #[test]
    fn a_part_with_many_messages_keeps_its_errors_and_counts_the_rest() {
        let mut records = vec![said(1, 30, "a: noise"); 100];
        records.push(said(2, 27, "a: broken"));
        let started = Instant::now();
        let parts = course(started).syslog(&[(records, started)]);
        let [part] = parts.as_slice() else {
            panic!("{parts:?}");
        };
        assert_eq!(
            (part.entries.len(), part.left_out, part.severe),
            (40, 61, 1)
        );
        assert_eq!(part.entries.last().unwrap().text, "broken");
    }
}
