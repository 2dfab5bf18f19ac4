//! The header lines of an answer, compared with the recorded ones.

use std::{borrow::Cow, collections::BTreeMap};

use super::{checks::Checks, coding, excerpt::excerpts, run::Observation};
use crate::{
    charset::header_charset,
    exchange::{Again, HeaderLine, is_coding},
    outcome::Difference,
    snapshot::{Snapshot, Template},
};

/// A header line, printable.
struct Line<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Line<'a> {
    fn of(line: &'a HeaderLine) -> Self {
        Self {
            name: line.name_text(),
            value: line.value_text(),
        }
    }
}

/// So many added lines are shown; the others are counted.
const MOST_ADDED: usize = 20;

/// So many lines of an order are shown.
const MOST_ORDERED: usize = 60;

/// The header lines that tell of the connection (RFC 9110, 7.6.1; RFC 2068, 19.7.1).
const OF_THE_CONNECTION: [&[u8]; 2] = [b"connection", b"keep-alive"];

/// Returns whether a header tells of the connection and nothing of the page, as [`Again::Ended`] says: it is not compared.
pub(super) fn is_apart(observation: &Observation, name: &[u8]) -> bool {
    let mut names = OF_THE_CONNECTION.iter();
    observation.again == Some(Again::Ended) && names.any(|known| name.eq_ignore_ascii_case(known))
}

/// Compares the header lines: each with the recorded one of its name, then their order.
pub(super) fn headers(
    snapshot: &Snapshot,
    observation: &Observation,
    checks: &mut Checks<'_>,
) -> Vec<Difference> {
    let lines = observation.answer.headers.iter().map(Line::of);
    let lines: Vec<Line<'_>> = lines
        .filter(|line| !is_apart(observation, line.name.as_bytes()))
        .collect();
    let mut differences = Vec::new();
    if observation.again == Some(Again::Ended) && snapshot.headers.iter().any(closes) {
        let kept = "the connection is kept where the page is asked for alone";
        let locus = "header Connection";
        differences.push(Difference::new(locus, "header value", "close", kept));
    }
    let mut left: Vec<Option<&Line<'_>>> = lines.iter().map(Some).collect();
    let mut places = Vec::new();
    let recorded = snapshot.headers.iter();
    for (name, template) in recorded.filter(|(name, _)| !is_apart(observation, name.as_bytes())) {
        let Some(index) = partner(&left, name, template) else {
            differences.push(missing(name, template));
            continue;
        };
        if let Some(line) = left[index].take() {
            places.push(index);
            if line.name != *name {
                differences.push(Difference::new(
                    format!("header {name}"),
                    "header name",
                    name,
                    line.name.as_ref(),
                ));
            }
            differences.extend(header(name, template, &line.value, checks));
        }
    }
    let mut more = left.into_iter().flatten();
    differences.extend(more.by_ref().take(MOST_ADDED).map(added));
    let hidden = more.count();
    if hidden > 0 {
        let found = format!("{hidden} more header lines are added and are not shown");
        differences.push(Difference::new("headers", "added header", "", found));
    }
    if !places.is_sorted() {
        differences.push(order(snapshot, &lines));
    }
    differences
}

fn missing(name: &str, template: &Template) -> Difference {
    let locus = format!("header {name}");
    let recorded = template.marked().0;
    Difference::new(locus, "missing header", recorded, "no such header")
        .because(missing_cause(name))
}

fn added(line: &Line<'_>) -> Difference {
    let locus = format!("header {}", line.name);
    let value = excerpts(&shown(line), "").0;
    let difference = Difference::new(locus, "added header", "no such header", value);
    if line.name.eq_ignore_ascii_case("content-encoding") && is_coding(line.value.as_bytes()) {
        difference.because(coding::ON)
    } else {
        difference
    }
}

/// Returns a header's value; a cookie's is nobody's business.
fn shown<'a>(line: &'a Line<'_>) -> Cow<'a, str> {
    if !is_cookie(&line.name) {
        return Cow::Borrowed(&line.value);
    }
    let (pair, attributes) = line
        .value
        .split_at(line.value.find(';').unwrap_or(line.value.len()));
    let name = pair.split_once('=').map_or("", |(name, _)| name);
    Cow::Owned(format!("{name}=****{attributes}"))
}

fn is_cookie(name: &str) -> bool {
    name.eq_ignore_ascii_case("set-cookie")
}

/// Returns whether a recorded header says that the connection ends.
fn closes((name, template): &(String, Template)) -> bool {
    let value = template.marked().0.to_ascii_lowercase();
    name.eq_ignore_ascii_case("connection") && value.split(',').any(|word| word.trim() == "close")
}

/// Shows two orders; of names that stand more than once, with their values, or they could not be told apart.
fn order(snapshot: &Snapshot, lines: &[Line<'_>]) -> Difference {
    let recorded = snapshot.headers.iter().map(|(name, value)| Line {
        name: name.as_str().into(),
        value: value.marked().0.into(),
    });
    let words = |lines: &[Line<'_>]| -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in lines {
            *counts.entry(line.name.to_ascii_lowercase()).or_default() += 1;
        }
        let word = |line: &Line<'_>| match counts.get(&line.name.to_ascii_lowercase()) {
            Some(2..) => format!("{}: {}", line.name, shown(line)),
            Some(_) | None => line.name.to_string(),
        };
        let mut words: Vec<String> = lines.iter().take(MOST_ORDERED).map(word).collect();
        if lines.len() > MOST_ORDERED {
            words.push(format!("and {} more", lines.len() - MOST_ORDERED));
        }
        words.join(", ")
    };
    let recorded: Vec<Line<'_>> = recorded.collect();
    Difference::new("headers", "header order", words(&recorded), words(lines))
}

/// Finds the line that stands for a recorded header: of several of one name the one whose text fits, so that an order is not taken
/// for a value.
fn partner(left: &[Option<&Line<'_>>], name: &str, template: &Template) -> Option<usize> {
    let same_name = |line: &Line<'_>| line.name.eq_ignore_ascii_case(name);
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
    // Most headers are the same text; nothing is written down about them.
    if template.is_text(text) {
        return Vec::new();
    }
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
            if is_cookie(name) && difference.aspect != "relation" {
                difference.actual = shown(&Line {
                    name: name.into(),
                    value: text.into(),
                })
                .into_owned();
            }
            difference
        })
        .collect()
}

fn missing_cause(name: &str) -> String {
    if name.eq_ignore_ascii_case("content-encoding") {
        return coding::OFF.to_owned();
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
