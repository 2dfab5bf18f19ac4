//! The summary on one screen: a line a stage, the first differences, the verdict.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    carried::table,
    clusters::{Held, clusters},
    times,
};
use crate::outcome::{Carried, Case, Difference, Outcome, RunReport, Stage, SyslogPart, Verdict};

/// How many differences stand on the screen; the rest is counted.
const MOST: usize = 24;

/// How many cases of one finding are named.
const MEMBERS: usize = 6;

/// A longer value is cut on the screen; reports have it whole.
const LONGEST: usize = 160;

/// Renders the summary; `verbose` adds every case, and what was carried from step to step.
pub fn render(report: &RunReport, verbose: bool) -> String {
    let mut text = format!("{}\n\n", clean(&report.subject));
    for stage in &report.stages {
        stage_line(&mut text, stage);
        if verbose {
            for case in &stage.cases {
                let _ = writeln!(
                    text,
                    "      {} {}: {}",
                    mark(&case.outcome),
                    clean(case.id.as_str()),
                    clean(&case.reason)
                );
            }
        }
    }
    syslog_line(&mut text, report);
    findings(&mut text, report);
    accepted_lines(&mut text, report);
    if let Some(line) = times::line(&report.timed) {
        let _ = writeln!(text, "\n{}", clean(&line));
    }
    if verbose && !report.carried.is_empty() {
        text.push_str(&carried(&report.carried));
    }
    let sentence = match report.verdict() {
        Verdict::Verified => "everything that was compared is the same",
        Verdict::Different => "the candidate is not the same",
        Verdict::Inconclusive => "something could not be checked",
    };
    let _ = writeln!(
        text,
        "\n{}: {sentence}",
        report.verdict().as_str().to_uppercase()
    );
    text
}

/// Renders what was carried from step to step, behind an empty line.
pub fn carried(carried: &[Carried]) -> String {
    format!("\n{}", table(carried, clean))
}

fn stage_line(text: &mut String, stage: &Stage) {
    let count = |wanted: fn(&Outcome) -> bool| {
        stage
            .cases
            .iter()
            .filter(|case| wanted(&case.outcome))
            .count()
    };
    let mut counts = vec![format!(
        "{} same",
        count(|outcome| *outcome == Outcome::Same)
    )];
    let others = [
        (
            "different",
            count(|outcome| matches!(outcome, Outcome::Different(_))),
        ),
        ("broken", count(|outcome| *outcome == Outcome::Broken)),
        ("not run", count(|outcome| *outcome == Outcome::NotRun)),
        (
            "left out by name",
            count(|outcome| *outcome == Outcome::Waived),
        ),
    ];
    for (word, number) in others {
        if number > 0 {
            counts.push(format!("{number} {word}"));
        }
    }
    let word = if stage.is_waived() {
        "left out"
    } else {
        stage.outcome_word()
    };
    let seconds = stage.took.as_secs_f64();
    let _ = writeln!(
        text,
        "{:<16} {:<10} {seconds:>7.1} s  {}",
        stage.name.as_str(),
        word.replace('_', " "),
        counts.join(", ")
    );
}

/// Counts the guest's messages stage by stage, and names the scenarios in which it said errors or warnings.
fn syslog_line(text: &mut String, report: &RunReport) {
    if report.syslog.is_empty() {
        return;
    }
    let (scenarios, stages): (Vec<&SyslogPart>, Vec<&SyslogPart>) = report
        .syslog
        .iter()
        .partition(|part| part.name.contains('/'));
    let counted = |part: &&SyslogPart| {
        let all = part.entries.len() + part.left_out;
        format!("{} {all} ({} severe)", clean(&part.name), part.severe)
    };
    let mut counts: Vec<String> = stages.iter().map(counted).collect();
    counts.push(format!("while scenarios ran, in {}", scenarios.len()));
    let severe = scenarios.iter().filter(|part| part.severe > 0);
    counts.extend(severe.clone().take(MEMBERS).map(counted));
    let hidden = severe.count().saturating_sub(MEMBERS);
    if hidden > 0 {
        counts.push(format!("{hidden} more with errors or warnings"));
    }
    let _ = writeln!(text, "\nmessages of the guest: {}", counts.join(", "));
}

/// Counts the answers of which a person's word, not the old server's, is what they were compared with, and names the first.
fn accepted_lines(text: &mut String, report: &RunReport) {
    let count = report.accepted.len();
    if count == 0 {
        return;
    }
    let _ = writeln!(
        text,
        "\nnot compared with the old server's answer, but with one that a person accepted: {count}"
    );
    for case in report.accepted.iter().take(MEMBERS) {
        let _ = writeln!(text, "    {}", clean(case));
    }
    if count > MEMBERS {
        let _ = writeln!(
            text,
            "    … and {} more: they stand in the report, and in what `--format json` prints",
            count - MEMBERS
        );
    }
}

fn findings(text: &mut String, report: &RunReport) {
    let mut left = MOST;
    let mut hidden = 0;
    let cases = || report.stages.iter().flat_map(|stage| &stage.cases);
    let mut shared = clusters(cases());
    shared.retain(|cluster| cluster.members.len() > 1);
    let held = Held::by(&shared);
    let mut unchecked = unchecked(cases());
    for cluster in &shared {
        if take(&mut left, &mut hidden) {
            let example = cluster.is_example.then_some("; for example");
            let _ = writeln!(
                text,
                "\n≠ {}{}",
                counted(&cluster.members),
                example.unwrap_or_default()
            );
            difference_lines(text, cluster.difference);
        }
    }
    for case in cases() {
        match &case.outcome {
            Outcome::Same | Outcome::Waived => {}
            Outcome::Broken | Outcome::NotRun => {
                let Some(alike) = unchecked.remove(&(mark(&case.outcome), case.reason.as_str()))
                else {
                    continue;
                };
                if take(&mut left, &mut hidden) {
                    let _ = writeln!(
                        text,
                        "\n{} {}\n    {}",
                        mark(&case.outcome),
                        counted(&alike),
                        clean(&case.reason)
                    );
                }
            }
            Outcome::Different(differences) => {
                let own: Vec<&Difference> = differences
                    .iter()
                    .filter(|difference| !held.holds(difference))
                    .collect();
                if left > 0 && !own.is_empty() {
                    let _ = writeln!(text, "\n{} {}", mark(&case.outcome), case_title(case));
                }
                for difference in own {
                    if take(&mut left, &mut hidden) {
                        difference_lines(text, difference);
                    }
                }
            }
        }
    }
    if hidden > 0 {
        let _ = writeln!(
            text,
            "\n… and {hidden} more: they stand in the report, and in what `--format json` prints"
        );
    }
}

/// Groups the cases that were not checked by why they were not.
fn unchecked<'a>(
    cases: impl Iterator<Item = &'a Case>,
) -> BTreeMap<(&'static str, &'a str), Vec<&'a Case>> {
    let mut alike: BTreeMap<_, Vec<&Case>> = BTreeMap::new();
    let is_open = |case: &&Case| matches!(case.outcome, Outcome::Broken | Outcome::NotRun);
    for case in cases.filter(is_open) {
        let why = (mark(&case.outcome), case.reason.as_str());
        alike.entry(why).or_default().push(case);
    }
    alike
}

/// Counts cases, names the first of them and counts the others; names a single one.
fn counted(cases: &[&Case]) -> String {
    let names = cases.iter().take(MEMBERS);
    let mut text = names
        .map(|case| clean(case.id.as_str()))
        .collect::<Vec<_>>()
        .join(", ");
    if cases.len() > MEMBERS {
        let _ = write!(text, " and {} more", cases.len() - MEMBERS);
    }
    if cases.len() > 1 {
        text.insert_str(0, &format!("{} cases: ", cases.len()));
    }
    text
}

fn difference_lines(text: &mut String, difference: &Difference) {
    let _ = writeln!(
        text,
        "    {}: {}",
        clean(&difference.locus),
        clean(&difference.aspect)
    );
    let _ = writeln!(text, "      expected {}", clean(&difference.expected));
    let _ = writeln!(text, "      found    {}", clean(&difference.actual));
    if let Some(cause) = &difference.cause {
        let _ = writeln!(text, "      cause    {}", clean(cause));
    }
}

fn case_title(case: &Case) -> String {
    format!("{}: {}", clean(case.id.as_str()), clean(&case.reason))
}

fn take(left: &mut usize, hidden: &mut usize) -> bool {
    if *left == 0 {
        *hidden += 1;
        return false;
    }
    *left -= 1;
    true
}

fn mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "=",
        Outcome::Different(_) => "≠",
        Outcome::Broken => "!",
        Outcome::NotRun => "?",
        Outcome::Waived => "-",
    }
}

/// Makes a text safe for a terminal and short enough for a line: it may come from a hostile server.
fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST {
            cleaned.push('…');
            break;
        }
        if character.is_control() {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn what_many_cases_have_in_common_is_one_finding() {
        let mut report = example::report();
        let difference = || Difference::new("header Server", "header value", "Apache/1.3", "nginx");
        let case = |number: u8| {
            let id = crate::outcome::CaseId::new(&["replay", "x", &number.to_string()]);
            Case::compared(id, vec![difference()], "headers differ")
        };
        report.stages.truncate(1);
        report.syslog.clear();
        report.accepted.clear();
        report.timed.clear();
        report.stages[0].cases = (1..=8).map(case).collect();
        insta::assert_snapshot!(render(&report, false), @"
        oci:image:stand-in

        preflight        different      0.0 s  0 same, 8 different

        ≠ 8 cases: replay/x/1, replay/x/2, replay/x/3, replay/x/4, replay/x/5, replay/x/6 and 2 more
            header Server: header value
              expected Apache/1.3
              found    nginx

        DIFFERENT: the candidate is not the same
        ");
    }

    #[test]
    fn what_many_cases_were_not_checked_for_is_told_once() {
        let mut report = example::report();
        let case = |number: u16| {
            let id = crate::outcome::CaseId::new(&["replay", "x", &number.to_string()]);
            Case::not_run(id, "the scenario has no snapshots")
        };
        report.stages.truncate(1);
        report.syslog.clear();
        report.accepted.clear();
        report.timed.clear();
        report.stages[0].cases = (1..=300).map(case).collect();
        insta::assert_snapshot!(render(&report, false), @"
        oci:image:stand-in

        preflight        not run        0.0 s  0 same, 300 not run

        ? 300 cases: replay/x/1, replay/x/2, replay/x/3, replay/x/4, replay/x/5, replay/x/6 and 294 more
            the scenario has no snapshots

        INCONCLUSIVE: something could not be checked
        ");
    }

    #[test]
    fn a_summary_names_what_differs_and_ends_with_the_verdict() {
        insta::assert_snapshot!(render(&example::report(), false), @r"
        oci:image:stand-in

        preflight        same           0.0 s  1 same
        replay           different      3.4 s  1 same, 1 different, 1 broken, 1 not run
        database         left out       0.0 s  0 same, 1 left out by name

        messages of the guest: while scenarios ran, in 1, replay/login 4 (1 severe)

        ≠ replay/login/02-list: status and headers agree
            body line 14: text
              expected Žltý kôň
              found    Zlty <kun>\u{1b}[31m
              cause    the charset was lost

        ! replay/login/03-detail
            connection reset

        ? replay/login/04-edit
            03-detail did not answer

        not compared with the old server's answer, but with one that a person accepted: 1
            replay/login/01-form (the new <footer>)

        1 answers took 0.0 s on the old server when they were recorded, and 0.3 s now; longer by most: replay/login/01-form (12 ms then, 300 ms now)

        DIFFERENT: the candidate is not the same
        ");
    }
}
