//! One answer compared with its snapshot, in layers: framing, status, headers, charset, body.

use std::collections::BTreeMap;

use super::{
    alignment::Page,
    binary,
    checks::{Checks, Uncompared},
    excerpt::excerpts,
    lines,
    options::Options,
    run::Observation,
};
use crate::{
    charset::{Charset, Detection, detect, explain, header_charset, visible},
    exchange::{Again, Answer, Framing, HeaderLine},
    outcome::Difference,
    snapshot::{Body, Snapshot, Surroundings, Template},
};

/// What of a chunked body is not compared.
const CHUNKS: &str = "not compared: into which chunks a body is cut follows from buffers";

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
        uncompared: Uncompared::default(),
    };
    let detection = detect(
        answer.header("Content-Type").as_deref(),
        &answer.body,
        manner.charset,
    );
    let layers = [
        ("framing", framing(snapshot, answer)),
        ("status", status(snapshot, answer)),
        ("headers", headers(snapshot, observation, &mut checks)),
        ("charset", charset(snapshot, detection)),
        ("body", body(snapshot, answer, detection, &mut checks)),
    ];
    let summary = summary(&layers, answer, &checks.uncompared);
    if let Framing::Chunked = answer.framing {
        let heads = answer.wire_length.saturating_sub(answer.body.len());
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
fn summary(layers: &[(&str, Vec<Difference>)], answer: &Answer, uncompared: &Uncompared) -> String {
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
            "status, {} headers and {} bytes of body agree; {} values in holes checked",
            answer.headers.len(),
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
    vec![match answer.status() {
        Some(500..) => difference.because("the server or a script fails: see Apache's error log"),
        Some(404) => difference.because("a file is missing, or a rewrite rule or alias is"),
        Some(401 | 403) => difference.because("access rules or file modes differ"),
        Some(_) | None => difference,
    }]
}

/// A header line, printable.
struct Line {
    name: String,
    value: String,
}

impl Line {
    fn of(line: &HeaderLine) -> Self {
        Self {
            name: line.name_text(),
            value: line.value_text(),
        }
    }
}

/// The header lines that tell of the connection (RFC 9110, 7.6.1; RFC 2068, 19.7.1).
const OF_THE_CONNECTION: [&str; 2] = ["connection", "keep-alive"];

/// Why they are not compared where [`Again::Ended`] says that they tell nothing of the page.
const ENDED: &str = "not compared: the header tells that a connection ends which several answers shared; over a connection of its own the answer does not end it";

fn headers(
    snapshot: &Snapshot,
    observation: &Observation,
    checks: &mut Checks<'_>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let of_the_connection = |name: &str| {
        let mut names = OF_THE_CONNECTION.iter();
        observation.again == Some(Again::Ended)
            && names.any(|known| name.eq_ignore_ascii_case(known))
    };
    let lines = observation.answer.headers.iter().map(Line::of);
    let (apart, lines): (Vec<Line>, Vec<Line>) =
        lines.partition(|line| of_the_connection(&line.name));
    for line in apart {
        checks.uncompared.add(ENDED.into(), line.value.len());
    }
    let mut left: Vec<Option<&Line>> = lines.iter().map(Some).collect();
    let mut places = Vec::new();
    if observation.again == Some(Again::Ended) && snapshot.headers.iter().any(closes) {
        let alone = "the connection is kept where the page is asked for alone";
        differences.push(Difference::new(
            "header Connection",
            "header value",
            "close",
            alone,
        ));
    }
    let recorded = snapshot.headers.iter();
    for (name, template) in recorded.filter(|(name, _)| !of_the_connection(name)) {
        let Some(index) = partner(&left, name, template) else {
            differences.push(
                Difference::new(
                    format!("header {name}"),
                    "missing header",
                    template.marked().0,
                    "no such header",
                )
                .because(missing_cause(name)),
            );
            continue;
        };
        if let Some(line) = left[index].take() {
            places.push(index);
            if line.name != *name {
                differences.push(Difference::new(
                    format!("header {name}"),
                    "header name",
                    name,
                    &line.name,
                ));
            }
            differences.extend(header(name, template, &line.value, checks));
        }
    }
    for line in left.into_iter().flatten() {
        let difference = Difference::new(
            format!("header {}", line.name),
            "added header",
            "no such header",
            excerpts(&line.value, "").0,
        );
        differences.push(if line.name.eq_ignore_ascii_case("content-encoding") {
            difference.because("the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on")
        } else {
            difference
        });
    }
    if !places.is_sorted() {
        differences.push(order(snapshot, &lines));
    }
    differences
}

/// Returns whether a recorded header says that the connection ends.
fn closes((name, template): &(String, Template)) -> bool {
    let value = template.marked().0.to_ascii_lowercase();
    name.eq_ignore_ascii_case("connection") && value.split(',').any(|word| word.trim() == "close")
}

fn order(snapshot: &Snapshot, lines: &[Line]) -> Difference {
    let recorded: Vec<&str> = snapshot
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let actual: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    Difference::new(
        "headers",
        "header order",
        recorded.join(", "),
        actual.join(", "),
    )
}

/// Finds the line that stands for a recorded header: of several of one name the one whose text fits, so that an order is not taken
/// for a value.
fn partner(left: &[Option<&Line>], name: &str, template: &Template) -> Option<usize> {
    let same_name = |line: &Line| line.name.eq_ignore_ascii_case(name);
    let fits =
        |index: &usize| left[*index].is_some_and(|line| template.values(&line.value).is_some());
    let mut candidates = (0..left.len()).filter(|index| left[*index].is_some_and(same_name));
    let others = candidates.clone().skip(1).count();
    match candidates.clone().find(|index| others > 0 && fits(index)) {
        None => candidates.next(),
        fitting => fitting,
    }
}

fn header(name: &str, template: &Template, text: &str, checks: &mut Checks<'_>) -> Vec<Difference> {
    let locus = format!("header {name}");
    checks
        .values(template, text, &locus)
        .into_iter()
        .map(|mut difference| {
            if difference.aspect == "text" {
                difference.aspect = "header value".into();
                difference.cause = header_cause(name, &template.marked().0, text);
                if header_charset(&template.marked().0) != header_charset(text) {
                    difference.aspect = "charset".into();
                }
            }
            difference
        })
        .collect()
}

fn missing_cause(name: &str) -> String {
    if name.eq_ignore_ascii_case("content-encoding") {
        return "the page is not compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is off".to_owned();
    }
    format!("the candidate does not send {name}")
}

fn header_cause(name: &str, expected: &str, actual: &str) -> Option<String> {
    let cause = match name.to_ascii_lowercase().as_str() {
        "content-type" => match (header_charset(expected), header_charset(actual)) {
            (None, Some(_)) => {
                "a charset was added to Content-Type, which overrides the page's own: Apache's AddDefaultCharset or PHP's default_charset is set"
            }
            (Some(_), None) => {
                "the charset is gone from Content-Type: Apache's AddDefaultCharset or PHP's default_charset is missing"
            }
            (Some(old), Some(new)) if old != new => {
                "another charset is declared: Apache's AddDefaultCharset, AddCharset or PHP's default_charset differs"
            }
            _ => "the type differs: mime.types, AddType or the script's header()",
        },
        "server" | "x-powered-by" => {
            "another version of Apache or PHP, or ServerTokens or expose_php differs"
        }
        "set-cookie" => {
            "the cookie's name, path or flags differ: session.* in php.ini or the script"
        }
        "location" => "the redirect leads elsewhere",
        "last-modified" => "the file's modification time was not kept, or the file differs",
        "etag" => "size or modification time of the file differs",
        "content-length" => "the body has another length",
        "expires" | "cache-control" | "pragma" => {
            "caching differs: session.cache_limiter or mod_expires"
        }
        _ => return None,
    };
    Some(cause.to_owned())
}

fn charset(snapshot: &Snapshot, actual: Detection) -> Vec<Difference> {
    match snapshot.charset {
        Some(expected) if expected != actual => {
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
        (Body::Text(template), Some(expected_as)) => {
            let page = Page {
                bytes: &answer.body,
                expected_as,
                actual_as: detection,
            };
            lines::compare(template, page, checks)
        }
        (Body::Text(template), None) => {
            binary::compare(template.marked().0.as_bytes(), &answer.body)
        }
        (Body::Binary { bytes, .. }, _) => binary::compare(bytes, &answer.body),
    }
}
