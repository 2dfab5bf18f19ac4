//! One answer compared with its snapshot, in layers: framing, status, headers, charset, body.

use std::{collections::BTreeMap, time::Duration};

use super::{
    alignment::Page,
    binary,
    checks::{Checks, Uncompared},
    coding,
    excerpt::excerpts,
    headers::{headers, is_apart},
    lines,
    options::Options,
    run::Observation,
};
use crate::{
    charset::{Charset, Detection, detect, explain, visible},
    exchange::{Answer, Framing, status_code},
    outcome::Difference,
    snapshot::{Body, Snapshot, Surroundings},
};

/// What of a chunked body is not compared.
const CHUNKS: &str = "not compared: into which chunks a body is cut follows from buffers";

/// What of an answer is not compared that was the last one on its connection.
const ENDED: &str = "not compared: the header tells that a connection ends which several answers shared; over a connection of its own the answer does not end it";

/// What a comparison found.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) differences: Vec<Difference>,
    /// What was compared, or which layer differs first and which agree.
    pub(super) summary: String,
    pub(super) uncompared: Uncompared,
}

/// How an answer is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner<'a> {
    /// The asked server's host and port as in links.
    pub(super) authority: &'a str,
    /// The charset of pages that declare none.
    pub(super) charset: Charset,
    /// Seconds by which a clock may be off.
    pub(super) tolerance: i64,
}

/// Compares an answer of the server at `authority` with its snapshot, without the other answers of their scenario.
pub fn differences(
    snapshot: &Snapshot,
    answer: &Answer,
    authority: &str,
    options: &Options,
) -> Vec<Difference> {
    let observation = Observation {
        answer: answer.clone(),
        at: options.clock.now(),
        took: Duration::ZERO,
        secrets: Vec::new(),
        again: None,
    };
    let manner = Manner {
        authority,
        charset: options.charset,
        tolerance: i64::try_from(options.tolerance.as_secs()).unwrap_or(i64::MAX / 4),
    };
    compare(snapshot, &observation, manner, &mut BTreeMap::new()).differences
}

/// Compares an answer; `bound` holds the values of named holes over the whole scenario.
pub(super) fn compare(
    snapshot: &Snapshot,
    observation: &Observation,
    manner: Manner<'_>,
    bound: &mut BTreeMap<String, String>,
) -> Comparison {
    let answer = &observation.answer;
    let mut checks = Checks {
        surroundings: Surroundings {
            now: observation.at,
            zone: &snapshot.zone,
            tolerance: manner.tolerance,
            authority: manner.authority,
        },
        bound,
        reading: snapshot.reading,
        uncompared: Uncompared::default(),
    };
    let detection = detect(
        answer.header("Content-Type").as_deref(),
        &answer.body,
        manner.charset,
    );
    let mut headers_differ = headers(snapshot, observation, &mut checks);
    let body = body(snapshot, answer, detection, &mut checks);
    let coding = coding::compare(snapshot, answer, body.is_empty());
    if let (Some(first), true) = (coding.first(), body.is_empty()) {
        let mut lengths = headers_differ.iter_mut();
        if let Some(length) = lengths.find(|one| one.locus == "header Content-Length") {
            length.cause.clone_from(&first.cause);
        }
    }
    let layers = [
        ("framing", framing(snapshot, answer)),
        ("status", status(snapshot, answer)),
        ("headers", headers_differ),
        ("content coding", coding),
        ("charset", charset(snapshot, answer, detection)),
        ("body", body),
    ];
    let apart = answer
        .headers
        .iter()
        .filter(|line| is_apart(observation, &line.name));
    let apart: Vec<usize> = apart.map(|line| line.value.len()).collect();
    let headers = answer.headers.len() - apart.len();
    let summary = summary(&layers, answer, headers, &checks.uncompared);
    for bytes in apart {
        checks.uncompared.add(ENDED.into(), bytes);
    }
    if let Some(bytes) = coding::not_compared(snapshot, answer) {
        checks.uncompared.add(coding::FOLLOWS.into(), bytes);
    }
    if let Framing::Chunked = answer.framing {
        let heads = answer.wire_length.saturating_sub(answer.coded_body().len());
        checks.uncompared.add(CHUNKS.into(), heads);
    }
    Comparison {
        differences: layers
            .into_iter()
            .flat_map(|(_, differences)| differences)
            .collect(),
        summary,
        uncompared: checks.uncompared,
    }
}

/// Says what was compared, or which layer differs first and which agree.
fn summary(
    layers: &[(&str, Vec<Difference>)],
    answer: &Answer,
    headers: usize,
    uncompared: &Uncompared,
) -> String {
    let mut differing = Vec::new();
    let mut agreeing = Vec::new();
    for (name, differences) in layers {
        if differences.is_empty() {
            agreeing.push(*name);
        } else {
            differing.push(*name);
        }
    }
    match differing.first() {
        None => format!(
            "status, {headers} headers and {} bytes of body agree; {} values in holes checked",
            answer.body.len(),
            uncompared
                .by_check
                .values()
                .map(|(places, _)| places)
                .sum::<usize>()
        ),
        Some(first) if agreeing.is_empty() => format!("first difference: {first}; nothing agrees"),
        Some(first) => format!(
            "first difference: {first}; the same: {}",
            agreeing.join(", ")
        ),
    }
}

fn framing(snapshot: &Snapshot, answer: &Answer) -> Vec<Difference> {
    let mut differences = Vec::new();
    let framing = answer.framing.as_str();
    if snapshot.framing != framing {
        differences.push(
            Difference::new("framing", "framing", &snapshot.framing, framing)
                .because("the end of the body is marked in another way: output buffering, keep-alive or the HTTP version differs"),
        );
    }
    let anomalies: Vec<String> = answer.anomalies.iter().map(ToString::to_string).collect();
    if snapshot.anomalies != anomalies {
        let join = |list: &[String]| {
            if list.is_empty() {
                "none".to_owned()
            } else {
                list.join(", ")
            }
        };
        let (old, new) = excerpts(&join(&snapshot.anomalies), &join(&anomalies));
        differences.push(Difference::new("framing", "protocol error", old, new));
    }
    differences
}

fn status(snapshot: &Snapshot, answer: &Answer) -> Vec<Difference> {
    let actual = visible(&answer.status_line);
    if snapshot.status == actual {
        return Vec::new();
    }
    let difference = Difference::new("status line", "status", &snapshot.status, &actual);
    let recorded = status_code(snapshot.status.as_bytes());
    vec![match status_cause(recorded, answer.status()) {
        Some(cause) => difference.because(cause),
        None => difference,
    }]
}

/// Says why another status is sent.
fn status_cause(recorded: Option<u16>, actual: Option<u16>) -> Option<&'static str> {
    let redirects = |status: u16| matches!(status, 301 | 302 | 303 | 307 | 308);
    Some(match (recorded?, actual?) {
        (_, 500..) => "the server or a script fails: see Apache's error log",
        (_, 404) => "a file is missing, or a rewrite rule or alias is",
        (_, 401 | 403) => "access rules or file modes differ",
        (200, new) if redirects(new) => {
            "the candidate redirects where the old server shows a page: the session or the login was lost, or a rewrite rule differs"
        }
        (old, 200) if redirects(old) => {
            "the candidate shows a page where the old server redirects: a form was not accepted, or a script stops before its redirect"
        }
        (old, new) if redirects(old) && redirects(new) => {
            "another kind of redirect: a rewrite rule's flags, or the HTTP version in which PHP answers"
        }
        _ => return None,
    })
}

fn charset(snapshot: &Snapshot, answer: &Answer, actual: Detection) -> Vec<Difference> {
    match snapshot.charset {
        Some(expected) if expected != actual && !binary::is_compressed(answer) => {
            let difference = Difference::new(
                "charset",
                "charset",
                expected.to_string(),
                actual.to_string(),
            );
            vec![match explain(b"", b"", expected, actual) {
                Some(cause) => difference.because(cause),
                None => difference,
            }]
        }
        Some(_) | None => Vec::new(),
    }
}

fn body(
    snapshot: &Snapshot,
    answer: &Answer,
    detection: Detection,
    checks: &mut Checks<'_>,
) -> Vec<Difference> {
    match (&snapshot.body, snapshot.charset) {
        (Body::Text(_), _) if binary::is_compressed(answer) => vec![binary::unreadable(answer)],
        (Body::Text(template), Some(expected_as)) => {
            let reading = snapshot.reading;
            let read_as = Detection {
                charset: reading.charset(expected_as.charset),
                ..expected_as
            };
            let page = Page {
                bytes: &answer.body,
                expected_as: read_as,
                actual_as: if detection == expected_as {
                    read_as
                } else {
                    detection
                },
                reading,
            };
            lines::compare(template, page, checks)
        }
        (Body::Text(template), None) => {
            binary::compare(template.marked().0.as_bytes(), &answer.body)
        }
        (Body::Binary { bytes, .. }, _) => binary::compare(bytes, &answer.body),
    }
}
