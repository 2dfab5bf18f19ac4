//! `report.html`: one self-contained file that a headmistress can read: the answer first, then what was checked.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    carried,
    clusters::{Cluster, clusters},
    times,
};
use crate::outcome::{
    Carried, Case, Difference, Outcome, RunReport, Stage, StageName, SyslogEntry, SyslogPart,
    Timed, Verdict,
};

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
.verdict{padding:1rem 1.5rem;border-radius:.5rem;color:#fff}.verified{background:#1b7a3d}.different{background:#b3261e}.inconclusive{background:#8a5a00}\
.verdict h1{margin:0;font-size:1.6rem}.verdict p{margin:.3rem 0 0}\
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}\
code,pre,.value{font-family:ui-monospace,monospace;font-size:.9em;white-space:pre-wrap;overflow-wrap:anywhere}\
.same{color:#1b7a3d}.bad{color:#b3261e}.open{color:#8a5a00}del{background:#fde0dd;text-decoration:none}ins{background:#dff3e3;text-decoration:none}\
details{margin:.4rem 0}summary{cursor:pointer}";

/// Renders the report as one HTML file.
pub fn render(report: &RunReport) -> String {
    let verdict = report.verdict();
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "migrate-verify: " (verdict) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                div class={ "verdict " (verdict) } { h1 { (headline(verdict)) } p { (advice(verdict)) } (accepted(report)) }
                p { "Checked: " code { (report.subject) } " · started " (report.started_at)
                    @if let Some(id) = &report.id { " · run " code { (id) } } }
                (overview(report))
                (findings(report))
                h2 { "All checks" }
                @for stage in &report.stages { (stage_details(stage)) }
                @if !report.syslog.is_empty() {
                    h2 { "What the copy's programs said meanwhile" }
                    @for part in &report.syslog { (syslog_details(part)) }
                }
                @if !report.accepted.is_empty() {
                    h2 id="accepted" { "Compared with answers that a person accepted" }
                    ul { @for case in &report.accepted { li { (printable(case)) } } }
                }
                @if !report.not_compared.is_empty() {
                    h2 { "Deliberately not compared" }
                    ul { @for reason in &report.not_compared { li { (printable(reason)) } } }
                }
                @if !report.carried.is_empty() { (carried_table(&report.carried)) }
                @if let Some(line) = times::line(&report.timed) { (times_table(&line, &report.timed)) }
            }
        }
    };
    document.into_string()
}

fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "The copy is right.",
        Verdict::Different => "The copy is not the same.",
        Verdict::Inconclusive => "Not everything could be checked.",
    }
}

fn advice(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "Everything that was compared with the old server is the same.",
        Verdict::Different => {
            "Do not switch over before each difference below is mended or accepted."
        }
        Verdict::Inconclusive => "Do not switch over yet: what is listed below was not compared.",
    }
}

/// Says beside the verdict how much of it is a person's word.
fn accepted(report: &RunReport) -> Markup {
    html! {
        @if !report.accepted.is_empty() {
            p { a href="#accepted" { (report.accepted.len()) " of the answers" }
                " were compared with what a person accepted, not with what the old server said." }
        }
    }
}

fn overview(report: &RunReport) -> Markup {
    html! {
        table {
            tr { th { "Question" } th { "Answer" } th { "Checks" } th { "Time" } }
            @for stage in &report.stages {
                tr {
                    td { (question(stage.name)) }
                    td class=(class(stage)) { (answer(stage)) }
                    td { (stage.cases.len()) }
                    td { (format!("{:.1} s", stage.took.as_secs_f64())) }
                }
            }
        }
    }
}

fn question(stage: StageName) -> &'static str {
    match stage {
        StageName::Preflight => "Can the new host carry the old system?",
        StageName::Build => "Was the new system built from the pinned parts?",
        StageName::Reproducibility => "Does a second build give exactly the same?",
        StageName::Boot => "Does it start, and offer nothing but the web pages?",
        StageName::Replay => "Does every page answer as on the old server?",
        StageName::Database => "Are the data the same?",
        StageName::Logs => "Do its messages arrive?",
        StageName::Shutdown => "Does it stop cleanly and leave nothing changed?",
    }
}

fn answer(stage: &Stage) -> &'static str {
    if stage.is_waived() {
        return "left out on purpose";
    }
    match stage.outcome_word() {
        "same" => "yes",
        "different" => "no",
        "broken" => "could not be checked",
        _ => "not checked",
    }
}

fn class(stage: &Stage) -> &'static str {
    match stage.outcome_word() {
        "same" => "same",
        "different" => "bad",
        _ => "open",
    }
}

fn findings(report: &RunReport) -> Markup {
    let open = |case: &&Case| !matches!(case.outcome, Outcome::Same | Outcome::Waived);
    let cases: Vec<&Case> = report
        .stages
        .iter()
        .flat_map(|stage| &stage.cases)
        .filter(open)
        .collect();
    let mut shared = clusters(cases.iter().copied());
    shared.retain(|cluster| cluster.members.len() > 1);
    let numbers: BTreeMap<*const Case, usize> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| (std::ptr::from_ref(*case), number))
        .collect();
    html! {
        @if !shared.is_empty() {
            h2 { "What several checks have in common" }
            @for cluster in &shared { (common(cluster, &numbers)) }
        }
        @if !cases.is_empty() {
            h2 { "What needs a look" }
            @for (number, case) in cases.iter().enumerate() { (finding(number, case)) }
        }
    }
}

/// One finding with all its members; each leads to what else its case shows.
fn common(cluster: &Cluster<'_>, numbers: &BTreeMap<*const Case, usize>) -> Markup {
    let members = cluster.members.iter().filter_map(|case| {
        let number = numbers.get(&std::ptr::from_ref(*case))?;
        Some((*number, *case))
    });
    html! {
        h3 { (cluster.members.len()) " checks: " (cluster.difference.aspect) @if cluster.is_example { ", for example" } }
        table {
            tr { th { "Where" } th { "In what" } th { "Old server" } th { "Copy" } }
            (difference_row(cluster.difference))
        }
        details {
            summary { "all " (cluster.members.len()) }
            ul { @for (number, case) in members { li { a href={ "#finding-" (number) } { code { (printable(case.id.as_str())) } } } } }
        }
    }
}

fn finding(number: usize, case: &Case) -> Markup {
    html! {
        h3 id={ "finding-" (number) } { code { (printable(case.id.as_str())) } }
        p { (printable(&case.reason)) }
        @if !case.differences().is_empty() {
            table {
                tr { th { "Where" } th { "In what" } th { "Old server" } th { "Copy" } }
                @for difference in case.differences() { (difference_row(difference)) }
            }
        }
    }
}

fn difference_row(difference: &Difference) -> Markup {
    html! {
        tr {
            td { (printable(&difference.locus)) }
            td { (difference.aspect) }
            td { del class="value" { (printable(&difference.expected)) } }
            td { ins class="value" { (printable(&difference.actual)) } }
        }
        @if let Some(cause) = &difference.cause { tr { td {} td colspan="3" { "Most likely: " (printable(cause)) } } }
    }
}

fn stage_details(stage: &Stage) -> Markup {
    html! {
        details {
            summary { (stage.name) ": " (stage.cases.len()) " checks, " (answer(stage)) }
            table {
                @for case in &stage.cases {
                    tr { td { code { (printable(case.id.as_str())) } } td { (super::json::outcome_word(&case.outcome)) } td { (printable(&case.reason)) } }
                }
            }
        }
    }
}

fn syslog_details(part: &SyslogPart) -> Markup {
    html! {
        details {
            summary { (printable(&part.name)) ": " (part.entries.len() + part.left_out) " messages, " (part.severe) " errors and warnings" }
            table { @for entry in &part.entries { (syslog_row(part, entry)) } }
            @if part.left_out > 0 { p { (part.left_out) " more stand in guest.log." } }
        }
    }
}

fn syslog_row(part: &SyslogPart, entry: &SyslogEntry) -> Markup {
    let prefix = format!("{}/", part.name);
    let steps: Vec<&str> = entry
        .during
        .iter()
        .map(|step| step.strip_prefix(&prefix).unwrap_or(step))
        .collect();
    let class = if entry.is_severe() { "bad" } else { "" };
    html! {
        tr {
            td { (format!("{:.1} s", entry.at.as_secs_f64())) }
            td class=(class) { (printable(&entry.facility)) "." (printable(&entry.severity)) }
            td { (printable(&entry.program)) }
            td { code { (printable(&entry.text)) } @if !steps.is_empty() { " (" (printable(&steps.join(" or "))) ")" } }
        }
    }
}

fn times_table(line: &str, timed: &[Timed]) -> Markup {
    html! {
        h2 { "How long answers took" }
        p { (printable(line)) "." }
        details {
            summary { "longer than on the old server" }
            table {
                tr { th { "Where" } th { "Old server" } th { "Copy" } }
                @for one in times::slower(timed) {
                    tr {
                        td { code { (printable(one.case.as_str())) } }
                        td { (one.legacy.as_millis()) " ms" }
                        td { (one.candidate.as_millis()) " ms" }
                    }
                }
            }
        }
    }
}

fn carried_table(all: &[Carried]) -> Markup {
    html! {
        h2 { "What pages gave and later requests used" }
        details {
            summary { (all.len()) " values" }
            table {
                tr { @for head in carried::HEADS { th { (head) } } }
                @for one in all { tr { @for cell in carried::cells(one) { td { (printable(&cell)) } } } }
            }
        }
    }
}

/// Makes control characters visible; maud escapes what HTML would read.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() && c != '\n' {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outcome::CaseId,
        report::{example, summary},
    };

    #[test]
    fn what_many_pages_have_in_common_is_one_finding_that_leads_to_each_of_them() {
        let case = |number: usize| {
            let footer = Difference::new(format!("body line {number}"), "text", "2009", "2010");
            let own = Difference::new("header X", "header value", "1", number.to_string());
            Case::compared(
                CaseId::new(&["replay", &format!("page-{number}")]),
                vec![footer, own],
                "x",
            )
        };
        let report = RunReport {
            stages: vec![Stage {
                name: StageName::Replay,
                took: std::time::Duration::ZERO,
                cases: (0..312).map(case).collect(),
            }],
            ..example::report()
        };
        let html = render(&report);
        assert!(html.contains("<h3>312 checks: text</h3>"), "{html}");
        for number in 0..312 {
            let link =
                format!("<a href=\"#finding-{number}\"><code>replay/page-{number}</code></a>");
            let target =
                format!("<h3 id=\"finding-{number}\"><code>replay/page-{number}</code></h3>");
            assert_eq!(html.matches(&link).count(), 1, "{number}");
            assert_eq!(html.matches(&target).count(), 1, "{number}");
        }
        assert!(summary::render(&report, false).contains("≠ 312 cases: "));
    }

    #[test]
    fn hostile_text_is_shown_and_not_interpreted() {
        let html = render(&example::report());
        assert!(html.contains("Zlty &lt;kun&gt;\\u{1b}[31m"), "{html}");
        assert!(html.contains("PHP Warning: &lt;kun&gt;\\u{1b}"), "{html}");
        assert!(
            html.contains("(02-list or replay/search/01-form)"),
            "{html}"
        );
        assert!(html.contains("The copy is not the same."), "{html}");
        assert!(html.contains(">1 of the answers</a>"), "{html}");
        assert!(html.contains("(the new &lt;footer&gt;)"), "{html}");
        assert!(html.contains("<td>hidden field &lt;kun&gt;</td>"), "{html}");
        assert!(html.contains("<td>12 ms</td><td>300 ms</td>"), "{html}");
        assert!(
            !html.contains("http://") && !html.contains("<script"),
            "it must be one self-contained file"
        );
        assert_eq!(html, render(&example::report()));
    }
}
